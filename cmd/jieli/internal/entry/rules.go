package entry

import "github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"

const ruleUnknownDivision = "there is and was no such division"

// words are a rule in both languages.
func words(rule string) lang.Words { return lang.Words{English: rule, Chinese: lang.Rule(rule)} }

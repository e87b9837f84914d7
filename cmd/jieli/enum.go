package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	"github.com/jieli-gateway/jieli/gateway/access"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// enum reads one of the words of an enumeration, in either case or in Chinese, as a flag has it. Words end in
// _UNSPECIFIED where nothing is meant.
func enum(flag, word string, values map[string]int32) (int32, error) {
	if v, ok := values[lang.Values().English(strings.ToUpper(word))]; ok && v != 0 {
		return v, nil
	}
	known := enumWords(values)
	return 0, usage("%s must be one of %s; it is %q%s", "%s 须为 %s 之一；现为 %q%s", flag, strings.Join(known, ", "), word, didYouMean("", word, known))
}

// enumWords lists the words of an enumeration in its own order.
func enumWords(values map[string]int32) []string {
	words := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Compare(values[a], values[b]) })
	return slices.DeleteFunc(words, func(word string) bool { return values[word] == 0 })
}

// completions are words, with their Chinese for those who read it.
func (a *app) completions(words []string) []cobra.Completion {
	if a.lang != "zh" {
		return words
	}
	all := make([]cobra.Completion, len(words))
	for i, word := range words {
		all[i] = cobra.CompletionWithDesc(word, lang.Values().Of(word))
	}
	return all
}

func (a *app) ticketStates() []cobra.Completion {
	return a.completions(enumWords(jieliv1.Ticket_State_value))
}

func (a *app) returnReasons() []cobra.Completion {
	return a.completions(enumWords(jieliv1.Returned_Reason_value))
}

func roleNames() (names []cobra.Completion) {
	for _, role := range access.AllRoles() {
		names = append(names, string(role))
	}
	return names
}

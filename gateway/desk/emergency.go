package desk

import "strings"

// urgentWords are plain words that may mean an emergency. They only warn: what decides is the service or the number
// asked for. A word is not taken where it is part of a longer one that means something else (救命钱 is money).
var urgentWords = []struct {
	word   string
	not    []string
	number string
}{
	{word: "着火了", number: "119"},
	{word: "起火了", number: "119"},
	{word: "救命", not: []string{"救命钱", "救命药", "救命稻草", "救命恩人"}, number: "110 / 120"},
	{word: "煤气泄漏", number: "119"},
	{word: "燃气泄漏", number: "119"},
	{word: "昏迷不醒", number: "120"},
	{word: "正在打人", number: "110"},
	{word: "持刀", number: "110"},
}

// emergencyWords warns of words in free text that may mean an emergency.
func emergencyWords(text string) []string {
	var warnings []string
	for _, w := range urgentWords {
		rest := text
		for _, n := range w.not {
			rest = strings.ReplaceAll(rest, n, "")
		}
		if strings.Contains(rest, w.word) {
			warnings = append(warnings, "the text says “"+w.word+"”: if somebody is in danger, tell the caller to dial "+w.number)
		}
	}
	return warnings
}

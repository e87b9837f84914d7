// Package suggest finds what somebody who mistyped a word may have meant.
package suggest

import "strings"

// leastBegun is how much of a word, in bytes, must have been typed to be its beginning.
const leastBegun = 3

// Nearest gives the known word that is nearest to another, the first of several; "" when none is near.
func Nearest(word string, known []string) string {
	nearest, best := "", max(1, (len([]rune(word))+1)/3)+1
	for _, k := range known {
		d := distance([]rune(strings.ToLower(word)), []rune(strings.ToLower(k)))
		if len(word) >= leastBegun && strings.HasPrefix(k, strings.ToLower(word)) {
			d = min(d, 1) // not typed to its end
		}
		if d < best && d < len([]rune(k)) {
			nearest, best = k, d
		}
	}
	return nearest
}

// distance counts the characters to insert, drop, replace or swap with the next to get from one word to another.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

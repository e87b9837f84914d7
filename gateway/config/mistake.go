package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Nowhere is where a key is missing when there is no file it could stand in.
const Nowhere = "configuration"

// Mistake is one thing that is wrong with a configuration.
type Mistake struct {
	// Where the value comes from: file:line, an environment variable, or the file alone when a key is missing.
	Where string `json:"where"`
	// Key that is wrong; empty when the file cannot be read as a whole.
	Key string `json:"key,omitempty"`
	// Problem is what is wrong and what to do.
	Problem string `json:"problem"`

	line int
}

// Error gives where, and what is wrong.
func (m Mistake) Error() string { return m.Where + ": " + m.Problem }

// Mistakes are all that is wrong with a configuration, in the order of the file.
type Mistakes []Mistake

// Error gives one line for each.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.Error()
	}
	return strings.Join(lines, "\n")
}

// at notes a mistake in a file.
func (m *Mistakes) at(file string, line int, key, format string, args ...any) {
	where := file
	if line > 0 {
		where = fmt.Sprintf("%s:%d", file, line)
	}
	*m = append(*m, Mistake{Where: where, Key: key, Problem: fmt.Sprintf(format, args...), line: line})
}

// err is nil when there is none.
func (m Mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	slices.SortStableFunc(m, func(a, b Mistake) int { return cmp.Compare(a.line, b.line) })
	return m
}

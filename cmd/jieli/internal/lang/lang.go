// Package lang has the Chinese of what the command line says: of tables and of help. Sentences with figures in them stand
// where they are said, in both languages.
package lang

import "maps"

// Chinese is texts by their English.
type Chinese map[string]string

// Tables are headings and labels.
func Tables() Chinese {
	all := headings()
	maps.Copy(all, labels())
	return all
}

// Help is the descriptions of commands, by their English or, where they are long, by the command's path, and of flags.
func Help() Chinese {
	all := commands()
	maps.Copy(all, flags())
	maps.Copy(all, longs())
	return all
}

// Of gives the Chinese of a text, or the text itself where there is none.
func (c Chinese) Of(english string) string {
	if zh, ok := c[english]; ok {
		return zh
	}
	return english
}

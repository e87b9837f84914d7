package regions

import "maps"

// dictionary numbers names, so that a table stores each once. Number 0 is "".
// A dictionary in a table is never changed: an edit works on a copy.
type dictionary struct {
	names   []string
	numbers map[string]uint32
}

func newDictionary() *dictionary {
	return &dictionary{names: []string{""}, numbers: map[string]uint32{"": 0}}
}

// draft returns a dictionary that an edit may add to; it copies this one only
// when a name is new.
func (d *dictionary) draft() dictionaryDraft { return dictionaryDraft{dictionary: d} }

// dictionaryDraft is a dictionary being added to.
type dictionaryDraft struct {
	*dictionary
	own bool // the dictionary was copied, or made, for this draft
}

// number returns the number of a name, adding it if it is new.
func (d *dictionaryDraft) number(name string) uint32 {
	if number, found := d.numbers[name]; found {
		return number
	}
	if !d.own {
		d.dictionary = &dictionary{
			names:   append(make([]string, 0, len(d.names)+1), d.names...),
			numbers: maps.Clone(d.numbers),
		}
		d.own = true
	}
	number := uint32(len(d.names))
	d.names = append(d.names, name)
	d.numbers[name] = number
	return number
}

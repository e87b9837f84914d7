package regions

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// dictionary numbers names, so that a table stores each once. Number 0 is "".
// A dictionary in a table is never changed: an edit works on a copy.
type dictionary struct {
	names   []string
	numbers map[string]uint16
	chains  map[string]chain // of services; filled by link
}

// maxNames is the most names that a dictionary can number, "" included.
const maxNames = math.MaxUint16 + 1

func newDictionary() *dictionary {
	return &dictionary{names: []string{""}, numbers: map[string]uint16{"": 0}}
}

// chain is a service with all that cover it and that rules name, as numbers: the
// most specific first, and 0, any service, last.
type chain []uint16

// anyService is the chain of a service that no rule names.
var anyService = chain{0}

// covering returns the services that cover one, as far as rules name them.
func (d *dictionary) covering(service string) chain {
	for service != "" {
		if found, ok := d.chains[service]; ok {
			return found
		}
		service = wideService(service)
	}
	return anyService
}

// wideService returns the service that one is part of, or "".
func wideService(service string) string {
	return service[:max(0, strings.LastIndexByte(service, '.'))]
}

// draft is a dictionary that an edit may add to.
type draft struct {
	*dictionary
	own bool // the dictionary was copied for this draft
}

// number returns the number of a name, adding it if it is new; false if the
// dictionary is full.
func (d *draft) number(name string) (uint16, bool) {
	if number, found := d.numbers[name]; found {
		return number, true
	}
	if len(d.names) == maxNames {
		return 0, false
	}
	if !d.own {
		d.dictionary = &dictionary{names: slices.Clone(d.names), numbers: maps.Clone(d.numbers)}
		d.own = true
	}
	number := uint16(len(d.names))
	d.names = append(d.names, name)
	d.numbers[name] = number
	return number, true
}

// linked returns the dictionary with the chain of each name, taken as a service.
func (d *draft) linked() *dictionary {
	if !d.own && d.chains != nil {
		return d.dictionary
	}
	linked := *d.dictionary
	linked.chains = make(map[string]chain, len(linked.names))
	for _, name := range linked.names[1:] {
		var all chain
		for service := name; service != ""; service = wideService(service) {
			if number, found := linked.numbers[service]; found {
				all = append(all, number)
			}
		}
		linked.chains[name] = append(all, 0)
	}
	return &linked
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// CheckMapping finds what is wrong with a mapping file, which says what a centre's own words are in Jieli
// (configs/mapping.yaml). A node does not read it: the program that connects the centre's system does. Services are those
// of the catalogue. The error is Mistakes, unless the file cannot be read.
func CheckMapping(file string, services *regions.Catalogue) error {
	b, err := readFile(file)
	if err != nil {
		return fmt.Errorf("mapping: %w", err)
	}
	return checkMapping(file, b, services).err()
}

func checkMapping(file string, b []byte, services *regions.Catalogue) Mistakes {
	m := &mapping{file: file, services: services}
	root, ok := document(file, b, &m.wrong)
	if !ok {
		return m.wrong
	}
	parts := mappingParts()
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	sections := m.members(root, "", names)
	for _, p := range parts {
		m.part(p, sections[p.name])
	}
	return m.wrong
}

// mapping is a mapping file being checked.
type mapping struct {
	file     string
	services *regions.Catalogue
	wrong    Mistakes
}

// part is a section of the file.
type part struct {
	name string
	// keys are what Jieli knows, and all of them must be there; nil for services, of which any may.
	keys []string
	// several: a key has a list of words, and each word belongs to one key.
	several bool
}

// mappingParts are all sections, in the order of the file.
func mappingParts() []part {
	return []part{
		{name: "types", keys: enumNames(jieliv1.Ticket_Type_name), several: true},
		{name: "urgencies", keys: enumNames(jieliv1.Ticket_Urgency_name), several: true},
		{name: "states", keys: enumNames(jieliv1.Ticket_State_name)},
		{name: "categories", several: true},
	}
}

// enumNames are the names of an enum's values in their order, without the unspecified one.
func enumNames(names map[int32]string) []string {
	var all []string
	for _, number := range slices.Sorted(maps.Keys(names)) {
		if number != 0 {
			all = append(all, names[number])
		}
	}
	return all
}

// member is a key with its value.
type member struct{ key, value *yaml.Node }

// members reads the keys of a section, each once; with known, no others than these.
func (m *mapping) members(n *yaml.Node, section string, known []string) map[string]member {
	found := map[string]member{}
	if n == nil || empty(n) {
		return found
	}
	prefix, what := section+".", section
	if section == "" {
		prefix, what = "", "the file"
	}
	if n.Kind != yaml.MappingNode {
		m.wrong.at(m.file, n.Line, section, "%s must hold keys, each with a colon after it", what)
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		one := member{n.Content[i], n.Content[i+1]}
		name := one.key.Value
		switch first, again := found[name]; {
		case again:
			m.wrong.at(m.file, one.key.Line, prefix+name, "%s%s stands twice; the first is in line %d", prefix, name, first.key.Line)
		case known != nil && !slices.Contains(known, name):
			m.wrong.at(m.file, one.key.Line, prefix+name, "unknown key %s%s; known here: %s", prefix, name, strings.Join(known, ", "))
		default:
			found[name] = one
		}
	}
	return found
}

// part checks one section.
func (m *mapping) part(p part, section member) {
	line := 0
	if section.key != nil {
		line = section.key.Line
	}
	entries := m.members(section.value, p.name, p.keys)
	for _, key := range p.keys {
		if _, ok := entries[key]; !ok {
			m.wrong.at(m.file, line, p.name+"."+key, "%s.%s is missing: give it a word of the centre's", p.name, key)
		}
	}
	owners := map[string]*yaml.Node{} // by word: the key it belongs to
	for _, e := range slices.SortedFunc(maps.Values(entries), func(a, b member) int { return a.key.Line - b.key.Line }) {
		name := p.name + "." + e.key.Value
		if _, ok := m.services.Get(e.key.Value); p.keys == nil && !ok {
			m.wrong.at(m.file, e.key.Line, name,
				"%s: no service %s is built in; `jieli service list` shows them. For one that the federation has added, make the category its alias there", name, e.key.Value)
		}
		for _, word := range m.wordsOf(p, name, e) {
			first, again := owners[word.Value]
			if again && p.several {
				m.wrong.at(m.file, word.Line, name, "%s: %s stands at %s already, in line %d; a word belongs to one key",
					name, word.Value, first.Value, first.Line)
				continue
			}
			owners[word.Value] = e.key
		}
	}
}

// wordsOf gives the good ones of the centre's words at a key.
func (m *mapping) wordsOf(p part, name string, e member) []*yaml.Node {
	words := []*yaml.Node{e.value}
	if p.several {
		words = e.value.Content
		if e.value.Kind != yaml.SequenceNode || len(words) == 0 {
			m.wrong.at(m.file, e.key.Line, name, "%s must be a list of the centre's words, like [投诉]", name)
			return nil
		}
	}
	var good []*yaml.Node
	for _, w := range words {
		if problem := wordProblem(w); problem != "" {
			m.wrong.at(m.file, w.Line, name, "%s: %s", name, problem)
			continue
		}
		good = append(good, w)
	}
	return good
}

// wordProblem says what is wrong with a word; "" for nothing.
func wordProblem(w *yaml.Node) string {
	switch trimmed := strings.TrimSpace(w.Value); {
	case w.Kind != yaml.ScalarNode || empty(w) || trimmed == "":
		return "must be a word of the centre's"
	case w.Value != trimmed:
		return fmt.Sprintf("%q begins or ends with a space", w.Value)
	case utf8.RuneCountInString(w.Value) > ticket.MaxCategory:
		return fmt.Sprintf("a word has at most %d characters", ticket.MaxCategory)
	case strings.ContainsFunc(w.Value, unicode.IsControl):
		return fmt.Sprintf("%q has a control character", w.Value)
	}
	return ""
}

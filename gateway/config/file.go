package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// yamlLine is how the parser says where it stopped.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)

// contents are what a file says.
type contents struct {
	file   string
	values map[string]any // by key
	lines  map[string]int // of keys and sections
	wrong  Mistakes
}

// read reads a YAML file. What is wrong in it is in its mistakes; err is for a file that cannot be read.
func read(file string) (*contents, error) {
	b, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c := &contents{file: file, values: map[string]any{}, lines: map[string]int{}}
	if root, ok := document(file, b, &c.wrong); ok && root != nil {
		c.mapping(root, "")
	}
	return c, nil
}

// readFile reads a file of at most maxFile bytes.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: more than %d bytes", file, maxFile)
	}
	return b, err
}

// document gives what a YAML file says: nil for nothing but comments. When it is not YAML, ok is false.
func document(file string, b []byte, wrong *Mistakes) (root *yaml.Node, ok bool) {
	var first, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, true
	case err != nil:
		wrong.syntax(file, err)
		return nil, false
	}
	switch err := decoder.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		wrong.syntax(file, err)
	default:
		wrong.at(file, more.Line, "", "a configuration is one document; another begins here")
	}
	return first.Content[0], true
}

// syntax notes where the parser stopped.
func (m *Mistakes) syntax(file string, err error) {
	parts := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, _ := strconv.Atoi(parts[1]) // empty when the parser does not say
	m.at(file, line, "", "is not YAML: %s", parts[2])
}

// mapping reads the keys of a section.
func (c *contents) mapping(n *yaml.Node, prefix string) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		name := strings.TrimSuffix(prefix, ".")
		if name == "" {
			name = "the file"
		}
		c.wrong.at(c.file, n.Line, strings.TrimSuffix(prefix, "."), "%s must hold keys: %s", name, strings.Join(below(prefix), ", "))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		name := prefix + at.Value
		if first, again := c.lines[name]; again {
			c.wrong.at(c.file, at.Line, name, "%s stands twice; the first is in line %d", name, first)
			continue
		}
		k, known := find(name)
		if !known && !section(name) {
			c.wrong.at(c.file, at.Line, name, "unknown key %s; known here: %s", name, strings.Join(below(prefix), ", "))
			continue
		}
		c.lines[name] = at.Line
		switch {
		case !known:
			c.mapping(value, name+".")
		case name == clientsKey:
			c.clients(value)
		default:
			c.scalar(k, at, value)
		}
	}
}

func (c *contents) scalar(k key, at, n *yaml.Node) {
	switch {
	case empty(n):
		return // as if it were not there
	case n.Kind != yaml.ScalarNode:
		c.wrong.at(c.file, at.Line, k.name, "%s must be one value", k.name)
		return
	}
	value, err := k.parse(n.Value)
	if err != nil {
		c.wrong.at(c.file, at.Line, k.name, "%s: %v", k.name, err)
		return
	}
	c.values[k.name] = value
}

// clients reads who may call with a certificate.
func (c *contents) clients(n *yaml.Node) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		c.wrong.at(c.file, n.Line, clientsKey, "%s must be a list of commonName, kind and roles", clientsKey)
		return
	}
	var clients []Client
	for i, entry := range n.Content {
		name := fmt.Sprintf("%s[%d]", clientsKey, i)
		c.lines[name] = entry.Line
		if at, bad := unknown(entry, "commonName", "kind", "roles"); bad {
			c.wrong.at(c.file, at.Line, name, "unknown key %s.%s; known here: commonName, kind, roles", name, at.Value)
			continue
		}
		var client Client
		if err := entry.Decode(&client); err != nil {
			c.wrong.at(c.file, entry.Line, name, "%s must be commonName, kind and a list of roles", name)
			continue
		}
		clients = append(clients, client)
	}
	c.values[clientsKey] = clients
}

// unknown finds a key that is not among the known ones.
func unknown(n *yaml.Node, known ...string) (*yaml.Node, bool) {
	if n.Kind != yaml.MappingNode {
		return nil, false
	}
	for i := 0; i < len(n.Content); i += 2 {
		if !slices.Contains(known, n.Content[i].Value) {
			return n.Content[i], true
		}
	}
	return nil, false
}

// empty: a key with nothing after it is as if it were not there.
func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

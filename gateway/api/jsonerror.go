package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

// jsonErrorPattern takes an error of protojson apart: whether it is about the syntax, where it is, and what it says.
var jsonErrorPattern = regexp.MustCompile(`^(syntax error )?\(line (\d+):(\d+)\): (.*)$`)

// explainJSON turns an error of protojson about a body into one that names the field. protojson gives the place and
// not the field, in a text of its own; should a new version word it otherwise, the name is lost, and a test fails.
func explainJSON(body []byte, err error) error {
	// protojson writes spaces at random as no-break spaces, so that nobody relies on its texts.
	text := strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:"))
	parts := jsonErrorPattern.FindStringSubmatch(text)
	if parts == nil || parts[1] != "" {
		return fault.New(fault.Invalid, "INVALID_JSON", "the body is not the JSON object that is wanted here: %s", text)
	}
	line, lineErr := strconv.Atoi(parts[2])
	column, columnErr := strconv.Atoi(parts[3])
	if lineErr != nil || columnErr != nil {
		return fault.New(fault.Invalid, "INVALID_JSON", "the body is not the JSON object that is wanted here: %s", text)
	}
	field := jsonPathAt(body, offsetOf(body, line, column))
	if field == "" {
		return fault.New(fault.Invalid, "INVALID_JSON", "the body is not the JSON object that is wanted here: %s", parts[4])
	}
	return fault.InvalidFields(fault.Field{Name: field, Rule: parts[4]})
}

// offsetOf gives the byte at a line and a column, both from 1, columns in characters.
func offsetOf(text []byte, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(text[offset:], '\n')
		if end < 0 {
			break
		}
		offset += end + 1
	}
	for ; column > 1 && offset < len(text); column-- {
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}
	return offset
}

// jsonPathAt gives the path of the field at a byte of a JSON text, like `ticket.reporter.phone` or `nodes[2].name`;
// "" for the object as a whole.
func jsonPathAt(text []byte, offset int) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var at jsonPath
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		at.enter(token)
		if decoder.InputOffset() > int64(offset) {
			return at.String()
		}
		at.leave(token)
	}
}

// jsonPath is where a walk through JSON is: one level for each object and list around it.
type jsonPath []jsonLevel

type jsonLevel struct {
	list  bool
	index int    // in a list
	key   string // in an object: the newest
	value bool   // in an object: the key has been read, its value comes
}

// enter notes the token that is being read.
func (p jsonPath) enter(token json.Token) {
	if len(p) == 0 {
		return
	}
	level := &p[len(p)-1]
	if key, ok := token.(string); ok && !level.list && !level.value {
		level.key = key
	}
}

// leave notes that it has been read.
func (p *jsonPath) leave(token json.Token) {
	switch token {
	case json.Delim('{'):
		*p = append(*p, jsonLevel{})
		return
	case json.Delim('['):
		*p = append(*p, jsonLevel{list: true})
		return
	case json.Delim('}'), json.Delim(']'):
		*p = (*p)[:len(*p)-1]
	}
	if len(*p) == 0 {
		return
	}
	level := &(*p)[len(*p)-1]
	switch {
	case level.list:
		level.index++
	case level.value:
		level.value = false
	default:
		_, closed := token.(json.Delim)
		level.value = !closed
	}
}

// String writes the path as field names are written everywhere.
func (p jsonPath) String() string {
	var b strings.Builder
	for _, level := range p {
		switch {
		case level.list:
			fmt.Fprintf(&b, "[%d]", level.index)
		case b.Len() > 0:
			b.WriteString("." + level.key)
		default:
			b.WriteString(level.key)
		}
	}
	return b.String()
}

// Package show prints what the command line answers: tables that line up in a terminal, also with Chinese in them, or
// JSON and YAML for scripts; in English or Chinese.
package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/client"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

// Printer prints in one format and language.
type Printer struct {
	Out     io.Writer
	Format  string // table, json or yaml
	Chinese bool
}

// Table is rows under headings, which are English and translated when printed.
type Table struct {
	Head []string
	Rows [][]string
	// Labels says that the first cell of each row is a label, to be translated too.
	Labels bool
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Say is a sentence in the printer's language.
func (p *Printer) Say(en, zh string) string {
	if p.Chinese {
		return zh
	}
	return en
}

// Message prints a protobuf message: as JSON or YAML, or by the table that is given.
func (p *Printer) Message(m proto.Message, table func() *Table) error {
	if p.Format == "table" {
		return p.table(table())
	}
	b, err := protojson.MarshalOptions{UseProtoNames: false}.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return p.raw(b)
}

// Value prints any JSON-able value: as JSON or YAML, or by the table that is given.
func (p *Printer) Value(v any, table func() *Table) error {
	if p.Format == "table" {
		return p.table(table())
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return p.raw(b)
}

// Done prints that something was done: a value for scripts, or a sentence.
func (p *Printer) Done(v any, sentence string) error {
	return p.Value(v, func() *Table { return &Table{Rows: [][]string{{sentence}}} })
}

func (p *Printer) raw(b []byte) error {
	if p.Format == "yaml" {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		out, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = p.Out.Write(out)
		return err
	}
	// protojson varies its spaces on purpose; indenting makes them the same each time.
	var indented bytes.Buffer
	if err := json.Indent(&indented, b, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err := p.Out.Write(indented.Bytes())
	return err
}

const gap = "  "

func (p *Printer) table(t *Table) error {
	if t == nil {
		return nil
	}
	rows := p.translate(t)
	narrow := &runewidth.Condition{StrictEmojiNeutral: true} // as terminals count, whatever the locale
	var widths []int
	for n, r := range rows {
		rows[n] = make([]string, len(r))
		for i, c := range r {
			c = Clean(c)
			rows[n][i] = c
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], narrow.StringWidth(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			line.WriteString(c)
			if i < len(r)-1 {
				line.WriteString(strings.Repeat(" ", max(0, widths[i]-narrow.StringWidth(c))) + gap)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// Word is a value's word in the printer's language.
func (p *Printer) Word(english string) string {
	if !p.Chinese {
		return english
	}
	return lang.Values().Of(english)
}

// Code is a word that documents look up, beside its Chinese where that is the printer's language.
func (p *Printer) Code(code string) string {
	if !p.Chinese {
		return code
	}
	return lang.Code(code)
}

// Columns and labels whose values are words. What people wrote is never translated.
func wordColumns() []string {
	return []string{"STATE", "LIGHT", "KIND", "REASON", "VOTER", "REACHABLE", "RAFT", "TICKETS", "state", "light", "type", "urgency"}
}

// translate gives headings, where there are any, and rows in the printer's language.
func (p *Printer) translate(t *Table) [][]string {
	rows := make([][]string, 0, len(t.Rows)+1)
	if !p.Chinese {
		if len(t.Head) > 0 {
			rows = append(rows, t.Head)
		}
		return append(rows, t.Rows...)
	}
	chinese, values, words := lang.Tables(), lang.Values(), wordColumns()
	if len(t.Head) > 0 {
		head := make([]string, len(t.Head))
		for i, heading := range t.Head {
			head[i] = chinese.Of(heading)
		}
		rows = append(rows, head)
	}
	for _, r := range t.Rows {
		row := slices.Clone(r)
		for i, cell := range r {
			switch {
			case t.Labels && i == 0:
				row[i] = chinese.Of(cell)
			case t.Labels && slices.Contains(words, r[0]), !t.Labels && i < len(t.Head) && slices.Contains(words, t.Head[i]):
				row[i] = values.Of(cell)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Clean keeps what others wrote from steering the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || steers(r) {
			return ' '
		}
		return r
	}, s)
}

// cleanLines is Clean for a text of several lines.
func cleanLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || steers(r) {
			return ' '
		}
		return r
	}, s)
}

// steers tells whether a character is for the terminal and not for the reader: controls, and those that make text run
// the other way, so that it reads as what it is not.
func steers(r rune) bool {
	return r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// Error is what is printed of an error: what failed, why, which fields, and the id to look for in the node's log. Files,
// nodes and peers have a part in its words.
func (p *Printer) Error(err error) string {
	var b strings.Builder
	b.WriteString(p.Say("error: ", "错误："))
	words := p.words(err)
	b.WriteString(words)
	reason, correlation, fields := client.Details(err)
	if reason != "" {
		fmt.Fprintf(&b, "\n%s%s", p.Say("reason: ", "原因："), reason)
	}
	for _, f := range fields {
		if field := p.Rule(f.GetField() + ": " + f.GetDescription()); !strings.Contains(words, field) {
			fmt.Fprintf(&b, "\n%s%s", p.Say("field: ", "字段："), field)
		}
	}
	if correlation != "" {
		fmt.Fprintf(&b, "\n%s%s", p.Say("correlation id: ", "关联号："), correlation)
	}
	return cleanLines(b.String())
}

// Rule is what is wrong with a field, in the printer's language as far as that is known.
func (p *Printer) Rule(english string) string {
	if !p.Chinese {
		return english
	}
	return lang.Rule(english)
}

// words are those of an error without gRPC's own around the message of a status, which may be wrapped.
func (p *Printer) words(err error) string {
	words := err.Error()
	if p.Chinese {
		words = lang.InChinese(err)
	}
	var answer interface {
		error
		GRPCStatus() *status.Status
	}
	if own := new(lang.Error); !errors.As(err, &answer) || errors.As(answer, &own) {
		return words // which are whole already
	}
	theirs := answer.Error()
	if p.Chinese {
		theirs = lang.InChinese(answer)
	}
	reason, _, _ := client.Details(err)
	return strings.Replace(words, theirs, p.answer(reason, answer.GRPCStatus().Message()), 1)
}

// answer is what a node says, after its reason in Chinese where that is asked for.
func (p *Printer) answer(reason, message string) string {
	if !p.Chinese {
		return lang.English(reason, message)
	}
	meaning, ok := lang.Meaning(reason, message)
	switch said := p.Rule(message); {
	case !ok:
		return said
	case reason == "INVALID_FIELD":
		return said // which is enough
	case lang.Whole(reason):
		return meaning
	default:
		return meaning + "（" + said + "）"
	}
}

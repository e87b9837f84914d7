package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Text writes a page for a terminal.
func (p Page) Text(to io.Writer) error {
	var b strings.Builder
	about := p.Long
	if about == "" {
		about = p.Short
	}
	b.WriteString(strings.TrimRight(about, "\n") + "\n")
	section := func(title, body string) {
		if body != "" {
			b.WriteString("\n" + p.word(title) + p.colon() + "\n" + strings.TrimRight(body, "\n") + "\n")
		}
	}
	section("Usage", "  "+p.Use)
	if len(p.Aliases) > 0 {
		section("Aliases", "  "+strings.Join(p.Aliases, ", "))
	}
	section("Examples", p.Example)
	section("Commands", columns(p.Commands))
	section("Flags", columns(p.entries(p.Flags)))
	section("Flags of every command", columns(p.entries(p.Global)))
	if len(p.Commands) > 0 {
		fmt.Fprintf(&b, "\n"+p.word("See %s COMMAND --help for one of them.")+"\n", p.Path)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func (p Page) colon() string {
	if p.Chinese {
		return "："
	}
	return ":"
}

// entries describe flags on a line each; those without a letter stand in line with those that have one.
func (p Page) entries(flags []Flag) (all []Entry) {
	for _, f := range flags {
		name := f.Name()
		if f.Short == "" {
			name = "    " + name
		}
		all = append(all, Entry{name, p.usage(f)})
	}
	return all
}

// usage is what a flag does, and what it is when nobody says.
func (p Page) usage(f Flag) string {
	if f.Default == "" {
		return f.Usage
	}
	open, end := " (", ")"
	if p.Chinese {
		open, end = "（", "）"
	}
	return f.Usage + open + fmt.Sprintf(p.word("default %s"), f.Default) + end
}

// columns line descriptions up.
func columns(all []Entry) string {
	narrow := &runewidth.Condition{StrictEmojiNeutral: true} // as terminals count, whatever the locale
	width := 0
	for _, e := range all {
		width = max(width, narrow.StringWidth(e.Name))
	}
	var b strings.Builder
	for _, e := range all {
		b.WriteString("  " + e.Name + strings.Repeat(" ", width-narrow.StringWidth(e.Name)) + "  " + e.Text + "\n")
	}
	return b.String()
}

package manual

import (
	"fmt"
	"io"
	"strings"
)

// Around is what every manual page says beside its command.
type Around struct {
	// Version of the program.
	Version string
	// Exit codes, environment variables and files.
	Exit, Environment, Files []Entry
	// SeeAlso names other pages, without the section.
	SeeAlso []string
}

// FileName is that of a command's manual page.
func FileName(path string) string { return pageName(path) + ".1" }

func pageName(path string) string { return strings.ReplaceAll(path, " ", "-") }

// Roff writes a page for man(1), section 1.
func (p Page) Roff(to io.Writer, around Around) error {
	r := &roff{page: p}
	fmt.Fprintf(&r.out, ".TH %q 1 \"\" %q \"Jieli\"\n.nh\n.ad l\n", strings.ToUpper(pageName(p.Path)), "jieli "+around.Version)
	r.section("NAME")
	r.text(pageName(p.Path) + " \\- " + escape(p.Short))
	r.section("SYNOPSIS")
	r.text("\\fB" + escape(p.Path) + "\\fR" + escape(strings.TrimPrefix(p.Use, p.Path)))
	r.section("DESCRIPTION")
	for _, paragraph := range strings.Split(strings.TrimSpace(or(p.Long, p.Short)), "\n\n") {
		r.out.WriteString(".PP\n")
		for _, line := range strings.Split(paragraph, "\n") {
			r.text(escape(line))
		}
	}
	r.entries("COMMANDS", p.Commands)
	r.entries("OPTIONS", p.plain(p.Flags))
	r.entries("COMMON OPTIONS", p.plain(p.Global))
	if p.Example != "" {
		r.section("EXAMPLES")
		r.out.WriteString(".nf\n")
		for _, line := range strings.Split(p.Example, "\n") {
			r.text(escape(strings.TrimPrefix(line, "  ")))
		}
		r.out.WriteString(".fi\n")
	}
	r.entries("EXIT STATUS", around.Exit)
	r.entries("ENVIRONMENT", around.Environment)
	r.entries("FILES", around.Files)
	if len(around.SeeAlso) > 0 {
		r.section("SEE ALSO")
		for i, path := range around.SeeAlso {
			comma := ","
			if i == len(around.SeeAlso)-1 {
				comma = ""
			}
			r.text("\\fB" + escape(pageName(path)) + "\\fR(1)" + comma)
		}
	}
	_, err := io.WriteString(to, r.out.String())
	return err
}

// plain describes flags.
func (p Page) plain(flags []Flag) (all []Entry) {
	for _, f := range flags {
		all = append(all, Entry{f.Name(), p.usage(f)})
	}
	return all
}

// roff is a page being written.
type roff struct {
	page Page
	out  strings.Builder
}

func (r *roff) section(title string) { r.out.WriteString(".SH " + r.page.word(title) + "\n") }

// text writes a line that is escaped already; one that would be a request of roff is kept from it.
func (r *roff) text(line string) {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	r.out.WriteString(line + "\n")
}

func (r *roff) entries(title string, all []Entry) {
	if len(all) == 0 {
		return
	}
	r.section(title)
	for _, e := range all {
		r.out.WriteString(".TP\n")
		r.text("\\fB" + escape(e.Name) + "\\fR")
		r.text(escape(e.Text))
	}
}

// escape keeps text from being read as roff: what is copied from a page must run in a shell.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

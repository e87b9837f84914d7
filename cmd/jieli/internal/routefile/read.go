package routefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/entry"
	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// bom is what some spreadsheets put before UTF-8.
var bom = []byte("\uFEFF")

// File is the rules that a file has, and where each stands.
type File struct {
	Rules []regions.Rule
	lines map[regions.Key]int
}

// Read reads rules from CSV with a heading, or from JSON Lines: one route as the API has it a line. The error names each
// bad line, up to a bound.
func Read(b []byte) (*File, error) {
	b = bytes.TrimPrefix(b, bom)
	if err := checkText(b); err != nil {
		return nil, err
	}
	r := &reading{lines: map[regions.Key]int{}}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		r.json(b)
	} else if err := r.csv(b); err != nil {
		return nil, err
	}
	if err := r.wrong.asError(); err != nil {
		return nil, err
	}
	return &File{Rules: r.rules, lines: r.lines}, nil
}

// checkText refuses what is no text in UTF-8, as spreadsheets write it unless told otherwise.
func checkText(b []byte) error {
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return lang.Errorf("the file is empty; its first line must be %s", "文件为空；首行须为 %s", strings.Join(heading(), ","))
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")), bytes.IndexByte(b[:min(len(b), longestShown)], 0) >= 0:
		return lang.Errorf("the file is UTF-16, not UTF-8: in the spreadsheet, save it as \"CSV UTF-8\"", "文件为 UTF-16 而非 UTF-8：请在电子表格中另存为“CSV UTF-8”")
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return lang.Errorf("the file is a spreadsheet, not CSV: save it as \"CSV UTF-8\"", "文件是电子表格而非 CSV：请另存为“CSV UTF-8”")
	}
	return nil
}

// longestShown bounds how much of a wrong first line is shown, in bytes.
const longestShown = 200

// wrongHeading says what the first line is in place of the heading.
func wrongHeading(b []byte) error {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	found := strings.ToValidUTF8(string(first[:min(len(first), longestShown)]), "\uFFFD")
	found = strings.TrimRight(found, "\r")
	hint := lang.Words{}
	if strings.Count(found, ";") >= len(heading())-1 || strings.Count(found, "\t") >= len(heading())-1 {
		hint = lang.Words{English: "; columns must be parted by commas", Chinese: "；各列须以逗号分隔"}
	}
	return lang.Errorf("the first line must be %s; it is %q%s; a file of JSON lines begins with {", "首行须为 %s；现为 %q%s；JSON 行文件以 { 开头", strings.Join(heading(), ","), found, hint)
}

// mistake is what is wrong with a line.
type mistake struct {
	line int
	err  error
}

// mistakes are what is wrong with a file.
type mistakes []mistake

func (m *mistakes) add(line int, err error) { *m = append(*m, mistake{line, entry.Line(line, err)}) }

// full tells whether more need not be looked for.
func (m mistakes) full() bool { return len(m) > mostMistakes }

// asError is all of them in order of lines, up to a bound; nil when there is none.
func (m mistakes) asError() error {
	slices.SortStableFunc(m, func(a, b mistake) int { return a.line - b.line })
	var errs []error
	for _, one := range m[:min(len(m), mostMistakes)] {
		errs = append(errs, one.err)
	}
	if m.full() {
		errs = append(errs, lang.Errorf("and more", "及更多"))
	}
	return entry.Joined(errs)
}

// reading is a file on its way into rules.
type reading struct {
	rules []regions.Rule
	lines map[regions.Key]int // where each rule stands
	wrong mistakes
}

// add takes the rule of a line.
func (r *reading) add(line int, division, service, region, validFrom, validTo string) {
	rule, err := regions.ParseRule(division, service, region, validFrom, validTo)
	if err != nil {
		r.wrong.add(line, entry.Invalid(err))
		return
	}
	if first, twice := r.lines[rule.Key()]; twice {
		r.wrong.add(line, lang.Errorf("division, service and validFrom are those of line %d", "行政区划、事项和起始日与第 %d 行相同", first))
		return
	}
	r.lines[rule.Key()] = line
	r.rules = append(r.rules, rule)
}

func (r *reading) csv(b []byte) error {
	in := csv.NewReader(bytes.NewReader(b))
	first, err := in.Read()
	if err != nil || !slices.Equal(first, heading()) {
		return wrongHeading(b)
	}
	for !r.wrong.full() {
		rec, err := in.Read() // of as many fields as the heading
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			r.wrong.addRecord(err)
			continue
		}
		line, _ := in.FieldPos(0)
		r.add(line, rec[0], rec[1], rec[2], rec[3], rec[4])
	}
	return nil
}

// addRecord adds what is wrong with a line that is no record of CSV.
func (m *mistakes) addRecord(err error) {
	var parse *csv.ParseError
	switch {
	case !errors.As(err, &parse):
		*m = append(*m, mistake{err: err})
	case errors.Is(err, csv.ErrFieldCount):
		m.add(parse.Line, lang.Errorf("must have %d columns, also where the last are empty", "须有 %d 列，末尾的空列也要保留", len(heading())))
	default:
		m.add(parse.Line, parse.Err)
	}
}

func (r *reading) json(b []byte) {
	number := 0
	for line := range bytes.Lines(b) {
		if number++; r.wrong.full() {
			return
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		route := new(jieliv1.Route)
		if err := protojson.Unmarshal(line, route); err != nil {
			r.wrong.add(number, err)
			continue
		}
		r.add(number, route.GetDivision(), route.GetService(), route.GetRegion(), route.GetValidFrom(), route.GetValidTo())
	}
}

package routefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// bom is what some spreadsheets put before UTF-8.
var bom = []byte("\uFEFF")

// Read reads rules from CSV with a heading, or from JSON Lines: one route as the API has it a line. The error names each
// bad line, up to a bound.
func Read(b []byte) ([]regions.Rule, error) {
	b = bytes.TrimPrefix(b, bom)
	r := &reading{lines: map[regions.Key]int{}}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		r.json(b)
	} else if err := r.csv(b); err != nil {
		return nil, err
	}
	if len(r.wrong) > mostMistakes {
		r.wrong = append(r.wrong[:mostMistakes], errors.New("and more"))
	}
	if len(r.wrong) > 0 {
		return nil, errors.Join(r.wrong...)
	}
	return r.rules, nil
}

// reading is a file on its way into rules.
type reading struct {
	rules []regions.Rule
	lines map[regions.Key]int // where each rule stands
	wrong []error
}

func (r *reading) full() bool { return len(r.wrong) > mostMistakes }

func (r *reading) bad(line int, err error) {
	r.wrong = append(r.wrong, fmt.Errorf("line %d: %w", line, err))
}

// add takes the rule of a line.
func (r *reading) add(line int, division, service, region, validFrom, validTo string) {
	rule, err := regions.ParseRule(division, service, region, validFrom, validTo)
	if err != nil {
		r.bad(line, err)
		return
	}
	if first, twice := r.lines[rule.Key()]; twice {
		r.bad(line, fmt.Errorf("division, service and validFrom are those of line %d", first))
		return
	}
	r.lines[rule.Key()] = line
	r.rules = append(r.rules, rule)
}

func (r *reading) csv(b []byte) error {
	in := csv.NewReader(bytes.NewReader(b))
	first, err := in.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("heading: %w", err)
	}
	if !slices.Equal(first, heading()) {
		return fmt.Errorf("the first line must be %v, separated by commas; a file of JSON lines begins with {", heading())
	}
	for !r.full() {
		rec, err := in.Read() // of as many fields as the heading
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			r.wrong = append(r.wrong, err) // it has the line
			continue
		}
		line, _ := in.FieldPos(0)
		r.add(line, rec[0], rec[1], rec[2], rec[3], rec[4])
	}
	return nil
}

func (r *reading) json(b []byte) {
	number := 0
	for line := range bytes.Lines(b) {
		if number++; r.full() {
			return
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		route := new(jieliv1.Route)
		if err := protojson.Unmarshal(line, route); err != nil {
			r.bad(number, err)
			continue
		}
		r.add(number, route.GetDivision(), route.GetService(), route.GetRegion(), route.GetValidFrom(), route.GetValidTo())
	}
}

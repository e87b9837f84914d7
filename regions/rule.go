package regions

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// Rule says that a region serves a kind of matter in a division and all that
// lies in it by its code, on the days from ValidFrom to ValidTo, both included.
type Rule struct {
	Division  Code   `json:"division"`
	Service   string `json:"service"`   // a service's code; it covers those below it; "" covers all matters
	Region    string `json:"region"`    // the region's id
	ValidFrom Day    `json:"validFrom"` // zero: since ever
	ValidTo   Day    `json:"validTo"`   // zero: until further notice
}

// Key identifies a rule in a table. Keys are ordered by division, service and
// first day; the zero Key comes before all others.
type Key struct {
	Division  Code   `json:"division"`
	Service   string `json:"service"`
	ValidFrom Day    `json:"validFrom"`
}

// ParseRule reads a rule from its five texts, as they stand in a file or a
// request; service, validFrom and validTo may be empty. The error is an
// *InvalidError that names the field.
func ParseRule(division, service, region, validFrom, validTo string) (Rule, error) {
	code, err := ParseCode(division)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{Division: code, Service: service, Region: region}
	if r.ValidFrom, err = parseDayField("validFrom", validFrom); err != nil {
		return Rule{}, err
	}
	if r.ValidTo, err = parseDayField("validTo", validTo); err != nil {
		return Rule{}, err
	}
	return r, r.Validate()
}

// ParseKey reads a rule's key from its three texts; service and validFrom may
// be empty. The error is an *InvalidError that names the field.
func ParseKey(division, service, validFrom string) (Key, error) {
	code, err := ParseCode(division)
	if err != nil {
		return Key{}, err
	}
	k := Key{Division: code, Service: service}
	if k.ValidFrom, err = parseDayField("validFrom", validFrom); err != nil {
		return Key{}, err
	}
	return k, k.validate()
}

// parseDayField reads a day, or no text as the zero Day, and names the field
// in the error.
func parseDayField(field, text string) (Day, error) {
	if text == "" {
		return 0, nil
	}
	day, err := ParseDay(text)
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		invalid.Field = field
	}
	return day, err
}

// Validate checks the form of a rule: not whether there is such a division,
// service or region. The error is an *InvalidError that names the field.
func (r Rule) Validate() error {
	if err := r.Key().validate(); err != nil {
		return err
	}
	if err := ValidateRegionID(r.Region); err != nil {
		return err
	}
	if !r.ValidTo.valid() {
		return &InvalidError{Field: "validTo", Value: fmt.Sprint(int32(r.ValidTo)), Rule: "a day lies between 1970-01-02 and 9999-12-31"}
	}
	if r.ValidTo != 0 && r.ValidTo < r.ValidFrom {
		return &InvalidError{Field: "validTo", Value: r.ValidTo.String(), Rule: "the last day is not before validFrom, " + r.ValidFrom.String()}
	}
	return nil
}

func (k Key) validate() error {
	if !k.Division.valid() {
		return &InvalidError{Field: "division", Value: k.Division.String(), Rule: "a rule names a division by 2, 4, 6, 9 or 12 digits"}
	}
	if k.Service != "" {
		if err := ValidateServiceCode(k.Service); err != nil {
			return err
		}
	}
	if !k.ValidFrom.valid() {
		return &InvalidError{Field: "validFrom", Value: fmt.Sprint(int32(k.ValidFrom)), Rule: "a day lies between 1970-01-02 and 9999-12-31"}
	}
	return nil
}

// Key returns what identifies the rule.
func (r Rule) Key() Key {
	return Key{Division: r.Division, Service: r.Service, ValidFrom: r.ValidFrom}
}

// Compare orders keys by division, service and first day.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Division, other.Division),
		cmp.Compare(k.Service, other.Service),
		cmp.Compare(k.ValidFrom, other.ValidFrom),
	)
}

// ActiveOn reports whether the rule is valid on a day.
func (r Rule) ActiveOn(day Day) bool { return r.ValidFrom <= day && day <= closed(r.ValidTo) }

// closed returns the last day of a span, the end of time for an open one.
func closed(to Day) Day {
	if to == 0 {
		return math.MaxInt32
	}
	return to
}

// open is the inverse of closed.
func open(to Day) Day {
	if to == math.MaxInt32 {
		return 0
	}
	return to
}

// String shows the rule as operators read it:
// "3205 urban.housing -> suzhou, 2026-01-01 to 2026-12-31".
func (r Rule) String() string {
	return r.Key().subject() + " -> " + r.Region + validity(r.ValidFrom, r.ValidTo)
}

// String shows the key as operators read it: "3205 urban.housing from 2026-01-01".
func (k Key) String() string { return k.subject() + validity(k.ValidFrom, 0) }

func (k Key) subject() string {
	service := k.Service
	if service == "" {
		service = "any service"
	}
	return k.Division.String() + " " + service
}

// validity shows a span of days, "" for one without ends.
func validity(from, to Day) string {
	switch {
	case from == 0 && to == 0:
		return ""
	case to == 0:
		return ", from " + from.String()
	case from == 0:
		return ", until " + to.String()
	default:
		return ", " + from.String() + " to " + to.String()
	}
}

// TieError says that two rules for the same division and service are valid on
// the same days, so that neither would win.
type TieError struct {
	Rule     Rule // the one being written
	Existing Rule // the one it ties with: in the table, or written with it
}

func (e *TieError) Error() string {
	return fmt.Sprintf("route %s ties with %s: their days overlap; end or delete one of them first", e.Rule, e.Existing)
}

// MissingRuleError says that a rule to be deleted is not in the table.
type MissingRuleError struct{ Key Key }

func (e *MissingRuleError) Error() string {
	return fmt.Sprintf("no route %s: nothing to delete", e.Key)
}

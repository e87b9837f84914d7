package regions

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits of a service.
const (
	MaxServiceWord    = 64 // characters in a name or alias
	MaxServiceAliases = 64
)

// Service is a kind of matter. Services form a tree by the dots in their codes:
// urban.housing is part of urban.
type Service struct {
	Code    string   `json:"code"`
	NameZH  string   `json:"nameZh"`
	NameEN  string   `json:"nameEn"`
	Aliases []string `json:"aliases,omitempty"` // other words that centres use for it

	// Emergency is the number to call at once instead of writing a ticket: 110,
	// 119, 120 or 122; "" for all other matters.
	Emergency string `json:"emergency,omitempty"`
}

// Validate checks the form of a service by itself. The error is an
// *InvalidError that names the field.
func (s Service) Validate() error {
	if err := ValidateServiceCode(s.Code); err != nil {
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			invalid.Field = "code"
		}
		return err
	}
	if err := validateWord("nameZh", s.NameZH); err != nil {
		return err
	}
	if err := validateWord("nameEn", s.NameEN); err != nil {
		return err
	}
	if len(s.Aliases) > MaxServiceAliases {
		return &InvalidError{Field: "aliases", Value: s.Code, Rule: "a service has at most 64 aliases"}
	}
	for _, alias := range s.Aliases {
		if err := validateWord("aliases", alias); err != nil {
			return err
		}
	}
	if s.Emergency != "" {
		if hotline, found := LookupHotline(s.Emergency); !found || hotline.Way != Emergency {
			return &InvalidError{Field: "emergency", Value: s.Emergency, Rule: "an emergency number is 110, 119, 120 or 122"}
		}
	}
	return nil
}

// validateWord checks a name or alias.
func validateWord(field, word string) error {
	invalid := func(rule string) error { return &InvalidError{Field: field, Value: word, Rule: rule} }
	switch {
	case !utf8.ValidString(word):
		return invalid("text is valid UTF-8")
	case strings.ContainsFunc(word, isControl):
		return invalid("text has no control characters")
	case normalise(word) == "":
		return invalid("must not be empty")
	case utf8.RuneCountInString(word) > MaxServiceWord:
		return invalid("has at most 64 characters")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// equal reports whether two services are the same in all fields.
func (s Service) equal(other Service) bool {
	return s.Code == other.Code && s.NameZH == other.NameZH && s.NameEN == other.NameEN &&
		s.Emergency == other.Emergency && slices.Equal(s.Aliases, other.Aliases)
}

// Catalogue is a set of services in which each code, name and alias stands for
// one service only. It is immutable.
type Catalogue struct {
	services map[string]Service // by code
	words    map[string]string  // code by normalised code, name or alias
}

// AmbiguousWordError says that a code, name or alias would stand for two
// services.
type AmbiguousWordError struct {
	Word     string // as the service being written has it
	Service  string // code of the service being written
	Existing string // code of the one that has the word already
}

func (e *AmbiguousWordError) Error() string {
	return fmt.Sprintf("service %s: the word %q already stands for service %s; a code, name or alias may stand for one service only",
		e.Service, e.Word, e.Existing)
}

// MissingServiceError says that a service to be deleted is not in a catalogue.
type MissingServiceError struct{ Code string }

func (e *MissingServiceError) Error() string {
	return fmt.Sprintf("no service %s: nothing to delete", e.Code)
}

// NewCatalogue returns a catalogue of services. The error is an *InvalidError,
// or an *AmbiguousWordError; a code that is there twice is ambiguous too.
func NewCatalogue(services []Service) (*Catalogue, error) {
	c := &Catalogue{services: map[string]Service{}, words: map[string]string{}}
	for _, service := range services {
		if _, twice := c.services[service.Code]; twice {
			return nil, &AmbiguousWordError{Word: service.Code, Service: service.Code, Existing: service.Code}
		}
		if err := c.add(service); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// With returns a catalogue without the services whose codes are in del and with
// those in set; deletions come first, and a service in set replaces one with its
// code. All of it happens or none: the error is an *InvalidError, a
// *MissingServiceError or an *AmbiguousWordError.
func (c *Catalogue) With(set []Service, del []string) (*Catalogue, error) {
	next := &Catalogue{services: maps.Clone(c.services), words: maps.Clone(c.words)}
	for _, code := range del {
		if _, found := next.services[code]; !found {
			return nil, &MissingServiceError{Code: code}
		}
		next.remove(code)
	}
	// All replaced services go first: two of them may exchange a word.
	for _, service := range set {
		next.remove(service.Code)
	}
	for _, service := range set {
		if _, twice := next.services[service.Code]; twice {
			return nil, &AmbiguousWordError{Word: service.Code, Service: service.Code, Existing: service.Code}
		}
		if err := next.add(service); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func (c *Catalogue) add(service Service) error {
	if err := service.Validate(); err != nil {
		return err
	}
	service.Aliases = slices.Clone(service.Aliases)
	for _, word := range service.words() {
		normal := normalise(word)
		if existing, taken := c.words[normal]; taken && existing != service.Code {
			return &AmbiguousWordError{Word: word, Service: service.Code, Existing: existing}
		}
		c.words[normal] = service.Code
	}
	c.services[service.Code] = service
	return nil
}

func (c *Catalogue) remove(code string) {
	service, found := c.services[code]
	if !found {
		return
	}
	for _, word := range service.words() {
		delete(c.words, normalise(word))
	}
	delete(c.services, code)
}

// words returns all that a service is called.
func (s Service) words() []string {
	return append([]string{s.Code, s.NameZH, s.NameEN}, s.Aliases...)
}

// normalise maps words that people take for the same to one: NFKC, without
// white space around and with single spaces inside, case folded. It follows the
// Unicode version of golang.org/x/text: as the registry refuses ambiguous words,
// a binary with a newer one may do so only from a new registry level on.
func normalise(word string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(word))), " ")
}

// Resolve finds a service by its code, one of its names or an alias.
func (c *Catalogue) Resolve(word string) (Service, bool) {
	if len(word) > MaxServiceWord*utf8.UTFMax {
		return Service{}, false
	}
	code, found := c.words[normalise(word)]
	if !found {
		return Service{}, false
	}
	return c.services[code], true
}

// Get returns the service with a code.
func (c *Catalogue) Get(code string) (Service, bool) {
	service, found := c.services[code]
	return service, found
}

// EmergencyNumber returns the number to call for a service, its own or that of
// the nearest service it is part of, or "" if it is no emergency.
func (c *Catalogue) EmergencyNumber(code string) string {
	for code != "" {
		if service, found := c.services[code]; found && service.Emergency != "" {
			return service.Emergency
		}
		code = code[:max(0, strings.LastIndexByte(code, '.'))]
	}
	return ""
}

// Len returns the number of services.
func (c *Catalogue) Len() int { return len(c.services) }

// Services returns all services by code. The caller must not change their
// aliases.
func (c *Catalogue) Services() []Service {
	services := make([]Service, 0, len(c.services))
	for _, code := range slices.Sorted(maps.Keys(c.services)) {
		services = append(services, c.services[code])
	}
	return services
}

package regions

import (
	"errors"
	"testing"
)

func TestDefaultTerms(t *testing.T) {
	byUrgency := map[string]struct{ deliver, accept, answer Term }{
		"NORMAL":   {Hours(1), Workdays(1), Term{}}, // answer: by type
		"URGENT":   {Minutes(5), Minutes(30), Hours(24)},
		"CRITICAL": {Minutes(1), Minutes(15), Hours(2)},
	}
	byType := map[string]int{"INQUIRY": 3, "HELP": 7, "SUGGESTION": 7, "PRAISE": 7, "COMPLAINT": 15, "REPORT": 15}
	for urgency, want := range byUrgency {
		for ticketType, days := range byType {
			t.Run(ticketType+" "+urgency, func(t *testing.T) {
				answer := want.answer
				if answer.IsZero() {
					answer = Workdays(days)
				}
				got, err := DefaultTerms(ticketType, urgency)
				if err != nil {
					t.Fatal(err)
				}
				if all := (Terms{want.deliver, want.accept, Workdays(1), answer, Workdays(1), Workdays(2)}); got != all {
					t.Errorf("got %+v, want %+v", got, all)
				}
				for _, term := range []Term{got.Deliver, got.Accept, got.Contact, got.Answer, got.Return, got.ReturnComplex} {
					if err := term.Validate(); err != nil || term.IsZero() {
						t.Errorf("%+v: %v", term, err)
					}
				}
			})
		}
	}
}

func TestDefaultTermsOfUnknownWords(t *testing.T) {
	for field, words := range map[string][2]string{"type": {"咨询", "NORMAL"}, "urgency": {"INQUIRY", ""}} {
		_, err := DefaultTerms(words[0], words[1])
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%v: got %v, want an *InvalidError of %s", words, err, field)
		}
	}
}

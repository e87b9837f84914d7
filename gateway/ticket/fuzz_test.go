package ticket_test

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// FuzzDecode: no bytes make Decode panic; what it takes is the one encoding of what it returns, and any ticket judges it.
func FuzzDecode(f *testing.F) {
	var tickets []*jieliv1.TicketState
	for _, tell := range situations() {
		s := tell(f)
		tickets = append(tickets, s.st)
		for _, b := range s.bytes {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ticket.Peek(b)
		ev, err := ticket.Decode(b)
		if err != nil {
			if reasonOf(t, err); ev != nil {
				t.Error("refused, and returned all the same")
			}
			return
		}
		again, hash, err := ticket.Encode(ev)
		if err != nil || !bytes.Equal(again, b) || hash != ticket.Hash(b) {
			t.Errorf("% x is taken and encoded as % x: %v", b, again, err)
		}
		if id, number := ticket.Peek(b); id != ev.GetTicketId() || number != ev.GetNumber() {
			t.Errorf("Peek sees %s %d", id, number)
		}
		for _, st := range append(tickets, nil) {
			if _, err := ticket.Apply(st, ev, hash); err != nil {
				reasonOf(t, err)
			}
			if st == nil || ev.GetNumber() == 1 {
				continue
			}
			ev.Number, ev.PreviousHash, ev.TicketId, ev.Time = st.GetLastNumber()+1, st.GetLastHash(), st.GetId(), st.GetUpdateTime()
			if _, err := ticket.Apply(st, ev, hash); err != nil {
				reasonOf(t, err)
			}
		}
	})
}

func FuzzDecodeDecision(f *testing.F) {
	st := taken(f).does(tianjin, route(suzhou)).st
	for _, kind := range []jieliv1.Decision_Kind{jieliv1.Decision_REFUSED, jieliv1.Decision_RELEASED} {
		reason := "STALE_ROUTE"
		if kind == jieliv1.Decision_RELEASED {
			reason = ticket.ReleaseReason
		}
		f.Add(signed(f, decisionOn(st, suzhou, kind, reason)).GetDecision())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ticket.DecodeDecision(b)
		if err != nil {
			reasonOf(t, err)
			return
		}
		if again, err := ticket.EncodeDecision(d); err != nil || !bytes.Equal(again, b) {
			t.Errorf("% x is taken and encoded as % x: %v", b, again, err)
		}
		if err := ticket.MatchDecision(st, d); err != nil {
			reasonOf(t, err)
		}
	})
}

// FuzzValidateSubmission: what is taken can be stored, numbered and sent.
func FuzzValidateSubmission(f *testing.F) {
	b, err := proto.Marshal(complaint())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		// Broken UTF-8 never gets past protobuf; it is tried on a field here.
		c := &jieliv1.Ticket{Title: string(b)}
		_ = proto.Unmarshal(b, c)
		ticket.Submitted(c)
		err := ticket.ValidateSubmission(c, morning)
		var all ticket.Violations
		if err != nil && (!errors.As(err, &all) || len(all) == 0 || all[0].Field == "") {
			t.Fatalf("not told which field is wrong: %v", err)
		}
		if err != nil {
			return
		}
		for _, text := range []string{c.GetTitle(), c.GetDescription(), c.GetReporter().GetName()} {
			if !utf8.ValidString(text) || bytes.ContainsRune([]byte(text), 0) {
				t.Errorf("taken: %q", text)
			}
		}
		r := received()
		r.ExternalId, r.Type, r.Service, r.Division, r.ReportedAt = c.GetExternalId(), c.GetType(), c.GetService(), c.GetDivision(), c.GetReportedAt()
		draft := ticket.Draft{Body: r, Commitments: contentFor(r)}
		if _, err := ticket.Next(nil, ticketID, tianjin, draft, morning, 7); err != nil {
			t.Errorf("taken, and no event can be made of it: %v", err)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"JJJ-20261124-000042-7", "T-20261124-000001-0", "TJ-20261124-18446744073709551615-6", "JJJ-20261131-000042-7", "---", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		prefix, day, counter, err := ticket.ParseNumber(s)
		if err != nil {
			reasonOf(t, err)
			return
		}
		if again := ticket.Number(prefix, day.Start(), counter); again != s {
			t.Errorf("%q is read as what is written %q", s, again)
		}
	})
}

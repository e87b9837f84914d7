package desk

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Names of content.
const (
	contentMatter   = "matter"
	contentReporter = "reporter"
	contentText     = "text"
)

// commit binds content: SHA-256(random ‖ content).
func commit(random, content []byte) ([32]byte, error) {
	if len(random) != trust.CommitmentRandomBytes {
		return [32]byte{}, fmt.Errorf("a commitment needs %d random bytes, has %d", trust.CommitmentRandomBytes, len(random))
	}
	return trust.Commit([trust.CommitmentRandomBytes]byte(random), content), nil
}

// checkContents compares content with the commitments of its event. newest: the event may not lack anything but
// reporter data.
func checkContents(ev *jieliv1.Event, contents []*jieliv1.Content, newest bool) error {
	if len(contents) != len(ev.GetCommitments()) {
		return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: "contents", Message: fmt.Sprintf(
			"event %d commits to %d contents and comes with %d", ev.GetNumber(), len(ev.GetCommitments()), len(contents))}
	}
	for i, c := range contents {
		if err := checkContent(ev.GetCommitments()[i], c, newest); err != nil {
			return err
		}
	}
	return nil
}

func checkContent(want *jieliv1.Commitment, c *jieliv1.Content, newest bool) error {
	mismatch := func(format string, args ...any) error {
		return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: want.GetName(), Message: fmt.Sprintf(format, args...)}
	}
	if c.GetName() != want.GetName() {
		return mismatch("content is named %q where the event commits to %q", c.GetName(), want.GetName())
	}
	switch c.GetAbsence() {
	case jieliv1.Content_PRESENT:
	case jieliv1.Content_WITHHELD:
		if want.GetName() != contentReporter {
			return mismatch("only reporter data may be withheld")
		}
		return empty(c, mismatch)
	case jieliv1.Content_ERASED:
		if newest {
			return mismatch("the newest event cannot come without its content")
		}
		return empty(c, mismatch)
	default:
		return mismatch("unknown absence %d", c.GetAbsence())
	}
	h, err := commit(c.GetRandom(), c.GetData())
	if err != nil || h != [32]byte(want.GetHash()) {
		return mismatch("content does not match its commitment")
	}
	return checkWords(want.GetName(), c.GetData())
}

func empty(c *jieliv1.Content, mismatch func(string, ...any) error) error {
	if len(c.GetData())+len(c.GetRandom()) > 0 {
		return mismatch("absent content comes with data")
	}
	return nil
}

// checkWords validates what a peer's content says, by the same limits a centre's input has.
func checkWords(name string, data []byte) error {
	switch name {
	case contentMatter:
		var m jieliv1.Matter
		if err := proto.Unmarshal(data, &m); err != nil {
			return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: name, Message: "it cannot be read"}
		}
		return ticket.ValidateMatter(&m)
	case contentReporter:
		var r jieliv1.Reporter
		if err := proto.Unmarshal(data, &r); err != nil {
			return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: name, Message: "it cannot be read"}
		}
		return ticket.ValidateReporter(&r)
	case contentText:
		var t jieliv1.Text
		if err := proto.Unmarshal(data, &t); err != nil {
			return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: name, Message: "it cannot be read"}
		}
		return ticket.ValidateWords(&t)
	}
	return &ticket.Violation{Reason: "CONTENT_MISMATCH", Field: name, Message: "unknown content"}
}

// keep stores a peer's content beside its event. What is here already stays, but for what was absent: a later offer
// fills it in, unless it was erased for a person's sake.
func (s *step) keep(ev *jieliv1.Event, contents []*jieliv1.Content, have map[contentKey]*store.Content) error {
	for i, c := range contents {
		if old, ok := have[contentKey{ev.GetNumber(), c.GetName()}]; ok {
			if old.Absence != jieliv1.Content_WITHHELD || c.GetAbsence() != jieliv1.Content_PRESENT {
				continue
			}
		}
		row := &store.Content{
			TicketID: ev.GetTicketId(), Number: ev.GetNumber(), Name: c.GetName(),
			Commitment: [32]byte(ev.GetCommitments()[i].GetHash()), Absence: c.GetAbsence(),
			Random: c.GetRandom(), Data: c.GetData(),
		}
		// Reporter data never comes with an event; a peer that sends it so does not get it kept.
		if c.GetName() == contentReporter && c.GetAbsence() == jieliv1.Content_PRESENT {
			row.Absence, row.Random, row.Data = jieliv1.Content_WITHHELD, nil, nil
		}
		if err := s.tx.PutContent(row); err != nil {
			return fmt.Errorf("keep content %s of event %d: %w", c.GetName(), ev.GetNumber(), err)
		}
	}
	return nil
}

type contentKey struct {
	number uint32
	name   string
}

// contents reads a ticket's content rows by event and name.
func contentsOf(r store.Reader, ticketID string) (map[contentKey]*store.Content, error) {
	rows, err := r.Contents(ticketID)
	if err != nil {
		return nil, err
	}
	m := make(map[contentKey]*store.Content, len(rows))
	for _, c := range rows {
		m[contentKey{c.Number, c.Name}] = c
	}
	return m, nil
}

// forget drops content here: which says whose. Commitments stay, and the chain still verifies.
func (s *step) forget(which func(*store.Content) bool, why jieliv1.Content_Absence) error {
	rows, err := s.tx.Contents(s.t.State.GetId())
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c.Absence != jieliv1.Content_PRESENT || !which(c) {
			continue
		}
		c.Absence, c.Random, c.Data = why, nil, nil
		if err := s.tx.PutContent(c); err != nil {
			return fmt.Errorf("erase content %s of event %d: %w", c.Name, c.Number, err)
		}
	}
	return nil
}

// onlyReporter selects personal data.
func onlyReporter(c *store.Content) bool { return c.Name == contentReporter }

// reporter decrypts a ticket's reporter; nil when it is not here.
func (d *Desk) reporter(ticketID string, c *store.Content) (*jieliv1.Reporter, error) {
	if c == nil || c.Absence != jieliv1.Content_PRESENT {
		return nil, nil
	}
	plain, err := d.cfg.Vault.Open([]byte(ticketID), c.Data)
	if err != nil {
		return nil, fmt.Errorf("open reporter of ticket %s: %w", ticketID, err)
	}
	r := new(jieliv1.Reporter)
	if err := proto.Unmarshal(plain, r); err != nil {
		return nil, errors.New("stored reporter cannot be read")
	}
	return r, nil
}

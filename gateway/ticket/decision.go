package ticket

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Tags of what is signed: a signature is over tag ‖ 0x00 ‖ the exact bytes.
const (
	// DecisionTag is for a Decision.
	DecisionTag = "jieli/decision/1"
	// ReceiptTag is for a Receipt.
	ReceiptTag = "jieli/receipt/1"
)

const (
	// MaxDecisionBytes bounds a decision.
	MaxDecisionBytes = 4 << 10
	// ReleaseReason is the coded reason of every release.
	ReleaseReason = "RECALLED"

	maxReason    = 64
	maxClusterID = 64
)

// EncodeDecision checks a decision as DecodeDecision would and returns the bytes that are signed. The error is a
// *Violation.
func EncodeDecision(d *jieliv1.Decision) ([]byte, error) {
	if v := validateDecision(d); v != nil {
		return nil, v
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		return nil, violation(ReasonMalformed, "", "decision cannot be encoded: %v", err)
	}
	if err := checkBytes(b, MaxDecisionBytes, d); err != nil {
		return nil, err
	}
	return b, nil
}

// DecodeDecision reads a decision and checks what it shows by itself, as strictly as Decode does an event. It does not
// verify the signature, nor that the decision speaks of a certain offer (MatchDecision). The error is a *Violation.
func DecodeDecision(b []byte) (*jieliv1.Decision, error) {
	d, v := decodeDecision(b)
	if v != nil {
		return nil, v
	}
	return d, nil
}

func decodeDecision(b []byte) (*jieliv1.Decision, *Violation) {
	d := &jieliv1.Decision{}
	if len(b) > MaxDecisionBytes {
		return nil, violation(ReasonTooLarge, "", "Decision has %d bytes, at most %d are allowed", len(b), MaxDecisionBytes)
	}
	if v := checkCanonical(b, d.ProtoReflect().Descriptor()); v != nil {
		return nil, v
	}
	if err := proto.Unmarshal(b, d); err != nil {
		return nil, violation(ReasonMalformed, "", "decision cannot be read: %v", err)
	}
	if v := validateDecision(d); v != nil {
		return nil, v
	}
	return d, nil
}

func validateDecision(d *jieliv1.Decision) *Violation {
	for _, v := range []*Violation{
		eventChecks.enum("kind", d.GetKind()),
		eventChecks.uuidv7("ticketId", d.GetTicketId()),
		eventChecks.hash("eventHash", d.GetEventHash()),
		eventChecks.codedReason("reason", d.GetReason()),
		eventChecks.region("region", d.GetRegion()),
		eventChecks.time("time", d.GetTime()),
	} {
		if v != nil {
			return v
		}
	}
	switch {
	case d.GetNumber() < 2:
		return eventChecks.fail("number", "an offer is event 2 or later")
	case (d.GetKind() == jieliv1.Decision_RELEASED) != (d.GetReason() == ReleaseReason):
		return eventChecks.fail("reason", "%s is the reason of a release and of nothing else", ReleaseReason)
	case d.GetClusterId() == "" || len(d.GetClusterId()) > maxClusterID:
		return eventChecks.fail("clusterId", "must have 1 to %d bytes", maxClusterID)
	}
	return nil
}

// codedReason checks a coded reason: 1 to 64 of A-Z, 0-9 and _, a letter first.
func (c checks) codedReason(field, s string) *Violation {
	good := s != "" && len(s) <= maxReason && s[0] >= 'A' && s[0] <= 'Z'
	for i := 0; good && i < len(s); i++ {
		good = s[i] == '_' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9'
	}
	if !good {
		return c.fail(field, "must be a coded reason, e.g. STALE_ROUTE")
	}
	return nil
}

// MatchDecision tells whether a decision speaks of the ticket's open offer: by ticket, number, hash and target. The
// error is a *Violation with DECISION_MISMATCH.
func MatchDecision(st *jieliv1.TicketState, d *jieliv1.Decision) error {
	mismatch := func(field, format string, args ...any) error {
		return violation(ReasonDecisionMismatch, field, format, args...)
	}
	switch {
	case st.GetState() != jieliv1.Ticket_OFFERED:
		return mismatch("", "the ticket is %s: no offer is open", st.GetState())
	case d.GetTicketId() != st.GetId():
		return mismatch("ticketId", "the decision is about another ticket, %s", shorten(d.GetTicketId()))
	case d.GetNumber() != st.GetOfferNumber():
		return mismatch("number", "the decision is about event %d, the open offer is event %d", d.GetNumber(), st.GetOfferNumber())
	case !bytes.Equal(d.GetEventHash(), st.GetOfferHash()):
		return mismatch("eventHash", "the decision is about another event of number %d", d.GetNumber())
	case d.GetRegion() != st.GetOfferedTo():
		return mismatch("region", "the decision is of %s, the open offer is to %s", shorten(d.GetRegion()), st.GetOfferedTo())
	}
	return nil
}

package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// submission is a new ticket, checked and prepared before the transaction.
type submission struct {
	id        string
	in        *jieliv1.Ticket
	received  *jieliv1.Received
	words     []words
	emergency *regions.Service
	warnings  []string
	digest    [32]byte
	query     string
	prefix    string
}

// Submit takes a ticket: it is numbered, routed and, where another region serves it, offered, all in one transaction.
// The same externalId with the same content returns the first ticket.
func (d *Desk) Submit(ctx context.Context, actor Actor, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	table := d.cfg.Registry.Table()
	if table.View == nil || table.Revision() == 0 {
		return nil, fault.New(fault.Unavailable, "NO_REGISTRY", "this node has no registry yet: bootstrap or join a federation first, see `jieli status`")
	}
	in := req.GetTicket()
	if in == nil {
		return nil, fault.InvalidFields(fault.Field{Name: "ticket", Rule: "is required"})
	}
	if err := ticket.ValidateSubmission(in, d.cfg.Now()); err != nil {
		return nil, toFault(err)
	}
	if err := validateRequestID(req.GetRequestId()); err != nil {
		return nil, err
	}
	sub, err := d.prepare(table, in)
	if err != nil {
		return nil, err
	}
	var stored submitted
	err = d.store.Update(ctx, func(tx store.Tx) (err error) {
		stored, err = d.submit(tx, actor, req, sub)
		return err
	})
	if err != nil {
		return nil, toFault(err)
	}
	view, err := d.showSubmitted(ctx, actor, stored)
	if err != nil {
		return nil, err
	}
	return &jieliv1.SubmitTicketResponse{
		Ticket: view, Warnings: stored.ticket.Warnings, CallNumber: stored.ticket.State.GetCallNumber(), Repeated: stored.step == nil,
	}, nil
}

// showSubmitted shows a new ticket from what is at hand, and one that was there already as it now is.
func (d *Desk) showSubmitted(ctx context.Context, actor Actor, s submitted) (*jieliv1.Ticket, error) {
	if s.step == nil {
		return d.Get(ctx, actor, &jieliv1.GetTicketRequest{Id: s.ticket.State.GetId()})
	}
	s.ticket.UpdateTime = s.step.now
	return d.show(s.ticket, s.step.contents, s.step.events, viewOptions{events: true})
}

// submitted is the ticket of a submission; step is what made it, nil when it was there already.
type submitted struct {
	ticket *store.Ticket
	step   *step
}

// prepare checks what needs the table and makes what needs no transaction.
func (d *Desk) prepare(table Table, in *jieliv1.Ticket) (*submission, error) {
	sub := &submission{in: in, digest: ticket.Submitted(in)}
	if err := checkDivision(table, in.GetDivision()); err != nil {
		return nil, err
	}
	service, err := sub.resolveService(table)
	if err != nil {
		return nil, err
	}
	sub.warnings = append(sub.warnings, emergencyWords(in.GetTitle()+"\n"+in.GetDescription())...)
	self, ok := table.Region(d.cfg.Region)
	if !ok {
		return nil, fault.New(fault.Unavailable, "NOT_A_MEMBER", "region %s is not in the registry this node has", d.cfg.Region)
	}
	sub.prefix = self.GetNumberPrefix()
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make ticket id: %w", err)
	}
	sub.id = id.String()
	code, err := d.random(8)
	if err != nil {
		return nil, err
	}
	sub.query = ticket.QueryCode(code)
	urgency := in.GetUrgency()
	if urgency == jieliv1.Ticket_URGENCY_UNSPECIFIED {
		urgency = jieliv1.Ticket_NORMAL
	}
	channel := in.GetChannel()
	if channel == jieliv1.Ticket_CHANNEL_UNSPECIFIED {
		channel = jieliv1.Ticket_PHONE
	}
	sub.received = &jieliv1.Received{
		ExternalId: in.GetExternalId(), Type: in.GetType(), Service: service, Channel: channel, Urgency: urgency,
		Division: in.GetDivision(), Publishable: in.GetPublishable(), Test: in.GetTest(), ReportedAt: in.GetReportedAt(),
		Complex: in.GetComplex(),
	}
	matter, err := d.words(sub.id, contentMatter, &jieliv1.Matter{
		Title: in.GetTitle(), Description: in.GetDescription(), Category: in.GetCategory(),
		Address: in.GetAddress(), Location: in.GetLocation(),
	})
	if err != nil {
		return nil, err
	}
	sub.words = append(sub.words, matter)
	if in.GetReporter() != nil {
		reporter, err := d.words(sub.id, contentReporter, in.GetReporter())
		if err != nil {
			return nil, err
		}
		sub.words = append(sub.words, reporter)
	}
	return sub, nil
}

// resolveService finds the service a ticket routes by. A code that was given must exist; a category that nobody
// knows routes by place alone, with a warning.
func (sub *submission) resolveService(table Table) (string, error) {
	words, field := sub.in.GetService(), "service"
	if words == "" {
		words, field = strings.TrimSpace(sub.in.GetCategory()), "category"
	}
	if words == "" {
		return "", nil
	}
	svc, ok := table.Catalogue().Resolve(words)
	switch {
	case !ok && field == "service":
		return "", fault.InvalidFields(fault.Field{Name: "service", Rule: "no service " + quote(words) + " in the registry; see `jieli service list`"})
	case !ok:
		sub.warnings = append(sub.warnings, "category "+quote(words)+" is not known as a service: routed by place alone")
		return "", nil
	}
	if svc.Emergency != "" {
		sub.emergency = &svc
	}
	return svc.Code, nil
}

// checkDivision refuses a place that neither the embedded divisions nor any route knows.
func checkDivision(table Table, division string) error {
	code, err := regions.ParseCode(division)
	if err == nil && (table.Routes().Divisions().Knows(code) || table.Routes().Lookup(regions.Query{Division: code}).Reason != regions.UnknownDivision) {
		return nil
	}
	return &fault.Error{
		Kind: fault.Invalid, Reason: "UNKNOWN_DIVISION",
		Message: "division: no division " + quote(division) + "; find its code with `jieli division search`",
		Fields:  []fault.Field{{Name: "division", Rule: "must be the code of an existing division"}},
	}
}

// submit stores a prepared ticket, unless it is there already.
func (d *Desk) submit(tx store.Tx, actor Actor, req *jieliv1.SubmitTicketRequest, sub *submission) (submitted, error) {
	first, err := d.submittedBefore(tx, req, sub)
	if err != nil || first != nil {
		return submitted{ticket: first}, err
	}
	if err := d.cfg.Intake(); err != nil {
		return submitted{}, err
	}
	now := d.cfg.Now()
	n, err := tx.NextCounter("number/" + regions.DayOf(now).String())
	if err != nil {
		return submitted{}, err
	}
	sub.received.Number = ticket.Number(sub.prefix, now, n)
	s := d.step(tx, &store.Ticket{QueryCode: sub.query, Digest: sub.digest[:], Warnings: sub.warnings}, actor.String())
	s.now = now
	if err := s.receive(sub); err != nil {
		return submitted{}, err
	}
	if err := s.save(); err != nil {
		return submitted{}, err
	}
	return submitted{ticket: s.t, step: s}, d.answered(tx, req.GetRequestId(), sub.digest, s.t.State.GetId())
}

// receive appends RECEIVED and what follows from it at once.
func (s *step) receive(sub *submission) error {
	var err error
	if sub.received.Deadlines, err = s.taken(sub.received); err != nil {
		return err
	}
	if err := s.appendTo(sub.id, sub.received, "", sub.words...); err != nil {
		return err
	}
	if sub.emergency != nil {
		return s.append(&jieliv1.Diverted{Service: sub.emergency.Code, CallNumber: sub.emergency.Emergency}, "")
	}
	_, err = s.route()
	return err
}

// submittedBefore finds the ticket of a repeated submission, and refuses a number used with other content.
func (d *Desk) submittedBefore(tx store.Tx, req *jieliv1.SubmitTicketRequest, sub *submission) (*store.Ticket, error) {
	if id := req.GetRequestId(); id != "" {
		a, err := tx.Answered(id)
		switch {
		case err == nil && a.Digest != sub.digest:
			return nil, requestIDUsed(id)
		case err == nil:
			return tx.Ticket(a.TicketID)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	ext := sub.in.GetExternalId()
	if ext == "" {
		return nil, nil
	}
	t, err := tx.TicketByExternalID(d.cfg.Region, ext)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case string(t.Digest) != string(sub.digest[:]):
		return nil, &fault.Error{
			Kind: fault.Exists, Reason: "EXTERNAL_ID_USED",
			Message: fmt.Sprintf("externalId %s is already used by ticket %s with other content; use another number, or a command on that ticket", quote(ext), t.State.GetNumber()),
			Fields:  []fault.Field{{Name: "externalId", Rule: "already used with other content"}},
		}
	}
	return t, nil
}

// answered remembers a request id.
func (d *Desk) answered(tx store.Tx, requestID string, digest [32]byte, ticketID string) error {
	if requestID == "" {
		return nil
	}
	return tx.PutAnswered(&store.Answered{RequestID: requestID, Digest: digest, TicketID: ticketID, Time: d.cfg.Now()})
}

func requestIDUsed(id string) error {
	return &fault.Error{
		Kind: fault.Exists, Reason: "REQUEST_ID_USED",
		Message: "requestId " + quote(id) + " was used for another command; make a new one for each command",
		Fields:  []fault.Field{{Name: "requestId", Rule: "already used for another command"}},
	}
}

func validateRequestID(id string) error {
	if id == "" {
		return nil
	}
	if err := ticket.ValidateRequestID(id); err != nil {
		return toFault(err)
	}
	return nil
}

// digestOf recognises the same command under the same request id.
func digestOf(method string, req proto.Message) ([32]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(append([]byte(method+"\x00"), b...)), nil
}

// quote shows user input in a message, cut to what is readable.
func quote(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// toFault makes the errors of rules and store what callers are told.
func toFault(err error) error {
	var (
		many ticket.Violations
		one  *ticket.Violation
	)
	if _, ok := fault.As(err); ok {
		return err
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		fields := make([]fault.Field, len(many))
		for i, v := range many {
			fields[i] = fault.Field{Name: v.Field, Rule: v.Message}
		}
		return fault.InvalidFields(fields...)
	case errors.As(err, &one):
		return violationFault(one)
	case errors.Is(err, store.ErrNotFound):
		return fault.New(fault.NotFound, "TICKET_NOT_FOUND", "no such ticket on this node").Wrap(err)
	case errors.Is(err, store.ErrBusy):
		return fault.New(fault.Exhausted, "BUSY", "too many changes are waiting on this node; try again shortly").Wrap(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.New(fault.Unavailable, "OUTCOME_UNKNOWN", "the call ended before the change was known to be durable; repeat it with the same requestId").Wrap(err)
	case errors.Is(err, store.ErrClosed):
		return fault.New(fault.Unavailable, "STOPPING", "this node is stopping").Wrap(err)
	}
	return err
}

// violationFault maps a broken rule of the pen.
func violationFault(v *ticket.Violation) error {
	switch v.Reason {
	case "NO_PEN", "WRONG_STATE", "NOT_ORIGIN", "LOOP", "TOO_MANY_OFFERS", "PEN_MISUSED",
		"OWN_REGION", "SECOND_RETURN", "REQUEST_REQUIRED", "WRONG_BASIS", "WRONG_ROUND":
		return fault.New(fault.Precondition, v.Reason, "%s", v.Message)
	case "INVALID_FIELD", "":
		return fault.InvalidFields(fault.Field{Name: v.Field, Rule: v.Message})
	}
	return &fault.Error{Kind: fault.Invalid, Reason: v.Reason, Message: v.Message, Fields: []fault.Field{{Name: v.Field, Rule: v.Message}}}
}

// maxWait bounds how long a caller may wait for entries of the feed.
const maxWait = 60 * time.Second

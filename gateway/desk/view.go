package desk

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/gateway/fault"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/ticket"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// viewOptions say how much of a ticket to show.
type viewOptions struct {
	events bool
	proof  bool
	unmask bool
}

// Get returns one ticket. Looking at the reporter unmasked is written down with the person who looked.
func (d *Desk) Get(ctx context.Context, actor Actor, req *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error) {
	switch req.GetView() {
	case jieliv1.GetTicketRequest_VIEW_UNSPECIFIED, jieliv1.GetTicketRequest_PROOF:
	default:
		return nil, fault.InvalidFields(fault.Field{Name: "view", Rule: "must be PROOF or left out"})
	}
	var out *jieliv1.Ticket
	err := d.store.View(ctx, func(r store.Reader) error {
		t, err := findTicket(r, req.GetId())
		if err != nil {
			return err
		}
		out, err = d.view(r, t, viewOptions{events: true, proof: req.GetView() == jieliv1.GetTicketRequest_PROOF, unmask: req.GetUnmask()})
		return err
	})
	if err != nil {
		return nil, toFault(err)
	}
	if req.GetUnmask() && out.GetReporter() != nil {
		d.log.Info("personal data was looked at", slog.Any("audit", true), slog.Any("ticket", out.GetId()), slog.Any("who", actor.String()))
	}
	return out, nil
}

// view reads what stands beside a ticket and shows it as centres see it.
func (d *Desk) view(r store.Reader, t *store.Ticket, o viewOptions) (*jieliv1.Ticket, error) {
	have, err := contentsOf(r, t.State.GetId())
	if err != nil {
		return nil, err
	}
	var events []*store.Event
	if o.events {
		if events, err = r.Events(t.State.GetId(), 1); err != nil {
			return nil, err
		}
	}
	return d.show(t, have, events, o)
}

// show is view of what is at hand.
func (d *Desk) show(t *store.Ticket, have map[contentKey]*store.Content, events []*store.Event, o viewOptions) (*jieliv1.Ticket, error) {
	out := d.fromState(t)
	if c := have[contentKey{1, contentMatter}]; c != nil && c.Absence == jieliv1.Content_PRESENT {
		var m jieliv1.Matter
		if err := proto.Unmarshal(c.Data, &m); err != nil {
			return nil, fmt.Errorf("stored matter of ticket %s cannot be read: %w", out.GetId(), err)
		}
		out.Title, out.Description, out.Category = m.GetTitle(), m.GetDescription(), m.GetCategory()
		out.Address, out.Location = m.GetAddress(), m.GetLocation()
	}
	var err error
	if out.Reporter, err = d.reporter(out.GetId(), have[contentKey{1, contentReporter}]); err != nil {
		return nil, err
	}
	if !o.unmask {
		mask(out.GetReporter())
	}
	for _, e := range events {
		rec, err := record(e, have[contentKey{e.Number, contentText}], o.proof)
		if err != nil {
			return nil, err
		}
		out.Events = append(out.Events, rec)
	}
	return out, nil
}

// fromState shows what is in a ticket's row.
func (d *Desk) fromState(t *store.Ticket) *jieliv1.Ticket {
	st := t.State
	out := &jieliv1.Ticket{
		Id: st.GetId(), Number: st.GetNumber(), QueryCode: t.QueryCode, ExternalId: st.GetExternalId(),
		References: st.GetReferences(), Origin: st.GetOrigin(), Holder: t.Holder,
		OfferedTo: st.GetOfferedTo(), State: st.GetState(), Type: st.GetType(), Service: st.GetService(),
		Channel: st.GetChannel(), Urgency: st.GetUrgency(), Division: st.GetDivision(), Publishable: st.GetPublishable(),
		Test: st.GetTest(), ReportedAt: st.GetReportedAt(), CreateTime: st.GetCreateTime(), Round: st.GetRound(),
		Hops: st.GetHops(), LastEvent: st.GetLastNumber(), RecallPending: t.RecallRequest != "",
		WithdrawPending: t.WithdrawRequest != "", Stopped: t.Stopped, WaitingForRevision: t.WaitRevision,
		CallNumber: st.GetCallNumber(), Complex: st.GetComplex(),
		Light: store.LightAt(d.cfg.Now(), t.Due, t.Yellow), CalendarProvisional: t.Provisional,
	}
	if !t.Due.IsZero() {
		out.Due = ticket.Due(st)
	}
	if !t.UpdateTime.IsZero() {
		out.UpdateTime = timestamppb.New(t.UpdateTime)
	}
	return out
}

// record shows one event.
func record(e *store.Event, text *store.Content, proof bool) (*jieliv1.EventRecord, error) {
	var ev jieliv1.Event
	if err := proto.Unmarshal(e.Bytes, &ev); err != nil {
		return nil, fmt.Errorf("stored event %d of ticket %s cannot be read: %w", e.Number, e.TicketID, err)
	}
	rec := wordless(e, &ev)
	if proof {
		rec.Signed = &jieliv1.SignedEvent{Event: e.Bytes, Proof: e.Proof}
	}
	return rec, say(rec, text)
}

// wordless shows one event but for the words beside it.
func wordless(e *store.Event, ev *jieliv1.Event) *jieliv1.EventRecord {
	rec := &jieliv1.EventRecord{
		TicketId: e.TicketID, Number: e.Number, Kind: e.Kind, Author: e.Author, Time: ev.GetTime(),
		RegistryRevision: ev.GetRegistryRevision(), Hash: hex.EncodeToString(e.Hash[:]), FromFuture: e.FromFuture, Actor: e.Actor,
	}
	detail(rec, ev)
	return rec
}

// say adds the words beside an event, if there are any.
func say(rec *jieliv1.EventRecord, text *store.Content) error {
	if text == nil {
		return nil
	}
	var words jieliv1.Text
	if err := proto.Unmarshal(text.Data, &words); err != nil {
		return fmt.Errorf("stored text of event %d of ticket %s cannot be read: %w", rec.GetNumber(), rec.GetTicketId(), err)
	}
	rec.Text, rec.LegalBasis, rec.Erased = words.GetText(), words.GetLegalBasis(), text.Absence != jieliv1.Content_PRESENT
	return nil
}

// detail shows what is particular to a kind.
func detail(rec *jieliv1.EventRecord, ev *jieliv1.Event) {
	switch b := ev.GetBody().(type) {
	case *jieliv1.Event_Unrouted:
		rec.Reason = b.Unrouted.GetReason().String()
	case *jieliv1.Event_Diverted:
		rec.Reason = b.Diverted.GetCallNumber()
	case *jieliv1.Event_Accepted:
		if b.Accepted.GetDeemed() {
			rec.Reason = "DEEMED"
		}
	case *jieliv1.Event_Offered:
		rec.Region, rec.Basis = b.Offered.GetTarget(), b.Offered.GetBasis()
	case *jieliv1.Event_Returned:
		rec.Region, rec.Reason = b.Returned.GetOnward(), b.Returned.GetReason().String()
	case *jieliv1.Event_OfferRefused:
		decisionDetail(rec, b.OfferRefused.GetRefusal())
	case *jieliv1.Event_Recalled:
		rec.Reason = "NEVER_SENT"
		if !b.Recalled.GetNeverSent() {
			decisionDetail(rec, b.Recalled.GetRelease())
		}
	case *jieliv1.Event_Noted:
		rec.Region = b.Noted.GetFrom()
	case *jieliv1.Event_Arbitration:
		rec.Reason = b.Arbitration.GetCause().String()
	}
}

func decisionDetail(rec *jieliv1.EventRecord, s *jieliv1.SignedDecision) {
	var dec jieliv1.Decision
	if proto.Unmarshal(s.GetDecision(), &dec) == nil {
		rec.Region, rec.Reason = dec.GetRegion(), dec.GetReason()
	}
}

// mask hides most of a reporter: enough stays to recognise the caller on the phone.
func mask(r *jieliv1.Reporter) {
	if r == nil {
		return
	}
	r.Name = maskName(r.GetName())
	r.Phone = maskPhone(r.GetPhone())
	if o := r.GetOrganization(); o != nil {
		o.Name, o.CreditCode = maskName(o.GetName()), maskPhone(o.GetCreditCode())
	}
}

// maskName keeps the first character.
func maskName(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return ""
	}
	return string(r[0]) + "**"
}

// maskPhone keeps the last four characters of a number long enough to hide the rest.
func maskPhone(s string) string {
	const keep = 4
	r := []rune(s)
	switch {
	case len(r) == 0:
		return ""
	case len(r) < 2*keep:
		return "****"
	}
	return "****" + string(r[len(r)-keep:])
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// List returns one page of tickets, newest change last.
func (d *Desk) List(ctx context.Context, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	size, err := pageSize("pageSize", req.GetPageSize())
	if err != nil {
		return nil, err
	}
	f, err := filterOf(req, d.cfg.Now())
	if err != nil {
		return nil, err
	}
	after, err := openPageToken(req)
	if err != nil {
		return nil, err
	}
	out := &jieliv1.ListTicketsResponse{}
	err = d.store.View(ctx, func(r store.Reader) error {
		rows, err := r.ListTickets(f, after, size)
		if err != nil {
			return err
		}
		for _, t := range rows {
			v, err := d.view(r, t, viewOptions{})
			if err != nil {
				return err
			}
			out.Tickets = append(out.Tickets, v)
		}
		if len(rows) == size {
			out.NextPageToken = pageToken(req, rows[size-1].Changed)
		}
		return nil
	})
	if err != nil {
		return nil, toFault(err)
	}
	return out, nil
}

func pageSize(field string, n int32) (int, error) {
	switch {
	case n == 0:
		return defaultPage, nil
	case n < 0 || n > maxPage:
		return 0, fault.InvalidFields(fault.Field{Name: field, Rule: fmt.Sprintf("must be 1 to %d", maxPage)})
	}
	return int(n), nil
}

func filterOf(req *jieliv1.ListTicketsRequest, now time.Time) (store.Filter, error) {
	f := store.Filter{
		State: req.GetState(), Origin: req.GetOrigin(), Holder: req.GetHolder(), Service: req.GetService(),
		Division: req.GetDivision(), ExternalID: req.GetExternalId(),
	}
	if _, ok := jieliv1.Ticket_State_name[int32(f.State)]; !ok {
		return f, fault.InvalidFields(fault.Field{Name: "state", Rule: "unknown state"})
	}
	for _, r := range f.Division {
		if r < '0' || r > '9' {
			return f, fault.InvalidFields(fault.Field{Name: "division", Rule: "must be digits"})
		}
	}
	if t := req.GetUpdatedAfter(); t != nil {
		if err := t.CheckValid(); err != nil {
			return f, fault.InvalidFields(fault.Field{Name: "updatedAfter", Rule: "must be a valid time"})
		}
		f.UpdatedAfter = t.AsTime()
	}
	if t := req.GetDueBefore(); t != nil {
		if err := t.CheckValid(); err != nil {
			return f, fault.InvalidFields(fault.Field{Name: "dueBefore", Rule: "must be a valid time"})
		}
		f.DueBefore = t.AsTime()
	}
	if _, ok := jieliv1.Ticket_Light_name[int32(req.GetLight())]; !ok {
		return f, fault.InvalidFields(fault.Field{Name: "light", Rule: "must be GREEN, YELLOW or RED"})
	}
	f.Light, f.At = req.GetLight(), now
	return f, nil
}

// pageToken is bound to its filters, so that it cannot silently continue another list.
func pageToken(req *jieliv1.ListTicketsRequest, after int64) string {
	b := binary.BigEndian.AppendUint32(nil, filterSum(req))
	b = binary.BigEndian.AppendUint64(b, uint64(after)) // #nosec G115 -- Changed counts up from 1
	return base64.RawURLEncoding.EncodeToString(b)
}

func openPageToken(req *jieliv1.ListTicketsRequest) (int64, error) {
	if req.GetPageToken() == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	if err != nil || len(b) != 12 || binary.BigEndian.Uint32(b) != filterSum(req) {
		return 0, fault.InvalidFields(fault.Field{Name: "pageToken", Rule: "is not from a list with the same filters; begin again without it"})
	}
	return int64(binary.BigEndian.Uint64(b[4:]) & (1<<63 - 1)), nil // #nosec G115 -- masked
}

func filterSum(req *jieliv1.ListTicketsRequest) uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d\x00%s", req.GetState(), req.GetOrigin(), req.GetHolder(),
		req.GetService(), req.GetDivision(), req.GetExternalId(), req.GetUpdatedAfter().AsTime(),
		req.GetLight(), req.GetDueBefore().AsTime())
	return h.Sum32()
}

// OpenTickets counts tickets this region is answerable for that have not ended; retiring needs none.
func (d *Desk) OpenTickets(ctx context.Context) (uint64, error) {
	var n uint64
	err := d.store.View(ctx, func(r store.Reader) error {
		var err error
		n, err = r.CountHeld(d.cfg.Region)
		return err
	})
	return n, err
}

// RetryTicket judges a stopped ticket's kept items again.
func (d *Desk) RetryTicket(ctx context.Context, idOrNumber string) (*jieliv1.RetryTicketResponse, error) {
	id := idOrNumber
	if ticket.ValidateID("ticket", id) != nil {
		err := d.store.View(ctx, func(r store.Reader) error {
			t, err := findTicket(r, idOrNumber)
			if err == nil {
				id = t.State.GetId()
			}
			return err
		})
		if err != nil {
			return nil, toFault(err)
		}
	}
	taken, reason, err := d.peers.Retry(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.NotFound, "NOT_STOPPED", "nothing of ticket %s is stopped on this node; see `jieli link list`", id)
	}
	if err != nil {
		return nil, toFault(err)
	}
	return &jieliv1.RetryTicketResponse{Taken: uint32(taken), Reason: reason}, nil // #nosec G115 -- bounded by kept evidence
}

// ExcusePeer goes on with the tickets shared with a peer that has not been heard from; written down with who decided.
func (d *Desk) ExcusePeer(_ context.Context, actor Actor, region, reason string) error {
	if err := ticket.ValidateText("reason", reason, 1, 200, false); err != nil {
		return toFault(err)
	}
	if regionState(d.cfg.Registry.Table(), region) == jieliv1.Region_STATE_UNSPECIFIED {
		return fault.New(fault.NotFound, "REGION_NOT_FOUND", "no region %s in the registry", quote(region))
	}
	if err := d.peers.Excuse(region, actor.String(), reason); err != nil {
		return toFault(err)
	}
	d.log.Warn("a peer was excused: its shared tickets go on without its word", slog.Any("audit", true), slog.Any("peer", region), slog.Any("who", actor.String()), slog.Any("reason", reason))
	d.lookAgain()
	return nil
}

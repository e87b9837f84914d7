package api

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// Desk handles tickets. gateway/desk implements it, and judges everything about a request but the form of its id
// and who may make it.
type Desk interface {
	Submit(context.Context, desk.Actor, *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error)
	Get(context.Context, desk.Actor, *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error)
	List(context.Context, *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error)
	Offer(context.Context, desk.Actor, *jieliv1.OfferTicketRequest) (*jieliv1.Ticket, error)
	Accept(context.Context, desk.Actor, *jieliv1.AcceptTicketRequest) (*jieliv1.Ticket, error)
	Return(context.Context, desk.Actor, *jieliv1.ReturnTicketRequest) (*jieliv1.Ticket, error)
	Note(context.Context, desk.Actor, *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error)
	Answer(context.Context, desk.Actor, *jieliv1.AnswerTicketRequest) (*jieliv1.Ticket, error)
	Close(context.Context, desk.Actor, *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error)
	Reopen(context.Context, desk.Actor, *jieliv1.ReopenTicketRequest) (*jieliv1.Ticket, error)
	Withdraw(context.Context, desk.Actor, *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error)
	Recall(context.Context, desk.Actor, *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error)
	Events(context.Context, *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error)
	// Watch calls send for each entry after a cursor, one at a time, until ctx ends or send fails.
	Watch(ctx context.Context, after string, send func(*jieliv1.FeedEntry) error) error
	RetryTicket(ctx context.Context, ticket string) (*jieliv1.RetryTicketResponse, error)
	ExcusePeer(ctx context.Context, actor desk.Actor, region, reason string) error
}

// desk gives the desk, or says why there is none.
func (s *Server) desk() (Desk, error) {
	p, err := s.attached()
	if err != nil {
		return nil, err
	}
	if p.Desk == nil && len(*s.loading.Load()) > 0 {
		return nil, starts() // the store may still come
	}
	if p.Desk == nil {
		return nil, fault.New(fault.Precondition, "NO_TICKETS_HERE",
			"this node carries the registry only; ask the node of region %s that runs tickets (`jieli node list`)", s.cfg.Region)
	}
	return p.Desk, nil
}

// ticketService implements jieliv1.TicketServiceServer over the desk.
type ticketService struct {
	jieliv1.UnimplementedTicketServiceServer
	api *Server
}

// maxTicketID is the longest text that can be a ticket's id or number.
const maxTicketID = 64

// checkTicketID refuses what cannot be a ticket's id or number, whatever the desk has.
func checkTicketID(field, id string) error {
	good := id != "" && len(id) <= maxTicketID
	for i := 0; good && i < len(id); i++ {
		b := id[i]
		good = b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-'
	}
	if !good {
		return fault.InvalidFields(fault.Field{Name: field, Rule: "must be a ticket's id or number: 1 to 64 letters A to Z, digits and -"})
	}
	return nil
}

// onTicket is a method that names a ticket.
type onTicket interface{ GetId() string }

// command carries out a command on a ticket: do is one of the desk's methods.
func command[R onTicket](ctx context.Context, s *ticketService, req R, do func(Desk, context.Context, desk.Actor, R) (*jieliv1.Ticket, error)) (*jieliv1.Ticket, error) {
	if err := checkTicketID("id", req.GetId()); err != nil {
		return nil, err
	}
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	return do(d, ctx, actorOf(ctx), req)
}

// SubmitTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) SubmitTicket(ctx context.Context, req *jieliv1.SubmitTicketRequest) (*jieliv1.SubmitTicketResponse, error) {
	if req.GetTicket() == nil {
		return nil, fault.InvalidFields(fault.Field{Name: "ticket", Rule: "is missing"})
	}
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	return d.Submit(ctx, actorOf(ctx), req)
}

// GetTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) GetTicket(ctx context.Context, req *jieliv1.GetTicketRequest) (*jieliv1.Ticket, error) {
	if caller := CallerFrom(ctx); req.GetUnmask() && !caller.NamesPerson() {
		return nil, errOperatorRequired(caller)
	}
	return command(ctx, s, req, Desk.Get)
}

// ListTickets implements jieliv1.TicketServiceServer.
func (s *ticketService) ListTickets(ctx context.Context, req *jieliv1.ListTicketsRequest) (*jieliv1.ListTicketsResponse, error) {
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	return listTickets(ctx, d, req)
}

// OfferTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) OfferTicket(ctx context.Context, req *jieliv1.OfferTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Offer)
}

// AcceptTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) AcceptTicket(ctx context.Context, req *jieliv1.AcceptTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Accept)
}

// ReturnTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) ReturnTicket(ctx context.Context, req *jieliv1.ReturnTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Return)
}

// NoteTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) NoteTicket(ctx context.Context, req *jieliv1.NoteTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Note)
}

// AnswerTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) AnswerTicket(ctx context.Context, req *jieliv1.AnswerTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Answer)
}

// CloseTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) CloseTicket(ctx context.Context, req *jieliv1.CloseTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Close)
}

// ReopenTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) ReopenTicket(ctx context.Context, req *jieliv1.ReopenTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Reopen)
}

// WithdrawTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) WithdrawTicket(ctx context.Context, req *jieliv1.WithdrawTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Withdraw)
}

// RecallTicket implements jieliv1.TicketServiceServer.
func (s *ticketService) RecallTicket(ctx context.Context, req *jieliv1.RecallTicketRequest) (*jieliv1.Ticket, error) {
	return command(ctx, s, req, Desk.Recall)
}

// eventService implements jieliv1.EventServiceServer over the desk.
type eventService struct {
	jieliv1.UnimplementedEventServiceServer
	api *Server
}

// ListEvents implements jieliv1.EventServiceServer.
func (s *eventService) ListEvents(ctx context.Context, req *jieliv1.ListEventsRequest) (*jieliv1.ListEventsResponse, error) {
	if wait := req.GetWait(); wait != nil && (!wait.IsValid() || wait.AsDuration() < 0 || wait.AsDuration() > maxWait) {
		return nil, fault.InvalidFields(fault.Field{Name: "wait", Rule: "must be from 0s to " + maxWait.Truncate(time.Second).String()})
	}
	d, err := s.api.desk()
	if err != nil {
		return nil, err
	}
	return listEvents(ctx, d, req)
}

// WatchEvents implements jieliv1.EventServiceServer.
func (s *eventService) WatchEvents(req *jieliv1.WatchEventsRequest, stream grpc.ServerStreamingServer[jieliv1.FeedEntry]) error {
	d, err := s.api.desk()
	if err != nil {
		return err
	}
	return d.Watch(stream.Context(), req.GetAfter(), stream.Send)
}

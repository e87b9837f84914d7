package api

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/peer"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/desk"
)

// call is one call under way, from the moment it is known which method is meant.
type call struct {
	method        string
	correlationID string
	start         time.Time
	remote        netip.Addr
	// caller and peer are who makes it, once that is known: one of them, or neither.
	caller access.Caller
	peer   trust.NodeID
}

type (
	callKey        struct{}
	correlationCtx struct{}
)

// newCorrelationID makes the id under which the log speaks of a call.
func newCorrelationID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil.String() // no randomness: the call fails for other reasons soon enough
	}
	return id.String()
}

// withCorrelationID gives a call the id that has been told to its caller already.
func withCorrelationID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationCtx{}, id)
}

// correlationIDOf gives the correlation id of a context, or makes one.
func correlationIDOf(ctx context.Context) string {
	if id, ok := ctx.Value(correlationCtx{}).(string); ok {
		return id
	}
	return newCorrelationID()
}

// callOf gives the call that a handler is in; an empty one outside of the gate.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// CallerFrom gives the caller of the call that a handler is in; the zero Caller for a peer's or an anonymous call.
func CallerFrom(ctx context.Context) access.Caller { return callOf(ctx).caller }

// CorrelationID gives the correlation id of the call that a handler is in, for its log lines; "" outside of one.
func CorrelationID(ctx context.Context) string { return callOf(ctx).correlationID }

// actorOf is the caller as the desk records them.
func actorOf(ctx context.Context) desk.Actor {
	c := CallerFrom(ctx)
	return desk.Actor{Name: c.Name, Operator: c.Operator}
}

// remoteOf gives the address a call comes from; the zero Addr when it has none.
func remoteOf(ctx context.Context) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return netip.Addr{}
	}
	if tcp, ok := p.Addr.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	addr, err := netip.ParseAddrPort(p.Addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr()
}

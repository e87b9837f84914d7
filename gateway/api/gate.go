package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jieli-gateway/jieli/federation/trust"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/fault"
)

// correlationHeader carries the correlation id to the caller, over gRPC and HTTP.
const correlationHeader = "Jieli-Correlation-Id"

// gate is what every call passes, over gRPC or HTTP: it finds out who calls, denies what no rule allows, bounds the
// call's time, keeps a panic from ending the node, turns errors into what callers are told, and counts and logs.
type gate struct {
	on           port
	rules        rules
	tokens       *access.Tokens
	certificates *access.Certificates
	attempts     *access.Attempts
	meters       *meters
	log          *slog.Logger
	now          func() time.Time
	// complaints bounds the lines that whoever reaches the port can cause.
	complaints *complaints
	// starting tells whether calls that find this node unavailable are no news; nil: they always are.
	starting func() bool
	// draining is closed when the server ends; calls that go on for long end then.
	draining <-chan struct{}
}

// unary is the interceptor of ordinary calls.
func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	c := g.begin(ctx, info.FullMethod)
	defer func() {
		if err = g.end(c, recover(), err); err != nil {
			resp = nil
		}
	}()
	// Over HTTP there is no stream to set it on, and the header has been written already.
	_ = grpc.SetHeader(ctx, metadata.Pairs(correlationHeader, c.correlationID))
	if err := g.admit(ctx, c); err != nil {
		return nil, err
	}
	if err := g.checkMessage(ctx, req); err != nil {
		return nil, err
	}
	wait := waitOf(req)
	ctx, cancel := withDeadline(context.WithValue(ctx, callKey{}, c), wait)
	defer cancel()
	if wait > 0 {
		var release func()
		ctx, release = g.watch(ctx, c)
		defer release()
	}
	resp, err = handler(ctx, req)
	return resp, endOf(ctx, err)
}

// stream is the interceptor of streams.
func (g *gate) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	c := g.begin(ss.Context(), info.FullMethod)
	defer func() { err = g.end(c, recover(), err) }()
	if err := g.admit(ss.Context(), c); err != nil {
		return err
	}
	// At once: a stream may be silent for long, and its caller wants to know that it is there.
	if err := ss.SendHeader(metadata.Pairs(correlationHeader, c.correlationID)); err != nil {
		return err
	}
	ctx := context.WithValue(ss.Context(), callKey{}, c)
	if g.on == apiPort { // whether a peer may stay connected, trust watches
		var release func()
		ctx, release = g.watch(ctx, c)
		defer release()
	}
	return endOf(ctx, handler(srv, &gatedStream{ServerStream: ss, gate: g, ctx: ctx}))
}

// checkMessage refuses a request that breaks the contract. What peers send is judged by whoever takes it, with a reason
// of its own for each item.
func (g *gate) checkMessage(ctx context.Context, m any) error {
	message, ok := m.(proto.Message)
	if !ok || g.on == federationPort {
		return nil
	}
	if err := checkDecoded(message); err != nil {
		return err
	}
	if err := checkQuery(ctx, message); err != nil {
		return err
	}
	return checkEnums(message)
}

// gatedStream is a stream with the gate's context, and with its checks of what comes in.
type gatedStream struct {
	grpc.ServerStream
	gate *gate
	ctx  context.Context // grpc.ServerStream has its context as a method
}

// Context implements grpc.ServerStream.
func (s *gatedStream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream.
func (s *gatedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.gate.checkMessage(s.ctx, m)
}

// begin opens the books on a call.
func (g *gate) begin(ctx context.Context, method string) *call {
	g.meters.inFlight.Inc()
	return &call{method: method, correlationID: correlationIDOf(ctx), start: g.now(), remote: remoteOf(ctx)}
}

// end closes them: it turns a panic or an error into what the caller is told, counts, and logs what is worth it.
func (g *gate) end(c *call, panicked any, err error) error {
	g.meters.inFlight.Dec()
	if panicked != nil {
		g.meters.panics.Inc()
		err = fmt.Errorf("panic: %v", panicked)
		g.log.Error("a call panicked; this is a bug, please report it",
			c.attr(), slog.Any("panic", panicked), slog.String("stack", string(debug.Stack())))
	}
	took := g.now().Sub(c.start)
	if err == nil {
		g.meters.done(c.method, codes.OK, took)
		g.log.Debug("call", c.attr(), slog.String("code", codes.OK.String()), slog.Duration("took", took))
		return nil
	}
	st := statusOf(err, c.correlationID)
	g.meters.done(c.method, st.Code(), took)
	g.report(c, st, err, took)
	return st.Err()
}

// report logs a call that failed: a warning when it is this node's fault, a detail otherwise.
func (g *gate) report(c *call, st *status.Status, err error, took time.Duration) {
	reason := reasonOf(st)
	attrs := []any{
		c.attr(), slog.String("code", st.Code().String()), slog.String("reason", reason),
		slog.Any("error", err), slog.Duration("took", took),
	}
	switch {
	case st.Code() == codes.Unavailable && g.starting != nil && g.starting():
	case st.Code() == codes.Unavailable:
		if repeated, ok := g.complaints.again(g.now(), c.method+" "+reason); ok {
			g.log.Warn("call failed", append(attrs, slog.Int("repeated", repeated))...)
			return
		}
	case serverFault(st.Code()):
		if g.complaints.each(g.now()) {
			g.log.Warn("call failed", attrs...)
			return
		}
	case refusal(st.Code()):
		if repeated, ok := g.complaints.again(g.now(), c.method+" "+reason+" "+c.remote.String()); ok {
			g.log.Info("call refused", append(attrs, slog.Int("repeated", repeated))...)
			return
		}
	}
	g.log.Debug("call", attrs...)
}

// serverFault tells which codes become an HTTP status of 500 or more.
func serverFault(c codes.Code) bool {
	switch c {
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}

// refusal tells which codes an operator may want to see without their being anybody's fault here.
func refusal(c codes.Code) bool { return c == codes.Unauthenticated || c == codes.PermissionDenied }

// attr is a call in the log: who by id, never by name; never what is in it.
func (c *call) attr() slog.Attr {
	who := c.caller.ID
	if !c.peer.IsZero() {
		who = c.peer.String()
	}
	return slog.Group("call",
		slog.String("method", c.method), slog.String("correlationId", c.correlationID),
		slog.String("caller", who), slog.String("remote", c.remote.String()))
}

// admit finds out who calls and applies the method's rule.
func (g *gate) admit(ctx context.Context, c *call) error {
	r, ok := g.rules[c.method]
	switch {
	case !ok:
		return fault.New(fault.Denied, "NO_RULE", "no rule allows anybody to call %s", c.method)
	case r.peer != (g.on == federationPort):
		return fault.New(fault.Denied, "WRONG_PORT", "%s is not served on the %s port", c.method, g.on)
	case r.peer:
		return g.admitPeer(ctx, c)
	case r.anonymous:
		return nil
	}
	caller, err := g.authenticate(ctx)
	if err != nil {
		return err
	}
	c.caller = caller
	if !caller.HasAny(r.roles...) {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "%s needs one of the roles %s; %s has %s",
			c.method[strings.LastIndexByte(c.method, '/')+1:], list(r.roles), caller.ID, list(caller.Roles))
	}
	if r.operator && !caller.NamesPerson() {
		return errOperatorRequired(caller)
	}
	return nil
}

func errOperatorRequired(caller access.Caller) error {
	return fault.New(fault.Denied, "OPERATOR_REQUIRED",
		"%s belongs to a system: name the person it acts for in the header %s", caller.ID, operatorHeader)
}

func list(roles []access.Role) string {
	words := make([]string, len(roles))
	for i, role := range roles {
		words[i] = string(role)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// admitPeer takes who the federation port's handshake has verified.
func (g *gate) admitPeer(ctx context.Context, c *call) error {
	id, ok := trust.PeerFromContext(ctx)
	if !ok {
		return fault.New(fault.Unauthenticated, "NO_PEER", "%s is for nodes of registered regions, over the federation port", c.method)
	}
	c.peer = id
	return nil
}

// authenticate finds the caller by token or, without one, by client certificate.
func (g *gate) authenticate(ctx context.Context) (access.Caller, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	caller, err := g.identify(ctx, md.Get("authorization"))
	if err != nil {
		return access.Caller{}, g.failed(ctx, err)
	}
	if caller.Kind != access.System {
		return caller, nil // a person speaks for themselves, whatever the header says
	}
	caller.Operator, err = parseOperator(md.Get(operatorHeader))
	return caller, err
}

// identify finds the caller by what the call carries.
func (g *gate) identify(ctx context.Context, authorization []string) (access.Caller, error) {
	switch len(authorization) {
	case 0:
		if caller, ok := g.byCertificate(ctx); ok {
			return caller, nil
		}
		return g.tokens.Authenticate("")
	case 1:
		scheme, token, _ := strings.Cut(authorization[0], " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return access.Caller{}, fault.New(fault.Unauthenticated, access.ReasonBadToken,
				"the Authorization header must read `Bearer jieli_…`")
		}
		return g.tokens.Authenticate(token)
	default:
		return access.Caller{}, fault.New(fault.Unauthenticated, access.ReasonBadToken, "there is more than one Authorization header")
	}
}

// byCertificate finds the caller by the client certificate that TLS has verified.
func (g *gate) byCertificate(ctx context.Context) (access.Caller, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return access.Caller{}, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return access.Caller{}, false
	}
	return g.certificates.Caller(commonName(info.State))
}

// commonName is that of the verified client certificate, "" without one.
func commonName(state tls.ConnectionState) string {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return ""
	}
	return state.VerifiedChains[0][0].Subject.CommonName
}

// failed counts a failure to show a good token and, beyond the bound, says only that there were too many.
func (g *gate) failed(ctx context.Context, err error) error {
	reason := fault.ReasonOf(err)
	g.meters.refused.WithLabelValues(reason).Inc()
	if reason == access.ReasonNoToken || g.attempts.Failed(remoteOf(ctx)) {
		return err
	}
	return fault.New(fault.Exhausted, "TOO_MANY_ATTEMPTS",
		"too many failed attempts from this address; the last one: %s. Try again in a few seconds", reason)
}

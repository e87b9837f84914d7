package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jieli-gateway/jieli/federation/registry"
	"github.com/jieli-gateway/jieli/gateway/access"
	"github.com/jieli-gateway/jieli/gateway/desk"
	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// wantStatus checks code and reason of an error over gRPC, and that it has a correlation id.
func wantStatus(t *testing.T, err error, code codes.Code, reason string) *status.Status {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != code || reasonOf(st) != reason {
		t.Fatalf("got %v / %s (%q), want %v / %s", st.Code(), reasonOf(st), st.Message(), code, reason)
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && (info.GetMetadata()[correlationKey] == "" || info.GetDomain() != "jieli") {
			t.Fatalf("ErrorInfo without correlation id or domain: %v", info)
		}
	}
	return st
}

func TestWhoIsLetIn(t *testing.T) {
	c := newCentre(t)
	expired, _, err := c.tokens.Create(access.Spec{Name: "old", Roles: []access.Role{access.Operator}, Expires: time.Now().Add(1100 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	revoked, entry, err := c.tokens.Create(access.Spec{Name: "gone", Roles: []access.Role{access.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.tokens.Revoke(entry.ID); err != nil {
		t.Fatal(err)
	}
	getTicket := func(ctx context.Context) error {
		_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(ctx, &jieliv1.GetTicketRequest{Id: "T-1"})
		return err
	}
	unmask := func(ctx context.Context) error {
		_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(ctx, &jieliv1.GetTicketRequest{Id: "T-1", Unmask: true})
		return err
	}
	suspend := func(ctx context.Context) error {
		_, err := jieliv1.NewRegistryServiceClient(c.conn).SuspendRegion(ctx, &jieliv1.ChangeRegionRequest{Id: "chengyu"})
		return err
	}
	watch := func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := jieliv1.NewEventServiceClient(c.conn).WatchEvents(ctx, &jieliv1.WatchEventsRequest{})
		if err != nil {
			return err
		}
		if _, err := stream.Header(); err != nil {
			return err
		}
		cancel()
		_, err = stream.Recv()
		if status.Code(err) == codes.Canceled {
			return nil
		}
		return err
	}
	twice := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("authorization", "Bearer "+c.operator, "authorization", "Bearer "+c.admin))
	basic := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("authorization", "Basic YTpi"))
	for name, test := range map[string]struct {
		ctx    context.Context
		call   func(context.Context) error
		code   codes.Code
		reason string
	}{
		"operator reads a ticket":              {as(c.operator), getTicket, codes.OK, ""},
		"auditor reads a ticket":               {as(c.auditor), getTicket, codes.OK, ""},
		"system reads a ticket":                {as(c.system), getTicket, codes.OK, ""},
		"no token":                             {as(""), getTicket, codes.Unauthenticated, "NO_TOKEN"},
		"bad token":                            {as("jieli_x"), getTicket, codes.Unauthenticated, "BAD_TOKEN"},
		"revoked token":                        {as(revoked), getTicket, codes.Unauthenticated, "TOKEN_REVOKED"},
		"two tokens":                           {twice, getTicket, codes.Unauthenticated, "BAD_TOKEN"},
		"not a bearer token":                   {basic, getTicket, codes.Unauthenticated, "BAD_TOKEN"},
		"monitor reads a ticket":               {as(c.monitor), getTicket, codes.PermissionDenied, "ROLE_REQUIRED"},
		"operator suspends":                    {as(c.operator), suspend, codes.PermissionDenied, "ROLE_REQUIRED"},
		"admin suspends":                       {as(c.admin), suspend, codes.OK, ""},
		"system suspends for nobody":           {as(c.adminSystem), suspend, codes.PermissionDenied, "OPERATOR_REQUIRED"},
		"system suspends for a person":         {as(c.adminSystem, "wang"), suspend, codes.OK, ""},
		"system suspends for a Chinese person": {as(c.adminSystem, "%E7%8E%8B%E8%8A%B3"), suspend, codes.OK, ""},
		"operator header twice":                {as(c.adminSystem, "a", "b"), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"operator header empty":                {as(c.adminSystem, ""), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"operator header too long":             {as(c.adminSystem, strings.Repeat("x", 101)), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"operator header with a stray %":       {as(c.adminSystem, "50%"), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"operator header not UTF-8":            {as(c.adminSystem, "%ff"), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"operator header with a line end":      {as(c.adminSystem, "a%0Ab"), suspend, codes.InvalidArgument, "INVALID_OPERATOR"},
		"system unmasks for nobody":            {as(c.system), unmask, codes.PermissionDenied, "OPERATOR_REQUIRED"},
		"system unmasks for a person":          {as(c.system, "wang"), unmask, codes.OK, ""},
		"person unmasks":                       {as(c.operator), unmask, codes.OK, ""},
		"operator watches":                     {as(c.operator), watch, codes.OK, ""},
		"monitor watches":                      {as(c.monitor), watch, codes.PermissionDenied, "ROLE_REQUIRED"},
		"nobody watches":                       {as(""), watch, codes.Unauthenticated, "NO_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.call(test.ctx)
			if test.code == codes.OK {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantStatus(t, err, test.code, test.reason)
		})
	}
	t.Run("expired token", func(t *testing.T) {
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
			if err := getTicket(as(expired)); err != nil {
				wantStatus(t, err, codes.Unauthenticated, "TOKEN_EXPIRED")
				return
			}
		}
		t.Fatal("the token does not expire")
	})
	text := c.log.String()
	for _, secret := range []string{c.operator, c.system, revoked, "李雷", "wang", "crm"} {
		if strings.Contains(text, secret) {
			t.Fatalf("the log has a token or a name: %s", secret)
		}
	}
}

func TestActorIsWhoCalls(t *testing.T) {
	c := newCentre(t)
	accept := func(ctx context.Context) {
		t.Helper()
		if _, err := jieliv1.NewTicketServiceClient(c.conn).AcceptTicket(ctx, &jieliv1.AcceptTicketRequest{Id: "T-1"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		ctx  context.Context
		want desk.Actor
	}{
		"person":                     {as(c.operator), desk.Actor{Name: "李雷"}},
		"person with a header":       {as(c.operator, "somebody"), desk.Actor{Name: "李雷"}},
		"system":                     {as(c.system), desk.Actor{Name: "crm"}},
		"system for a person":        {as(c.system, "%E7%8E%8B%E8%8A%B3"), desk.Actor{Name: "crm", Operator: "王芳"}},
		"system for a plain percent": {as(c.system, "a%25b"), desk.Actor{Name: "crm", Operator: "a%b"}},
	} {
		t.Run(name, func(t *testing.T) {
			accept(test.ctx)
			if method, actor, _ := c.desk.seen(); method != "Accept" || actor != test.want {
				t.Fatalf("%s by %+v, want Accept by %+v", method, actor, test.want)
			}
		})
	}
}

func TestTooManyFailures(t *testing.T) {
	c := newCentre(t)
	tickets := jieliv1.NewTicketServiceClient(c.conn)
	get := func(token string) error {
		_, err := tickets.GetTicket(as(token), &jieliv1.GetTicketRequest{Id: "T-1"})
		return err
	}
	for range access.AttemptBurst * 2 {
		if err := get("jieli_wrong"); status.Code(err) == codes.ResourceExhausted {
			wantStatus(t, err, codes.ResourceExhausted, "TOO_MANY_ATTEMPTS")
			if err := get(c.operator); err != nil {
				t.Fatalf("a good token pays for the failures of others: %v", err)
			}
			return
		}
	}
	t.Fatal("failures are not bounded")
}

func TestMethodsNobodyMayCall(t *testing.T) {
	c := newCentre(t)
	// Take a rule away, as if a method had come without an annotation.
	delete(c.api.gate.rules, jieliv1.TicketService_GetTicket_FullMethodName)
	c.api.gate.rules[jieliv1.TicketService_ListTickets_FullMethodName] = rule{peer: true}
	_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	wantStatus(t, err, codes.PermissionDenied, "NO_RULE")
	_, err = jieliv1.NewTicketServiceClient(c.conn).ListTickets(as(c.operator), &jieliv1.ListTicketsRequest{})
	wantStatus(t, err, codes.PermissionDenied, "WRONG_PORT")
	err = c.conn.Invoke(as(c.operator), "/jieli.v1.LinkService/Connect", &emptypb.Empty{}, &emptypb.Empty{})
	if status.Code(err) != codes.Unimplemented {
		t.Fatalf("a peer's method on the API port: %v", err)
	}
}

func TestHealthIsAnonymous(t *testing.T) {
	c := newCentre(t)
	check := func() grpc_health_v1.HealthCheckResponse_ServingStatus {
		t.Helper()
		answer, err := grpc_health_v1.NewHealthClient(c.conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetStatus()
	}
	if got := check(); got != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("ready, but %v", got)
	}
	c.api.SetLoading("registry")
	if got := check(); got != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("not ready, but %v", got)
	}
}

func TestEveryMethodHasOneRule(t *testing.T) {
	r := rules{}
	for _, service := range (&Server{}).services() {
		if err := r.add(service.Desc.ServiceName, apiPort); err != nil {
			t.Error(err)
		}
		if err := r.add(service.Desc.ServiceName, federationPort); err == nil {
			t.Errorf("%s may be served on the federation port", service.Desc.ServiceName)
		}
	}
	for _, service := range []grpc.ServiceDesc{jieliv1.LinkService_ServiceDesc, jieliv1.FederationService_ServiceDesc} {
		if err := r.add(service.ServiceName, federationPort); err != nil {
			t.Error(err)
		}
		if err := r.add(service.ServiceName, apiPort); err == nil {
			t.Errorf("%s may be served on the API port", service.ServiceName)
		}
	}
	if err := r.add("grpc.health.v1.Health", apiPort); err == nil {
		t.Error("a service without annotations is taken")
	}
	if err := r.add("jieli.v1.NoSuchService", apiPort); err == nil {
		t.Error("a service that is not there is taken")
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	c := newCentre(t)
	c.desk.failWith(func(context.Context) error { panic("secret detail") })
	_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	st := wantStatus(t, err, codes.Internal, "INTERNAL")
	if strings.Contains(st.Message(), "secret") {
		t.Fatalf("the caller is told of the inside: %s", st.Message())
	}
	if text := c.log.String(); !strings.Contains(text, "secret detail") || !strings.Contains(text, "gate_test.go") {
		t.Fatal("the log has neither the panic nor the stack")
	}
	_, err = jieliv1.NewEventServiceClient(c.conn).ListEvents(as(c.operator), &jieliv1.ListEventsRequest{})
	wantStatus(t, err, codes.Internal, "INTERNAL")
	stream, err := jieliv1.NewEventServiceClient(c.conn).WatchEvents(as(c.operator), &jieliv1.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Internal, "INTERNAL")
	if got := c.request("GET", "/v1/tickets/T-1", c.operator, ""); got.code != 500 || got.refusal(t).reason() != "INTERNAL" {
		t.Fatalf("over HTTP: %d %s", got.code, got.body)
	}
	if got := c.request("GET", "/v1/events:watch", c.operator, ""); got.code != 500 {
		t.Fatalf("as server-sent events: %d %s", got.code, got.body)
	}
	c.desk.failWith(nil)
	if _, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"}); err != nil {
		t.Fatalf("after panics: %v", err)
	}
}

func TestUnexpectedErrorStaysInside(t *testing.T) {
	c := newCentre(t)
	c.desk.failWith(func(context.Context) error { return errors.New("table tickets: disk I/O error") })
	_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	st := wantStatus(t, err, codes.Internal, "INTERNAL")
	var id string
	for _, detail := range st.Details() {
		id = detail.(*errdetails.ErrorInfo).GetMetadata()[correlationKey]
	}
	if strings.Contains(st.Message(), "disk") || !strings.Contains(st.Message(), id) {
		t.Fatalf("the caller is told %q", st.Message())
	}
	if text := c.log.String(); !strings.Contains(text, id) || !strings.Contains(text, "disk I/O error") {
		t.Fatal("the log does not have the error under its correlation id")
	}
}

func TestCorrelationIDComesBack(t *testing.T) {
	c := newCentre(t)
	var header metadata.MD
	_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"}, grpc.Header(&header))
	if err != nil || len(header.Get(correlationHeader)) != 1 {
		t.Fatalf("%v, %v", header, err)
	}
	got := c.request("GET", "/v1/tickets/a%2Fb", c.operator, "")
	if id := got.refusal(t).Details[0].Metadata[correlationKey]; id == "" || id != got.header.Get(correlationHeader) || !strings.Contains(c.log.String(), id) {
		t.Fatalf("correlation id %q in the body, %q in the header, or not in the log", id, got.header.Get(correlationHeader))
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	c := newCentre(t)
	tickets := jieliv1.NewTicketServiceClient(c.conn)
	// gRPC refuses to send invalid UTF-8 itself, so raw bytes are sent: field 1 (id) holding 0xff.
	send := func(ctx context.Context, raw []byte) error {
		return c.conn.Invoke(ctx, jieliv1.TicketService_GetTicket_FullMethodName, raw, new([]byte), grpc.ForceCodec(rawCodec{}))
	}
	wantStatus(t, send(as(c.operator), []byte{0x0a, 1, 0xff}), codes.InvalidArgument, "MALFORMED_MESSAGE")
	wantStatus(t, send(as(c.operator), []byte{0x0a, 200}), codes.InvalidArgument, "MALFORMED_MESSAGE")
	wantStatus(t, send(as(""), []byte{0x0a, 200}), codes.Unauthenticated, "NO_TOKEN")

	stream, err := c.conn.NewStream(as(c.operator), &grpc.StreamDesc{ServerStreams: true}, jieliv1.EventService_WatchEvents_FullMethodName, grpc.ForceCodec(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg([]byte{0x0a, 1, 0xff}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, stream.RecvMsg(new([]byte)), codes.InvalidArgument, "MALFORMED_MESSAGE")

	_, err = tickets.SubmitTicket(as(c.operator), &jieliv1.SubmitTicketRequest{Ticket: &jieliv1.Ticket{Type: 99, Urgency: 77}})
	st := wantStatus(t, err, codes.InvalidArgument, "INVALID_FIELD")
	if !strings.Contains(st.Message(), "ticket.type") || !strings.Contains(st.Message(), "ticket.urgency") {
		t.Fatalf("unknown enums: %s", st.Message())
	}
}

// rawCodec sends and receives bytes as they are, under Protobuf's name.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (rawCodec) Name() string                       { return "proto" }

func TestDeadlines(t *testing.T) {
	c := newCentre(t)
	left := make(chan time.Duration, 1)
	c.desk.failWith(func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		return nil
	})
	tickets, events := jieliv1.NewTicketServiceClient(c.conn), jieliv1.NewEventServiceClient(c.conn)
	get := func(ctx context.Context) error {
		_, err := tickets.GetTicket(ctx, &jieliv1.GetTicketRequest{Id: "T-1"})
		return err
	}
	if err := get(as(c.operator)); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d > callTime || d < callTime/2 {
		t.Fatalf("without a deadline a call has %s, want %s", d, callTime)
	}
	ctx, cancel := context.WithTimeout(as(c.operator), time.Hour)
	defer cancel()
	if err := get(ctx); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d > maxCallTime {
		t.Fatalf("with an hour a call has %s, want at most %s", d, maxCallTime)
	}
	ctx, cancel = context.WithTimeout(as(c.operator), 5*time.Second)
	defer cancel()
	if err := get(ctx); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d > 5*time.Second-answerTime {
		t.Fatalf("with 5s a call has %s, want some kept back to answer in", d)
	}

	c.desk.failWith(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, cancel = context.WithTimeout(as(c.operator), 500*time.Millisecond)
	defer cancel()
	wantStatus(t, get(ctx), codes.DeadlineExceeded, "DEADLINE_EXCEEDED")

	for _, wait := range []time.Duration{-time.Second, 61 * time.Second} {
		_, err := events.ListEvents(as(c.operator), &jieliv1.ListEventsRequest{Wait: durationpb.New(wait)})
		wantStatus(t, err, codes.InvalidArgument, "INVALID_FIELD")
	}
}

func TestLongCallsEndWithTheirToken(t *testing.T) {
	c := newCentre(t)
	token, entry, err := c.tokens.Create(access.Spec{Name: "leaver", Roles: []access.Role{access.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := jieliv1.NewEventServiceClient(c.conn).WatchEvents(as(token), &jieliv1.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-c.desk.waiting
	if _, err := c.tokens.Revoke(entry.ID); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Unauthenticated, "TOKEN_REVOKED")
}

func TestLongCallsEndWithTheNode(t *testing.T) {
	c := newCentre(t)
	stream, err := jieliv1.NewEventServiceClient(c.conn).WatchEvents(as(c.operator), &jieliv1.WatchEventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-c.desk.waiting
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.api.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantStatus(t, err, codes.Unavailable, "DRAINING")
}

func TestBeforeThePartsAreThere(t *testing.T) {
	c := newCentre(t)
	c.api.parts.Store(nil)
	c.api.SetLoading("store")
	_, err := jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	wantStatus(t, err, codes.Unavailable, "STARTING")
	_, err = jieliv1.NewRegistryServiceClient(c.conn).ListRegions(as(c.operator), &jieliv1.ListRegionsRequest{})
	wantStatus(t, err, codes.Unavailable, "STARTING")
	status, err := jieliv1.NewStatusServiceClient(c.conn).GetStatus(as(c.monitor), &jieliv1.GetStatusRequest{})
	if err != nil || status.GetHealth() != jieliv1.Status_DOWN || status.GetProblems()[0].GetReason() != "STARTING" {
		t.Fatalf("%v, %v", status, err)
	}

	if err := c.api.Attach(Parts{Registry: c.registry}); err != nil {
		t.Fatal(err)
	}
	_, err = jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	wantStatus(t, err, codes.Unavailable, "STARTING") // the store may still come
	c.api.SetLoading()
	_, err = jieliv1.NewTicketServiceClient(c.conn).GetTicket(as(c.operator), &jieliv1.GetTicketRequest{Id: "T-1"})
	wantStatus(t, err, codes.FailedPrecondition, "NO_TICKETS_HERE")
	c.registry.machine = registry.New(registry.Options{})
	_, err = jieliv1.NewRegistryServiceClient(c.conn).ListRegions(as(c.operator), &jieliv1.ListRegionsRequest{})
	wantStatus(t, err, codes.Unavailable, "NO_REGISTRY")
}

func TestEnrichedStatusKeepsItsDetails(t *testing.T) {
	foreign, err := status.New(codes.NotFound, "gone").WithDetails(
		&errdetails.ErrorInfo{Reason: "THEIR_REASON", Domain: "elsewhere"}, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	st := statusOf(foreign.Err(), "id")
	if st.Code() != codes.NotFound || reasonOf(st) != "THEIR_REASON" || len(st.Details()) != 2 {
		t.Fatalf("got %v", st.Proto())
	}
	if bare := statusOf(status.Error(codes.FailedPrecondition, "no"), "id"); reasonOf(bare) != "FAILED_PRECONDITION" {
		t.Fatalf("got %v", bare.Proto())
	}
	if inside := statusOf(status.Error(codes.Internal, "secret"), "id"); strings.Contains(inside.Message(), "secret") {
		t.Fatalf("got %v", inside.Proto())
	}
	if own := statusOf(fault.New(fault.Internal, "BROKEN_CHAIN", "secret"), "id"); reasonOf(own) != "BROKEN_CHAIN" || strings.Contains(own.Message(), "secret") {
		t.Fatalf("got %v", own.Proto())
	}
}

// Who waits for a first entry of the feed is told at once that the node stops, over gRPC as over HTTP.
func TestLongPollsEndWithTheNode(t *testing.T) {
	c := newCentre(t)
	under := make(chan struct{}, 2)
	c.desk.failWith(func(context.Context) error {
		under <- struct{}{}
		return nil
	})
	overGRPC, overHTTP := make(chan error, 1), make(chan answer, 1)
	go func() {
		_, err := jieliv1.NewEventServiceClient(c.conn).ListEvents(as(c.operator), &jieliv1.ListEventsRequest{Wait: durationpb.New(time.Minute)})
		overGRPC <- err
	}()
	go func() { overHTTP <- c.request("GET", "/v1/events?wait=60s", c.operator, "") }()
	<-under
	<-under
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.api.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, <-overGRPC, codes.Unavailable, "DRAINING")
	if got := <-overHTTP; got.code != http.StatusServiceUnavailable || got.refusal(t).reason() != "DRAINING" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", got.code, got.header, got.body)
	}
}

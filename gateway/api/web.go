package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

const (
	// headerTime is how long the headers of an HTTP request may take, bodyTime the whole request.
	headerTime = 10 * time.Second
	bodyTime   = 30 * time.Second
	// writeTime is how long it may take until an ordinary answer is written, the call included.
	writeTime = maxWait + maxCallTime
	// idleTime is how long a connection without requests stays open.
	idleTime = 2 * time.Minute
)

// newWebServer makes the server behind a switchboard.
func newWebServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if c, ok := conn.(*accepted); ok {
				return context.WithValue(ctx, authInfoKey{}, c.authInfo())
			}
			return ctx
		},
	}
}

type authInfoKey struct{}

// newHandler makes what answers HTTP requests.
func (s *Server) newHandler(inside *inProcess) (http.Handler, error) {
	transcoder, err := newTranscoder(inside, s.documents)
	if err != nil {
		return nil, err
	}
	return &webHandler{api: s, transcoder: s.requireCaller(limitBody(transcoder))}, nil
}

// webHandler is the front door over HTTP.
type webHandler struct {
	api        *Server
	transcoder http.Handler
}

// ServeHTTP implements http.Handler.
func (h *webHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newCorrelationID()
	w.Header().Set(correlationHeader, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	r = r.WithContext(arriving(withCorrelationID(r.Context(), id), r))
	defer func() {
		if panicked := recover(); panicked != nil {
			h.api.gate.meters.panics.Inc()
			h.api.cfg.Log.Error("an HTTP request panicked; this is a bug, please report it",
				slog.String("correlationId", id), slog.Any("panic", panicked), slog.String("stack", string(debug.Stack())))
			writeError(w, r, fmt.Errorf("panic: %v", panicked))
		}
	}()
	if !utf8.ValidString(r.URL.Path) {
		writeError(w, r, fault.InvalidFields(fault.Field{Name: "path", Rule: "is not valid UTF-8"}))
		return
	}
	h.route(w, r)
}

// route says what is answered where.
func (h *webHandler) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/healthz":
		onlyGet(h.api.serveHealth)(w, r)
	case path == "/readyz":
		onlyGet(h.api.serveReady)(w, r)
	case path == "/metrics":
		onlyGet(h.api.serveMetrics)(w, r)
	case path == "/openapi.json":
		onlyGet(h.api.serveDocument)(w, r)
	case path == "/v1/events:watch":
		onlyGet(h.api.serveEvents)(w, r)
	case strings.HasPrefix(path, "/v1/"):
		h.transcoder.ServeHTTP(w, r)
	default:
		writeError(w, r, errNoSuchPath())
	}
}

func errNoSuchPath() error {
	return fault.New(fault.NotFound, "NO_SUCH_PATH", "nothing is served at this path; /openapi.json lists what is")
}

// onlyGet refuses other methods than GET and HEAD.
func onlyGet(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeMethodNotAllowed(w, r)
			return
		}
		serve(w, r)
	}
}

// requireCaller refuses a request without a good token before its body is read. What the caller may do is judged
// later, when it is known what the request is for.
func (s *Server) requireCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.gate.authenticate(r.Context()); err != nil {
			writeError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// arriving gives a request's context what the gate looks for: who is at the other end, and the two headers it reads.
func arriving(ctx context.Context, r *http.Request) context.Context {
	from := &peer.Peer{}
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		from.Addr = net.TCPAddrFromAddrPort(addr)
	}
	if info, ok := ctx.Value(authInfoKey{}).(credentials.AuthInfo); ok {
		from.AuthInfo = info
	}
	md := metadata.MD{}
	md.Append("authorization", r.Header.Values("Authorization")...)
	md.Append(operatorHeader, r.Header.Values(operatorHeader)...)
	return metadata.NewIncomingContext(peer.NewContext(ctx, from), md)
}

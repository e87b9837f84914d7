package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jieli-gateway/jieli/gateway/fault"
)

// reasonBodyTooLarge is the one reason that has an HTTP status of its own.
const reasonBodyTooLarge = "BODY_TOO_LARGE"

// writeError answers an HTTP request with a google.rpc.Status.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	st, ok := finished(err)
	if !ok {
		st = statusOf(err, correlationIDOf(r.Context()))
	}
	writeStatus(w, httpStatus(st), st)
}

// finished recognises a status that the gate has made already.
func finished(err error) (*status.Status, bool) {
	var carrier interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &carrier) || reasonOf(carrier.GRPCStatus()) == "" {
		return nil, false
	}
	return carrier.GRPCStatus(), true
}

// writeMethodNotAllowed answers a request whose path takes other methods; the caller has set Allow.
func writeMethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	st := newStatus(codes.Unimplemented, "METHOD_NOT_ALLOWED",
		"this path does not take "+r.Method+"; the header Allow says what it takes", correlationIDOf(r.Context()))
	writeStatus(w, http.StatusMethodNotAllowed, st)
}

// httpStatus is the HTTP status of an error.
func httpStatus(st *status.Status) int {
	if reasonOf(st) == reasonBodyTooLarge {
		return http.StatusRequestEntityTooLarge
	}
	return runtime.HTTPStatusFromCode(st.Code())
}

func writeStatus(w http.ResponseWriter, code int, st *status.Status) {
	body, err := protojson.Marshal(st.Proto())
	if err != nil {
		body = []byte(`{"code":13,"message":"internal error: the answer cannot be written"}`)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Del("Content-Length")
	switch code {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="jieli"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
	}
	w.WriteHeader(code)
	_, _ = w.Write(body) // the caller is gone, then
}

// readBody reads a whole body, up to MaxBodyBytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.Exhausted, reasonBodyTooLarge, "the body is larger than %d bytes, the most that is taken", tooLarge.Limit)
	case err != nil:
		return nil, fault.New(fault.Invalid, "BODY_INCOMPLETE", "the body could not be read to its end").Wrap(err)
	}
	return body, nil
}

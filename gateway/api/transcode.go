package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jieli-gateway/jieli/gateway/fault"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// newTranscoder makes the handler that turns HTTP/JSON into calls, by the names in proto/jieli/v1/gateway.yaml.
func newTranscoder(inside *inProcess, documents *openAPI) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &jsonMarshaler{}),
		// An escaped slash stays escaped, so that an id with one is seen, and refused, as an id.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		// What the gate reads of the headers it has already; nothing else of them is for services.
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			writeError(w, r, explain(ctx, r, err))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
			allowed := documents.methods(r.URL.EscapedPath())
			if code != http.StatusMethodNotAllowed || len(allowed) == 0 {
				writeError(w, r, errNoSuchPath())
				return
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeMethodNotAllowed(w, r)
		}),
		runtime.WithWriteContentLength(),
	)
	ctx := context.Background()
	err := errors.Join(
		jieliv1.RegisterTicketServiceHandlerClient(ctx, mux, jieliv1.NewTicketServiceClient(inside)),
		jieliv1.RegisterEventServiceHandlerClient(ctx, mux, jieliv1.NewEventServiceClient(inside)),
		jieliv1.RegisterRegistryServiceHandlerClient(ctx, mux, jieliv1.NewRegistryServiceClient(inside)),
		jieliv1.RegisterStatusServiceHandlerClient(ctx, mux, jieliv1.NewStatusServiceClient(inside)),
	)
	if err != nil {
		return nil, fmt.Errorf("api: HTTP/JSON: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := queryOf(r)
		if err != nil {
			writeError(w, r, err)
			return
		}
		// ParseForm would otherwise read fields out of a body that says it is a form.
		r.Form, r.PostForm = query, url.Values{}
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), queryKey{}, query)))
	}), nil
}

type queryKey struct{}

// queryOf reads a request's query, and refuses one that cannot be read whole: URL.Query passes over what it cannot read.
func queryOf(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !utf8.ValidString(r.URL.RawQuery) || !validQuery(query) {
		return nil, fault.InvalidFields(fault.Field{Name: "query", Rule: "is not a valid query in UTF-8"})
	}
	return query, nil
}

func validQuery(query url.Values) bool {
	for key, values := range query {
		if !utf8.ValidString(key) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}

// checkQuery refuses query parameters that are no fields of a request: the runtime passes over them, and a filter
// with a slip in its name would list everything.
func checkQuery(ctx context.Context, request proto.Message) error {
	query, ok := ctx.Value(queryKey{}).(url.Values)
	if !ok {
		return nil
	}
	for key := range query {
		if !fieldPath(request.ProtoReflect().Descriptor(), key) {
			return fault.InvalidFields(fault.Field{Name: key, Rule: "there is no such query parameter here"})
		}
	}
	return nil
}

// fieldPath tells whether names joined by dots lead to a field.
func fieldPath(message protoreflect.MessageDescriptor, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	field := message.Fields().ByJSONName(name)
	if field == nil {
		field = message.Fields().ByTextName(name)
	}
	switch {
	case field == nil:
		return false
	case !deeper:
		return true
	default:
		return field.Message() != nil && !field.IsList() && !field.IsMap() && fieldPath(field.Message(), rest)
	}
}

// jsonMarshaler is protobuf JSON as the API speaks it: enum names, no empty fields, no unknown fields.
type jsonMarshaler struct{}

// ContentType implements runtime.Marshaler.
func (*jsonMarshaler) ContentType(any) string { return "application/json" }

// Marshal implements runtime.Marshaler.
func (*jsonMarshaler) Marshal(v any) ([]byte, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a Protobuf message", v)
	}
	return protojson.Marshal(message)
}

// Unmarshal implements runtime.Marshaler.
func (*jsonMarshaler) Unmarshal(data []byte, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a Protobuf message", v)
	}
	return protojson.Unmarshal(data, message)
}

// NewDecoder implements runtime.Marshaler.
func (m *jsonMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r) // limitBody has bounded it
		if err != nil || len(strings.TrimSpace(string(data))) == 0 {
			return err
		}
		err = m.Unmarshal(data, v)
		if body, ok := r.(*requestBody); ok && err != nil {
			body.wrong = explainJSON(data, err)
		}
		return err
	})
}

// NewEncoder implements runtime.Marshaler.
func (m *jsonMarshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := m.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
}

// explain turns an error of the runtime's own, which has no reason, into one that names the field.
func explain(ctx context.Context, r *http.Request, err error) error {
	if body, ok := r.Body.(*requestBody); ok && body.wrong != nil {
		return body.wrong
	}
	if st, ok := status.FromError(err); ok && st.Code() == codes.InvalidArgument && reasonOf(st) == "" {
		return explainQuery(inputOf(ctx), st.Message())
	}
	return err
}

// inputOf is what the method under way is called with; nil when that is not known.
func inputOf(ctx context.Context) protoreflect.MessageDescriptor {
	name, ok := runtime.RPCMethod(ctx)
	if !ok {
		return nil
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(name, "/"), "/", ".")))
	if method, ok := found.(protoreflect.MethodDescriptor); ok && err == nil {
		return method.Input()
	}
	return nil
}

// explainQuery names the path or query parameter that the runtime could not read, and what words it may have. Its errors are text only: should a
// new version word them otherwise, the name is lost, and a test fails.
func explainQuery(input protoreflect.MessageDescriptor, text string) error {
	field := queryFieldPattern.FindStringSubmatch(text)
	if field == nil {
		return fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s", text)
	}
	if input != nil {
		if known := input.Fields().ByName(protoreflect.Name(field[1])); known != nil && known.Enum() != nil {
			return fault.InvalidFields(fault.Field{Name: known.JSONName(), Rule: "must be one of " + words(known.Enum())})
		}
	}
	return fault.InvalidFields(fault.Field{Name: field[1], Rule: text})
}

var queryFieldPattern = regexp.MustCompile(`(?:parsing field|duplicate field|parameter:|for field) "?([^\s":,]+)`)

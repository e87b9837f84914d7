package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// operations are those of the OpenAPI document, by id, each with its method and path.
func operations(t *testing.T) map[string][2]string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
		}
	}
	if err := json.Unmarshal(openAPIDocument, &document); err != nil {
		t.Fatal(err)
	}
	all := map[string][2]string{}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			all[operation.OperationID] = [2]string{strings.ToUpper(method), path}
		}
	}
	return all
}

// methodsOf lists a service's methods as the OpenAPI document calls them.
func methodsOf(t *testing.T, service string) []string {
	t.Helper()
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	methods := found.(protoreflect.ServiceDescriptor).Methods()
	var names []string
	for i := range methods.Len() {
		names = append(names, string(methods.Get(i).Parent().Name())+"_"+string(methods.Get(i).Name()))
	}
	return names
}

// Whatever can be called over gRPC can be called over HTTP/JSON, is in the OpenAPI document, and nothing else is.
func TestDocumentHasEveryMethodOnce(t *testing.T) {
	c := newCentre(t)
	documented := operations(t)
	for _, service := range c.api.services() {
		for _, method := range methodsOf(t, service.Desc.ServiceName) {
			if _, ok := documented[method]; !ok {
				t.Errorf("%s has no path: add it to proto/jieli/v1/gateway.yaml", method)
			}
			delete(documented, method)
		}
	}
	for method, at := range documented {
		t.Errorf("%s %s is documented as %s, which this node does not serve", at[0], at[1], method)
	}
}

// Each path of the document is served: a request without a token is refused for that, and one with a token reaches a
// method that says something of its own.
func TestEachDocumentedPathIsServed(t *testing.T) {
	c := newCentre(t)
	for name, at := range operations(t) {
		path := at[1]
		for strings.Contains(path, "{") {
			from := strings.Index(path, "{")
			path = path[:from] + "x" + path[strings.Index(path, "}")+1:]
		}
		if got := c.request(at[0], path, "", ""); got.code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d %s", name, got.code, got.body)
		}
		if name == "EventService_WatchEvents" {
			continue // it would not end; sse_test.go reads it
		}
		if got := c.request(at[0], path, c.operator, `{}`); got.code != http.StatusOK {
			if reason := got.refusal(t).reason(); reason == "NO_SUCH_PATH" || reason == "METHOD_NOT_ALLOWED" || got.code == http.StatusNotImplemented {
				t.Errorf("%s: %s %s is not served: %s", name, at[0], path, got.body)
			}
		}
	}
}

// What a node serves is the document that was generated.
func TestDocumentIsServed(t *testing.T) {
	c := newCentre(t)
	if got := c.request("GET", "/openapi.json", c.monitor, ""); !bytes.Equal(got.body, openAPIDocument) {
		t.Errorf("%d, %d bytes; the document has %d", got.code, len(got.body), len(openAPIDocument))
	}
	if got := c.request("GET", "/openapi.json", "", ""); got.code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", got.code)
	}
	allowed := c.request("POST", "/v1/events:watch", c.operator, "").header.Get("Allow")
	if !slices.Contains(strings.Split(allowed, ", "), "GET") {
		t.Errorf("the stream of events takes %q", allowed)
	}
}

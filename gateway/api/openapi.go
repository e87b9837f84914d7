package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// openAPIDocument is generated from the .proto files; `make proto` renews it.
//
//go:embed openapi/jieli.swagger.json
var openAPIDocument []byte

// openAPI is the document, and what it says of paths.
type openAPI struct {
	paths []documentedPath
}

type documentedPath struct {
	segments []string // one in braces stands for anything
	verb     string   // after a colon at the end
	methods  []string
}

// loadOpenAPI reads the embedded document.
func loadOpenAPI() (*openAPI, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openAPIDocument, &document); err != nil {
		return nil, fmt.Errorf("embedded OpenAPI document: %w", err)
	}
	o := &openAPI{}
	for path, operations := range document.Paths {
		p := documentedPath{}
		path, p.verb = cutVerb(path)
		p.segments = strings.Split(path, "/")
		for method := range operations {
			p.methods = append(p.methods, strings.ToUpper(method))
		}
		o.paths = append(o.paths, p)
	}
	return o, nil
}

// cutVerb takes the verb off the end of a path.
func cutVerb(path string) (rest, verb string) {
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// methods lists the HTTP methods that a path takes, in order.
func (o *openAPI) methods(path string) []string {
	rest, verb := cutVerb(path)
	segments := strings.Split(rest, "/")
	var methods []string
	for _, p := range o.paths {
		if p.verb == verb && p.matches(segments) {
			methods = append(methods, p.methods...)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

func (p documentedPath) matches(segments []string) bool {
	return slices.EqualFunc(p.segments, segments, func(mine, theirs string) bool {
		return mine == theirs || strings.HasPrefix(mine, "{") && theirs != ""
	})
}

// documentPage is the page's name in rules, logs and metrics.
const documentPage = "/openapi.json"

// serveDocument answers /openapi.json, for anybody with a token.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	s.gate.page(w, r, documentPage, func() {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPIDocument) // the caller is gone, then
	})
}

package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // what errors hold
	_ "google.golang.org/genproto/googleapis/rpc/status"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// The reference in api.md stands between these lines.
const (
	referenceBegins = "<!-- Made from the .proto files by JIELI_UPDATE_DOCS=1 go test ./docs; do not edit below. -->\n"
	referenceEnds   = "<!-- End of what is made. -->\n"
)

// openAPI is what is read of the OpenAPI document.
type openAPI struct {
	Paths       map[string]map[string]operation
	Definitions map[string]schema
}

type operation struct {
	OperationID, Summary, Description string
	Parameters                        []struct {
		schema
		Name, In string
		Schema   schema
	}
	Responses map[string]struct{ Schema schema }
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        string
	Format      string
	Description string
	Enum        []string
	Items       *schema
	Properties  map[string]schema
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The reference of calls and shapes in api.md is what the .proto files say.
func TestAPIReferenceIsTrue(t *testing.T) {
	text := read(t, "api.md")
	before, rest, ok := strings.Cut(text, referenceBegins)
	_, after, ok2 := strings.Cut(rest, referenceEnds)
	if !ok || !ok2 {
		t.Fatal("api.md lacks the lines between which its reference stands")
	}
	var document openAPI
	if err := json.Unmarshal([]byte(read(t, "../gateway/api/openapi/jieli.swagger.json")), &document); err != nil {
		t.Fatal(err)
	}
	want := before + referenceBegins + "\n" + document.reference(t) + referenceEnds + after
	if want == text {
		return
	}
	if os.Getenv("JIELI_UPDATE_DOCS") == "" {
		t.Fatal("the reference in api.md is not what the .proto files say: run JIELI_UPDATE_DOCS=1 go test ./docs")
	}
	if err := os.WriteFile("api.md", []byte(want), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}

// reference writes all calls, service by service, and the shapes they speak of.
func (d *openAPI) reference(t *testing.T) string {
	var b strings.Builder
	for _, service := range []string{"TicketService", "EventService", "RegistryService", "StatusService"} {
		fmt.Fprintf(&b, "### %s\n\n", service)
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("jieli.v1." + service))
		if err != nil {
			t.Fatal(err)
		}
		methods := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			d.call(&b, service, methods.Get(i))
		}
	}
	b.WriteString("### Shapes\n\nWhat answers and bodies hold. A field that is empty, zero or false is left out.\n\n")
	for _, name := range slices.Sorted(maps.Keys(d.Definitions)) {
		if s := d.Definitions[name]; !isRequest(name) {
			d.shape(&b, name, s)
		}
	}
	return b.String()
}

// isRequest tells whether a shape is shown with its call.
func isRequest(name string) bool {
	return strings.HasSuffix(name, "Body") || strings.HasSuffix(name, "Request") || name == "Any" || name == "rpc.Status"
}

func (d *openAPI) call(b *strings.Builder, service string, method protoreflect.MethodDescriptor) {
	for path, operations := range d.Paths {
		for verb, o := range operations {
			if o.OperationID != service+"_"+string(method.Name()) {
				continue
			}
			fmt.Fprintf(b, "#### %s\n\n`%s %s` · %s\n\n%s", method.Name(), strings.ToUpper(verb), path, whoMay(method), o.Summary)
			if o.Description != "" {
				fmt.Fprintf(b, " %s", o.Description)
			}
			b.WriteString("\n\n")
			d.parameters(b, o)
			if ref := o.Responses["200"].Schema.Ref; ref != "" {
				fmt.Fprintf(b, "Answers %s.\n\n", link(ref))
			}
		}
	}
}

// whoMay names the roles.
func whoMay(method protoreflect.MethodDescriptor) string {
	access := proto.GetExtension(method.Options().(*descriptorpb.MethodOptions), jieliv1.E_Access).(*jieliv1.Access)
	roles := make([]string, len(access.GetRoles()))
	for i, r := range access.GetRoles() {
		roles[i] = strings.ToLower(r.String())
	}
	who := strings.Join(roles, ", ")
	if access.GetOperatorRequired() {
		who += " · a system must name its operator"
	}
	return who
}

func (d *openAPI) parameters(b *strings.Builder, o operation) {
	var rows [][3]string
	for _, p := range o.Parameters {
		if p.In != "body" {
			rows = append(rows, [3]string{p.Name, p.kind() + ", in the " + p.In, oneLine(p.Description)})
			continue
		}
		body := d.Definitions[strings.TrimPrefix(p.Schema.Ref, "#/definitions/")]
		for _, name := range slices.Sorted(maps.Keys(body.Properties)) {
			rows = append(rows, [3]string{name, body.Properties[name].kind(), oneLine(body.Properties[name].Description)})
		}
	}
	table(b, rows)
}

func (d *openAPI) shape(b *strings.Builder, name string, s schema) {
	fmt.Fprintf(b, "#### %s\n\n", shapeName(name))
	if len(s.Enum) > 0 {
		about, values, _ := strings.Cut(s.Description, "\n\n - ")
		fmt.Fprintf(b, "%s\n\n", oneLine(about))
		for _, value := range strings.Split(values, "\n - ") {
			word, meaning, _ := strings.Cut(value, ": ")
			if word != "" && !strings.HasSuffix(word, "_UNSPECIFIED") {
				fmt.Fprintf(b, "- `%s`: %s\n", word, oneLine(meaning))
			}
		}
		b.WriteString("\n")
		return
	}
	fmt.Fprintf(b, "%s\n\n", oneLine(s.Description))
	var rows [][3]string
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[field]
		rows = append(rows, [3]string{field, p.kind(), oneLine(p.Description)})
	}
	table(b, rows)
}

func table(b *strings.Builder, rows [][3]string) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("| field | type | |\n|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", r[0], r[1], r[2])
	}
	b.WriteString("\n")
}

// kind names a type as readers of JSON do.
func (s schema) kind() string {
	switch {
	case s.Ref != "":
		return link(s.Ref)
	case s.Type == "array" && s.Items != nil:
		return "list of " + s.Items.kind()
	case s.Format == "date-time":
		return "time"
	case s.Format == "byte":
		return "base64"
	case s.Type == "string" && (s.Format == "int64" || s.Format == "uint64"):
		return "number as text"
	case s.Type == "integer" || s.Type == "number":
		return "number"
	case len(s.Enum) > 0:
		words := slices.DeleteFunc(slices.Clone(s.Enum), func(w string) bool { return strings.HasSuffix(w, "_UNSPECIFIED") })
		return "one of `" + strings.Join(words, "` `") + "`"
	}
	return s.Type
}

func shapeName(name string) string { return strings.TrimPrefix(name, "v1.") }

func link(ref string) string {
	name := shapeName(strings.TrimPrefix(ref, "#/definitions/"))
	if isRequest(name) {
		return name
	}
	return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(strings.ReplaceAll(name, ".", "")))
}

// oneLine makes a comment fit into a table; the values of an enum stand with its shape.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n\n - ")
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// reasonRow is a row of the table of reasons: reason, code, meaning, whether to repeat, and words for people who read
// Chinese.
var reasonRow = regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)` \\| `([A-Z_]+)` \\| .+ \\| .+ \\| (.*) \\|$")

// The reasons in api.md are those of the code: each that a caller can be told is there, and none else.
func TestAPIReasonsAreTrue(t *testing.T) {
	documented := map[string]bool{}
	for _, row := range reasonRow.FindAllStringSubmatch(read(t, "api.md"), -1) {
		if documented[row[1]] {
			t.Errorf("%s stands twice", row[1])
		}
		documented[row[1]] = true
		if words := row[3]; !regexp.MustCompile(`\p{Han}`).MatchString(words) || strings.Contains(words, "jieli ") || strings.Contains(words, "--") {
			t.Errorf("%s says %q to people who read Chinese, in front of a centre's own system", row[1], words)
		}
	}
	known := reasons(t)
	for _, row := range reasonRow.FindAllStringSubmatch(read(t, "api.md"), -1) {
		if codes := codesOf(t, row[1]); len(codes) > 0 && !slices.Contains(codes, row[2]) {
			t.Errorf("%s is %s in api.md and %v in the code", row[1], row[2], codes)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(known)) {
		if !documented[reason] {
			t.Errorf("%s, of %s, is not in api.md", reason, known[reason])
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(documented)) {
		if known[reason] == "" {
			t.Errorf("%s is in api.md and nowhere in the code", reason)
		}
	}
}

// reasons finds the reasons that callers can be told, and the file each is in.
func reasons(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, source := range []struct{ files, pattern string }{
		{"../gateway/*/*.go", `fault\.New\([^,"]+, "([A-Z0-9_]+)"`},
		{"../gateway/*.go", `fault\.New\([^,"]+, "([A-Z0-9_]+)"`},
		{"../gateway/*/*.go", `fault\.Error\{\s*Kind: [^,]+, Reason: "([A-Z0-9_]+)"`},
		{"../gateway/api/*.go", `\be\.Reason = "([A-Z0-9_]+)"`},
		{"../gateway/api/*.go", `newStatus\(codes\.\w+, "([A-Z0-9_]+)"`},
		{"../gateway/api/weberror.go", `reasonBodyTooLarge = "([A-Z0-9_]+)"`},
		{"../gateway/access/tokens.go", `Reason\w+\s+= "([A-Z0-9_]+)"`},
		{"../federation/errors.go", `\{Err\w+, codes\.\w+, "([A-Z0-9_]+)"\}`},
		{"../federation/registry/*.go", `reject\("([A-Z0-9_]+)"`},
	} {
		files, err := filepath.Glob(source.files)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", source.files, err)
		}
		pattern := regexp.MustCompile(source.pattern)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range pattern.FindAllStringSubmatch(read(t, file), -1) {
				found[match[1]] = file
			}
		}
	}
	// Rules of the pen that desk passes on by name.
	of := read(t, "../gateway/desk/submit.go")
	_, of, _ = strings.Cut(of, "switch v.Reason {")
	of, _, _ = strings.Cut(of, "}")
	for _, match := range regexp.MustCompile(`"([A-Z_]+)"`).FindAllStringSubmatch(of, -1) {
		found[match[1]] = "../gateway/desk/submit.go"
	}
	for _, never := range neverToCallers() {
		delete(found, never)
	}
	return found
}

// codesOf finds the codes that a reason comes with, where the code says so in one place.
func codesOf(t *testing.T, reason string) (codes []string) {
	t.Helper()
	code := map[string]string{
		"Invalid": "INVALID_ARGUMENT", "NotFound": "NOT_FOUND", "Exists": "ALREADY_EXISTS", "Precondition": "FAILED_PRECONDITION",
		"Aborted": "ABORTED", "Denied": "PERMISSION_DENIED", "Unauthenticated": "UNAUTHENTICATED", "Exhausted": "RESOURCE_EXHAUSTED",
		"Unavailable": "UNAVAILABLE", "OutOfRange": "OUT_OF_RANGE",
	}
	pattern := regexp.MustCompile(`fault\.(?:New\(|Error\{\s*Kind: )fault\.(\w+), (?:Reason: )?"` + reason + `"`)
	for _, files := range []string{"../gateway/*.go", "../gateway/*/*.go"} {
		found, err := filepath.Glob(files)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			for _, match := range pattern.FindAllStringSubmatch(read(t, file), -1) {
				codes = append(codes, code[match[1]])
			}
		}
	}
	return codes
}

// neverToCallers are reasons that only this node's own parts or other nodes are told.
func neverToCallers() []string {
	return []string{
		"NO_PEER",         // the federation port
		"REQUEST_ID",      // is told as INVALID_FIELD
		"WRONG_CLUSTER",   // between nodes
		"NOT_LEADER",      // forwarded
		"CORRUPT_ENTRY",   // the log itself
		"UNKNOWN_COMMAND", // only a node makes commands
	}
}

// exampleBlock is an answer shown in a document, with the message it is.
var exampleBlock = regexp.MustCompile("(?ms)^<!-- ([A-Za-z.]+) -->\n```json\n(.*?)^```$")

// Answers shown in documents are of the shape they say: no field or value that the contract does not have.
func TestExamplesAreOfTheirShape(t *testing.T) {
	for _, file := range []string{"api.md", "connect.md"} {
		examples := exampleBlock.FindAllStringSubmatch(read(t, file), -1)
		if blocks := strings.Count(read(t, file), "```json\n"); len(examples) != blocks || blocks == 0 {
			t.Errorf("%s: %d of %d examples say what they are", file, len(examples), blocks)
		}
		for _, example := range examples {
			name := protoreflect.FullName(example[1])
			if !strings.Contains(example[1], ".") {
				name = "jieli.v1." + name
			}
			kind, err := protoregistry.GlobalTypes.FindMessageByName(name)
			if err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
				continue
			}
			if err := protojson.Unmarshal([]byte(example[2]), dynamicpb.NewMessage(kind.Descriptor())); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			}
		}
	}
}

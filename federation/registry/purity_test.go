package registry

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The registry must come to the same state on every node, so its source must not use what differs between them.
func TestPurity(t *testing.T) {
	fset, files := parseSource(t)
	if found := impurities(t, fset, files); len(found) > 0 {
		t.Errorf("the registry must apply alike on every node:\n%s", strings.Join(found, "\n"))
	}
}

// The test above would find each of what it looks for.
func TestPuritySeesWhatItLooksFor(t *testing.T) {
	const source = `package registry
import (
	"maps"
	"math/rand/v2"
	"os"
	"time"
)
type table map[string]int
type holder struct{ m table }
func impure(h holder, c chan int) int {
	for range h.m {}                           // 1
	for range maps.Keys(h.m) {}                // 2
	_ = maps.Clone(h.m)
	go impure(h, c)                            // 3
	select { default: }                        // 4
	_ = time.Since(time.Now())                 // 5, 6
	now := time.Now                            // 7
	_ = now
	time.Sleep(time.Second)                    // 8
	println(rand.Int(), os.Getpid())           // imports 1, 2
	return 0
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "impure.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if found := impurities(t, fset, []*ast.File{file}); len(found) != 10 {
		t.Errorf("found %d of 10:\n%s", len(found), strings.Join(found, "\n"))
	}
}

var (
	forbiddenImports = []string{"math/rand", "math/rand/v2", "crypto/rand", "os", "os/exec", "runtime", "unsafe", "reflect", "context", "net/http", "log", "log/slog"}
	// forbidden names of packages that are good otherwise. uuid's makers are random; iterators over maps have no order.
	forbiddenNames = map[string][]string{
		"time":                   {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Local", "LoadLocation"},
		"maps":                   {"Keys", "Values", "All"},
		"net":                    {"Dial", "Listen", "LookupHost", "LookupIP", "LookupAddr", "Interfaces", "InterfaceAddrs"},
		"github.com/google/uuid": {"New", "NewString", "NewRandom", "NewUUID", "NewV6", "NewV7", "Must"},
		"google.golang.org/protobuf/types/known/timestamppb": {"Now"},
	}
	// allowedMapRanges are functions that range over a map and whose result does not depend on the order, with the reason.
	allowedMapRanges = map[string]string{}
)

func parseSource(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) < 5 {
		t.Fatalf("only %d files of the registry were found", len(files))
	}
	return fset, files
}

// impurities are the places in some files that use what differs between nodes.
func impurities(t *testing.T, fset *token.FileSet, files []*ast.File) (found []string) {
	t.Helper()
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", exported(t, files))}
	if _, err := config.Check("github.com/jieli-gateway/jieli/federation/registry", fset, files, info); err != nil {
		t.Fatalf("the source cannot be checked: %v", err)
	}
	for _, file := range files {
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); slices.Contains(forbiddenImports, path) {
				found = append(found, fmt.Sprintf("%s: import of %s", fset.Position(spec.Pos()), path))
			}
		}
		for _, decl := range file.Decls {
			function := ""
			if f, ok := decl.(*ast.FuncDecl); ok {
				function = f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if what := impurity(info, function, n); what != "" {
					found = append(found, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
				}
				return true
			})
		}
	}
	return found
}

func impurity(info *types.Info, function string, n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.SelectStmt:
		return "a select: which case goes first is random"
	case *ast.RangeStmt:
		if _, isMap := info.TypeOf(n.X).Underlying().(*types.Map); isMap && allowedMapRanges[function] == "" {
			return "a range over a map: its order is random"
		}
	case *ast.Ident:
		if o := info.Uses[n]; o != nil && o.Pkg() != nil && slices.Contains(forbiddenNames[o.Pkg().Path()], o.Name()) && o.Parent() == o.Pkg().Scope() {
			return o.Pkg().Path() + "." + o.Name()
		}
	}
	return ""
}

// exported finds the compiler's export data of what the files import.
func exported(t *testing.T, files []*ast.File) importer.Lookup {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, file := range files {
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
	}
	var stderr bytes.Buffer
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	at := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if path, file, ok := strings.Cut(lines.Text(), "\t"); ok {
			at[path] = file
		}
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(at[path]) }
}

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/lang"
)

// Whatever help says, it says in Chinese too, with an example for everything that can be done; and nothing is translated
// that nobody says.
func TestHelpIsInBothLanguages(t *testing.T) {
	root := new(app).root()
	root.InitDefaultHelpCmd()
	chinese, used := lang.Help(), map[string]bool{}
	need := func(where, text string) {
		used[text] = true
		if _, ok := chinese[text]; !ok {
			t.Errorf("%s: no Chinese of %q", where, text)
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		path := c.CommandPath()
		need(path, c.Short)
		if c.Long != "" {
			need(path, path)
		}
		if !c.HasSubCommands() && !strings.Contains(c.Example, "jieli "+strings.TrimPrefix(path, "jieli ")) {
			t.Errorf("%s: no example of it in %q", path, c.Example)
		}
		for _, line := range strings.Split(c.Example, "\n") {
			if _, comment, ok := strings.Cut(line, "# "); ok {
				need(path, comment)
			}
			if c.Example != "" && !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: example is not indented: %q", path, line)
			}
		}
		flag := func(f *pflag.Flag) {
			if f.Name != "help" {
				need(path+" --"+f.Name, f.Usage)
			}
		}
		c.LocalFlags().VisitAll(flag)
		c.PersistentFlags().VisitAll(flag)
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(root)
	for text := range chinese {
		if !used[text] {
			t.Errorf("nobody says %q", text)
		}
	}
}

// Every heading and label of a table has its Chinese. They are read from the source: rows depend on what a node answers.
func TestTablesAreInBothLanguages(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Head" {
					texts(n.Value, used)
				}
			case *ast.AssignStmt:
				if to, ok := n.Lhs[0].(*ast.SelectorExpr); ok && to.Sel.Name == "Head" {
					texts(n.Rhs[0], used)
				}
			}
			return true
		})
	}
	for _, heading := range slices.Sorted(maps.Keys(used)) {
		if _, ok := lang.Tables()[heading]; !ok {
			t.Errorf("no Chinese of the heading %q", heading)
		}
	}
}

// Every reason that has a Chinese is one that a node gives.
func TestReasonsAreThoseOfTheAPI(t *testing.T) {
	given := map[string]bool{"DEADLINE_EXCEEDED": true, "INTERNAL": true}
	for _, root := range []string{"../../gateway", "../../federation"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				texts(parsed, given)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for reason := range lang.Reasons() {
		if !given[reason] {
			t.Errorf("no node gives the reason %s", reason)
		}
	}
}

// texts adds the strings in an expression.
func texts(n ast.Node, to map[string]bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				to[text] = true
			}
		}
		return true
	})
}

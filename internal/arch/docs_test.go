package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"strings"
	"testing"
)

// TestExportedNamesHaveComments checks every exported function, method, type, and value
// outside tests, commands included, and the comment of each package.
func TestExportedNamesHaveComments(t *testing.T) {
	for _, p := range packages(t) {
		packageComment := false
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, path.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			packageComment = packageComment || f.Doc != nil
			for _, d := range f.Decls {
				for _, bare := range uncommented(d) {
					t.Errorf("%s: %s has no comment that starts with its name", fset.Position(d.Pos()), bare)
				}
			}
		}
		if !packageComment && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.rel())
		}
	}
}

func uncommented(d ast.Decl) []string {
	var bare []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) && !startsWith(d.Doc, d.Name.Name) {
			bare = append(bare, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && !startsWith(s.Doc, s.Name.Name) && !startsWith(d.Doc, s.Name.Name) {
					bare = append(bare, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
						bare = append(bare, n.Name)
					}
				}
			}
		}
	}
	return bare
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func startsWith(doc *ast.CommentGroup, name string) bool {
	if doc == nil {
		return false
	}
	text := doc.Text()
	for _, article := range []string{"", "A ", "An ", "The "} {
		if strings.HasPrefix(text, article+name) {
			return true
		}
	}
	return false
}

// TestArchitectureListsThePackages checks that the table in docs/architecture.md has every
// package, on the floor that its rule names, and nothing else. There <name> stands for one
// element of a path, and … for all that is below.
func TestArchitectureListsThePackages(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| floor | package |")
	table, _, _ = strings.Cut(table, "\n\n")
	type row struct {
		low, high float64 // equal, or the floor is between them
		used      bool
	}
	rows := make(map[string]*row)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		r := new(row)
		floor := strings.TrimSpace(cells[1])
		if n, _ := fmt.Sscanf(floor, "between %g and %g", &r.low, &r.high); n != 2 {
			if _, err := fmt.Sscanf(floor, "%g", &r.low); err != nil {
				continue // the rule below the heading
			}
			r.high = r.low
		}
		for i, name := range strings.Split(cells[2], "`") {
			if i%2 == 1 {
				rows[name] = &row{r.low, r.high, false}
			}
		}
	}
	for _, p := range packages(t) {
		rel := p.rel()
		rule, _ := ruleOf(rel)
		if rel == "" {
			rel = path.Base(module)
		}
		r := rows[rel]
		for name, pattern := range rows {
			below, whole := strings.CutSuffix(name, "…")
			one, _ := path.Match(strings.ReplaceAll(name, "<name>", "*"), rel)
			if rows[rel] == nil && (one || whole && strings.HasPrefix(rel, below)) {
				r = pattern
			}
		}
		if r == nil {
			t.Errorf("docs/architecture.md does not list %s", rel)
			continue
		}
		r.used = true
		if rule.floor != r.low && (rule.floor <= r.low || rule.floor >= r.high) {
			t.Errorf("docs/architecture.md has %s on another floor than its rule, %g", rel, rule.floor)
		}
	}
	for name, r := range rows {
		if !r.used {
			t.Errorf("docs/architecture.md lists %s, which is no package", name)
		}
	}
}

// TestReadmeShowsTheExample checks that the SDK snippet of the README is a program that
// compiles: examples/embed, to the letter.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../examples/embed/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(example), "\npackage main\n")
	if !strings.Contains(string(readme), "```go\npackage main\n"+code+"```") {
		t.Error("the Go snippet in README.md is not examples/embed/main.go")
	}
}

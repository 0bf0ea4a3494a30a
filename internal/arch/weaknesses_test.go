package arch

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	testFunc   = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\)`)
	namedTest  = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`")
	weaknessOf = regexp.MustCompile(`^TestW0*([1-9]\d*)`)
	tableRow   = regexp.MustCompile(`(?m)^\| W(\d+) \|(.*)$`)
)

// TestWeaknessesAreProven holds docs/weaknesses.md against the tree: the tests that it
// names exist, and every test called after a weakness is named in the row of it.
func TestWeaknessesAreProven(t *testing.T) {
	doc, err := os.ReadFile("../../docs/weaknesses.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for i, row := range tableRow.FindAllStringSubmatch(string(doc), -1) {
		number, text := row[1], row[2]
		if number != strconv.Itoa(i+1) {
			t.Errorf("row %d is that of W%s", i+1, number)
		}
		if !namedTest.MatchString(text) && !strings.Contains(text, "does not exist yet") {
			t.Errorf("W%s: neither a test nor a part that does not exist yet", number)
		}
		rows[number] = text
	}
	if len(rows) != 50 {
		t.Errorf("%d weaknesses are listed, there are 50", len(rows))
	}

	exists := make(map[string]bool)
	for _, p := range packages(t) {
		pkg := p.rel()
		if pkg == "" {
			pkg = "decnet"
		}
		for _, file := range append(p.TestGoFiles, p.XTestGoFiles...) {
			src, err := os.ReadFile(path.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range testFunc.FindAllSubmatch(src, -1) {
				test := fmt.Sprintf("%s.%s", pkg, f[1])
				exists[test] = true
				if w := weaknessOf.FindSubmatch(f[1]); w != nil && !strings.Contains(rows[string(w[1])], "`"+test+"`") {
					t.Errorf("%s is not named in the row of W%s", test, w[1])
				}
			}
		}
	}
	for _, n := range namedTest.FindAllStringSubmatch(string(doc), -1) {
		if test := n[1] + "." + n[2]; !exists[test] {
			t.Errorf("docs/weaknesses.md names %s, which does not exist", test)
		}
	}
}

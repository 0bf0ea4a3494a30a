package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/decnet/decnet"

// rule says where a package stands: it imports only packages of lower floors, those of
// its own floor that peers names, and the outside modules that outside names.
type rule struct {
	floor   float64
	peers   []string
	outside []string
}

// rules is keyed by import path below the module; "*" at the end stands for any rest. The
// longest key that matches holds.
var rules = map[string]rule{
	"":                    {floor: 0},
	"internal/jsontext":   {floor: 0.5},
	"fingerprint":         {floor: 0},
	"rfc5424":             {floor: 1},
	"services":            {floor: 1, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"store":               {floor: 1},
	"correlate":           {floor: 1},
	"fingerprint/ja4plus": {floor: 1},

	"services/internal/keys":     {floor: 1.3},
	"services/internal/*":        {floor: 1.5},
	"services/internal/tlshello": {floor: 1.4},
	"services/ssh/internal/wire": {floor: 1.6},
	"services/internal/shell":    {floor: 1.5, outside: []string{"mvdan.cc/sh/v3", "github.com/hashicorp/golang-lru/v2"}},
	"services/internal/login":    {floor: 1.5, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"store/internal/sqlrepo":     {floor: 1.5, outside: []string{"github.com/pressly/goose/v3", "github.com/google/uuid"}},
	"collector/native":           {floor: 1.5},
	"collector/internal/tail":    {floor: 1.5, outside: []string{"github.com/fsnotify/fsnotify"}},

	"services/daemon":      {floor: 1.8, outside: []string{"golang.org/x/crypto", "golang.org/x/sys"}},
	"services/*":           {floor: 2},
	"services/ssh":         {floor: 2, outside: []string{"golang.org/x/crypto"}},
	"services/ssh/*":       {floor: 1.7, outside: []string{"golang.org/x/crypto", "github.com/pkg/sftp"}},
	"services/ftp":         {floor: 2, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"services/mysql":       {floor: 2, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"services/redis":       {floor: 2, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"services/servicetest": {floor: 2},
	"store/storetest":      {floor: 2, outside: []string{"github.com/google/go-cmp"}},
	"store/sqlite":         {floor: 2, outside: []string{"modernc.org/sqlite", "github.com/pressly/goose/v3"}},
	"store/mysql":          {floor: 2, outside: []string{"github.com/go-sql-driver/mysql", "github.com/pressly/goose/v3"}},
	"store/dsn":            {floor: 2.5},
	"store/retention":      {floor: 2},
	"store/transfer":       {floor: 2},
	"store/lease":          {floor: 2},
	"correlate/profile":    {floor: 2},
	"collector":            {floor: 2, outside: []string{"github.com/hashicorp/golang-lru/v2", "golang.org/x/sys"}},
	"collector/quarantine": {floor: 2, outside: []string{"github.com/hashicorp/golang-lru/v2"}},
	"collector/capture":    {floor: 2, outside: []string{"golang.org/x/sys"}},
	"collector/forward":    {floor: 2},
	"collector/ingest":     {floor: 2, peers: []string{"collector"}},
	"fleet":                {floor: 2},
	"fingerprint/sniff":    {floor: 2, outside: []string{"golang.org/x/sys"}},
	"fingerprint/probe":    {floor: 2, outside: []string{"golang.org/x/sys", "golang.org/x/time"}},

	"fleet/internal/inprocess": {floor: 2.5},
	"fleet/deployment":         {floor: 2.5},
	"fleet/internal/look":      {floor: 2.5, outside: []string{"github.com/google/nftables", "golang.org/x/sys"}},
	"fleet/internal/egress":    {floor: 2.5, outside: []string{"github.com/google/nftables", "golang.org/x/sys"}},

	"services/all":           {floor: 3},
	"fingerprint/sniff/plus": {floor: 3},
	"fleet/local":            {floor: 3},
	"collector/dockerlogs":   {floor: 3, outside: []string{"github.com/docker/docker", "github.com/fsnotify/fsnotify"}},
	"fleet/compose":          {floor: 3, outside: []string{"github.com/compose-spec/compose-go/v2", "github.com/distribution/reference"}},
	"fleet/docker":           {floor: 3, peers: []string{"fleet/compose", "fleet/lan", "fleet/pot"}, outside: []string{"github.com/docker/docker", "github.com/compose-spec/compose-go/v2", "github.com/containerd/errdefs", "github.com/vishvananda/netlink", "golang.org/x/sync", "golang.org/x/sys"}},
	"fleet/lan":              {floor: 3, outside: []string{"github.com/vishvananda/netlink", "golang.org/x/sync", "golang.org/x/sys"}},
	"api":                    {floor: 3, outside: []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/crypto", "golang.org/x/time", "github.com/hashicorp/golang-lru/v2", "github.com/google/uuid"}},

	"fleet/pot":     {floor: 3, outside: []string{"github.com/mdlayher/netlink", "golang.org/x/sys"}},
	"cmd/*":         {floor: 4, outside: []string{"github.com/spf13/cobra", "github.com/jedib0t/go-pretty/v6", "golang.org/x/sync", "golang.org/x/sys", "golang.org/x/term", "golang.org/x/crypto"}},
	"examples/*":    {floor: 4},
	"test/*":        {floor: 5, outside: []string{"golang.org/x/crypto", "golang.org/x/sys", "golang.org/x/sync"}},
	"test/figures":  {floor: 5, peers: []string{"internal/bareinsert", "internal/mysqltest"}},
	"internal/arch": {floor: 5},

	"fleet/internal/fleettest": {floor: 5},

	"internal/bareinsert": {floor: 5, outside: []string{"github.com/go-sql-driver/mysql", "modernc.org/sqlite"}},
	"internal/daemontest": {floor: 5},
	"internal/enginetest": {floor: 5},
	"internal/privilege":  {floor: 0.5, outside: []string{"golang.org/x/sys"}},
	"internal/mysqltest":  {floor: 5, outside: []string{"github.com/go-sql-driver/mysql"}},
}

func ruleOf(rel string) (rule, bool) {
	best, found := "", false
	for key := range rules {
		prefix, wild := strings.CutSuffix(key, "*")
		if (key == rel || wild && strings.HasPrefix(rel, prefix)) && (!found || len(key) > len(best)) {
			best, found = key, true
		}
	}
	return rules[best], found
}

type pkg struct {
	ImportPath, Dir                        string
	Imports                                []string
	GoFiles, TestGoFiles, XTestGoFiles     []string
	CgoFiles, IgnoredGoFiles, IgnoredOther []string
}

func (p pkg) rel() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles,CgoFiles", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestImportFloors(t *testing.T) {
	for _, p := range packages(t) {
		r, ok := ruleOf(p.rel())
		if !ok {
			t.Errorf("%s stands on no floor: give it a rule here and in docs/architecture.md", p.ImportPath)
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
		for _, imp := range p.Imports {
			rel, inside := strings.CutPrefix(imp, module)
			rel = strings.TrimPrefix(rel, "/")
			switch first, _, _ := strings.Cut(imp, "/"); {
			case inside:
				if to, _ := ruleOf(rel); to.floor >= r.floor && !slices.Contains(r.peers, rel) {
					t.Errorf("%s (floor %g) imports %s (floor %g)", p.rel(), r.floor, rel, to.floor)
				}
			case strings.Contains(first, "."):
				if !slices.ContainsFunc(r.outside, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }) {
					t.Errorf("%s imports %s, allowed outside modules: %v", p.rel(), imp, r.outside)
				}
			}
		}
	}
}

func TestPureFingerprintNeedsOnlyTheStandardLibrary(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+"/fingerprint").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, []string{module + "/fingerprint"}) {
		t.Errorf("fingerprint depends on %v", got)
	}
}

func TestTopLevel(t *testing.T) {
	allowed := []string{
		"api", "cmd", "collector", "correlate", "docs", "examples", "fingerprint", "fleet", "internal", "rfc5424",
		"services", "store", "telemetry", "test", "decnet.go", "doc.go", "decnet_test.go", "example_test.go", "go.mod", "go.sum",
		"Makefile", "README.md", "LICENSE", "SECURITY.md", "CHANGELOG.md", "bin", "decnet-data",
	}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

// parsesNetworkBytes lists the packages whose input comes from the network or from files
// that an attacker has a hand in.
func parsesNetworkBytes(rel string) bool {
	switch rel {
	case "services/all", "services/servicetest", "services/internal/keys", "services/internal/login",
		"services/http", "services/https", // services/internal/web parses for both
		"fingerprint/sniff/plus": // what it is given has been parsed
		return false
	case "rfc5424", "collector", "collector/capture", "collector/dockerlogs", "collector/ingest", "collector/native", "collector/quarantine", "fleet", "fleet/lan", "fleet/internal/egress", "correlate", "correlate/profile",
		"store", "store/internal/sqlrepo", "store/mysql", "api", "internal/jsontext":
		return true
	}
	return path.Dir(rel) == "services" || strings.HasPrefix(rel, "services/internal/") ||
		rel == "services" || rel == "fingerprint" || strings.HasPrefix(rel, "fingerprint/")
}

func TestParsersAreFuzzed(t *testing.T) {
	for _, p := range packages(t) {
		if parsesNetworkBytes(p.rel()) && !declares(t, p, "func Fuzz") {
			t.Errorf("%s parses bytes from the network and has no fuzz target", p.rel())
		}
	}
}

func TestPackagesHaveExamples(t *testing.T) {
	for _, p := range packages(t) {
		rel := p.rel()
		if strings.HasPrefix(rel, "cmd/") || strings.HasPrefix(rel, "examples/") || strings.HasPrefix(rel, "test") ||
			strings.Contains(rel, "internal") {
			continue
		}
		if !declares(t, p, "func Example") {
			t.Errorf("%s has no runnable example", rel)
		}
	}
}

func declares(t *testing.T, p pkg, prefix string) bool {
	t.Helper()
	for _, name := range append(slices.Clone(p.TestGoFiles), p.XTestGoFiles...) {
		src, err := os.ReadFile(path.Join(p.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(src, []byte("\n"+prefix)) {
			return true
		}
	}
	return false
}

func TestRulesAreInUse(t *testing.T) {
	unused := maps.Clone(rules)
	for _, p := range packages(t) {
		rel := p.rel()
		for key := range rules {
			prefix, wild := strings.CutSuffix(key, "*")
			if key == rel || wild && strings.HasPrefix(rel, prefix) {
				delete(unused, key)
			}
		}
	}
	for key := range unused {
		t.Errorf("rule %q matches no package", key)
	}
}

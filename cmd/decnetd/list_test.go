package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/services/all"
)

// shape describes a JSON value by its keys and types: what consumers may rely on while the
// list of services grows. Elements of a list count together.
func shape(v any, indent string) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "\n%s%s: %s", indent, key, shape(v[key], indent+"  "))
		}
		return "object" + b.String()
	case []any:
		var kinds []string
		merged := map[string]any{}
		for _, e := range v {
			if o, ok := e.(map[string]any); ok {
				maps.Copy(merged, o)
			} else if s := shape(e, indent); !slices.Contains(kinds, s) {
				kinds = append(kinds, s)
			}
		}
		if len(merged) > 0 {
			kinds = append(kinds, shape(merged, indent))
		}
		return "list of " + strings.Join(kinds, ", ")
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}

func shapeOf(t *testing.T, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, document)
	}
	return shape(v, "") + "\n"
}

func TestServices(t *testing.T) {
	t.Parallel()
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	list := succeed(t, "", "services", "--json")
	golden(t, "services.shape", shapeOf(t, list))
	var rows []serviceRow
	if err := json.Unmarshal([]byte(list), &rows); err != nil {
		t.Fatal(err)
	}
	table := succeed(t, "", "services")
	for i, name := range registry.Names() {
		if rows[i].Name != name || len(rows[i].Ports) == 0 {
			t.Errorf("row %d of --json is %+v, want %s with its ports", i, rows[i], name)
		}
		if !strings.Contains(table, "\n"+name+" ") {
			t.Errorf("%s is not in the table:\n%s", name, table)
		}
	}
	if len(rows) != len(registry.Names()) {
		t.Errorf("%d services are listed, there are %d", len(rows), len(registry.Names()))
	}
}

func TestServiceWithItsKeys(t *testing.T) {
	t.Parallel()
	golden(t, "service.shape", shapeOf(t, succeed(t, "", "services", "http", "--json")))
	out := succeed(t, "", "services", "http")
	for _, want := range []string{"http: ", "ports: 80/tcp", "KEY", "fake_app"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
}

func TestArchetypes(t *testing.T) {
	t.Parallel()
	golden(t, "archetypes.shape", shapeOf(t, succeed(t, "", "archetypes", "--json")))
	if out := succeed(t, "", "archetypes"); !strings.Contains(out, "\ndeaddeck ") {
		t.Errorf("archetypes prints %s", out)
	}
}

func TestDistros(t *testing.T) {
	t.Parallel()
	golden(t, "distros.json", succeed(t, "", "distros", "--json"))
	golden(t, "distros.txt", succeed(t, "", "distros"))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	golden(t, "version.json", strings.ReplaceAll(succeed(t, "", "version", "--json"), runtime.Version(), "GOVERSION"))
	golden(t, "version.txt", strings.ReplaceAll(succeed(t, "", "version"), runtime.Version(), "GOVERSION"))
}

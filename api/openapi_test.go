package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/decnet/decnet/api"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json")

// published is where the document is committed.
const published = "../docs/openapi.json"

func TestDocumentIsPublished(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, api.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(api.Document(), want) {
		t.Error("docs/openapi.json is not what the interface is: go test ./api -run TestDocumentIsPublished -update")
	}
}

// openAPI is as much of a document as the tests need.
type openAPI struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Servers []struct{ URL string }
	Paths   map[string]map[string]operation
}

type operation struct {
	Summary     string
	OperationID string `json:"operationId"`
	Access      string `json:"x-access"`
	Tags        []string
	Security    []map[string][]string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   json.RawMessage
	}
	RequestBody *struct {
		Content map[string]struct{ Schema json.RawMessage }
	} `json:"requestBody"`
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema json.RawMessage }
	}
}

func parseDocument(t testing.TB) openAPI {
	t.Helper()
	var doc openAPI
	if err := json.Unmarshal(api.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDocumentHasEveryRoute holds the document against the table of routes.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	doc := parseDocument(t)
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "DECNET Web Dashboard API" || doc.Info.Version != "1.0.0" || doc.Servers[0].URL != "." {
		t.Errorf("%s %+v %+v", doc.OpenAPI, doc.Info, doc.Servers)
	}
	ids := make(map[string]bool)
	described := 0
	for _, methods := range doc.Paths {
		described += len(methods)
	}
	list := api.Operations()
	if described != len(list) {
		t.Errorf("%d operations are described, %d exist", described, len(list))
	}
	for _, r := range list {
		op, ok := doc.Paths[r.Path][strings.ToLower(r.Method)]
		switch {
		case !ok:
			t.Errorf("%s %s is not described", r.Method, r.Path)
		case op.Summary == "" || len(op.Tags) != 1 || op.OperationID == "" || ids[op.OperationID]:
			t.Errorf("%s %s: no summary, no tag, or no ID of its own: %+v", r.Method, r.Path, op)
		case op.Access != r.Access || (len(op.Security) == 0) != (r.Access == "anybody"):
			t.Errorf("%s %s is for %s: %s, %v", r.Method, r.Path, r.Access, op.Access, op.Security)
		case r.Body != (op.RequestBody != nil):
			t.Errorf("%s %s: body %v", r.Method, r.Path, op.RequestBody)
		}
		ids[op.OperationID] = true
		for _, name := range strings.Split(r.Path, "/") {
			if name, ok := strings.CutPrefix(name, "{"); ok {
				name = strings.TrimSuffix(name, "}")
				found := false
				for _, p := range op.Parameters {
					found = found || p.Name == name && p.In == "path" && p.Required
				}
				if !found {
					t.Errorf("%s %s: %s is not described", r.Method, r.Path, name)
				}
			}
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for token, want := range map[string]int{"": 401, f.view: 200} {
		if status, _, _ := f.do(t, token, "GET", "/openapi.json", ""); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	f = newFixture(t, func(c *api.Config) { c.Developer = true })
	status, header, body := f.do(t, "", "GET", "/openapi.json", "")
	var served, want any
	if err := json.Unmarshal(body, &served); err != nil || status != 200 || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %v", status, header, err)
	}
	if err := json.Unmarshal(api.Document(), &want); err != nil {
		t.Fatal(err)
	}
	// In developer mode the document is for everybody, and says so.
	methods := want.(map[string]any)["paths"].(map[string]any)["/openapi.json"].(map[string]any)["get"].(map[string]any)
	got := served.(map[string]any)["paths"].(map[string]any)["/openapi.json"].(map[string]any)["get"].(map[string]any)
	if methods["x-access"] != "viewer" || got["x-access"] != "anybody" {
		t.Errorf("access %v, %v", methods["x-access"], got["x-access"])
	}
	if a, b := len(served.(map[string]any)["paths"].(map[string]any)), len(want.(map[string]any)["paths"].(map[string]any)); a != b {
		t.Errorf("%d paths are served, %d published", a, b)
	}
}

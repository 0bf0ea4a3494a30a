package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/decnet/decnet/api"
)

func TestDocsAreForWhomTheDocumentIs(t *testing.T) {
	t.Parallel()
	for _, developer := range []bool{false, true} {
		f := newFixture(t, func(c *api.Config) { c.Developer = developer })
		fresh := f.login(t, "fresh", "fresh-password")
		for _, token := range []string{"", fresh, f.view, f.admin} {
			want, _, _ := f.do(t, token, "GET", "/openapi.json", "")
			status, header, body := f.do(t, token, "GET", "/docs", "")
			if status != want {
				t.Errorf("developer mode %v: %d, the document %d", developer, status, want)
			}
			if typ := header.Get("Content-Type"); (status == 200) != (typ == "text/html; charset=utf-8") || (status == 200) != strings.HasPrefix(string(body), "<!DOCTYPE html>") {
				t.Errorf("%d is a %s: %.80s", status, typ, body)
			}
		}
		for _, path := range []string{"/redoc", "/docs/"} {
			if status, _, _ := f.do(t, f.admin, "GET", path, ""); status != 404 {
				t.Errorf("%s: %d", path, status)
			}
		}
	}
}

// TestDocsRunNothing holds the page against its policy: one style, and nothing from elsewhere.
func TestDocsRunNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	_, header, body := f.do(t, f.view, "GET", "/docs", "")
	page := string(body)
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(page, -1)
	if len(styles) != 1 {
		t.Fatalf("%d styles", len(styles))
	}
	sum := sha256.Sum256([]byte(styles[0][1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := header.Get("Content-Security-Policy"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if found := regexp.MustCompile(`(?i)<(script|link|img|iframe|object|form|base)|\s(on\w+|style|src)=|https?:|url\(|@import`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// TestDocsShowTheWholeDocument looks for every operation of the document with its role,
// parameters, body and answers, and for every schema with its properties.
func TestDocsShowTheWholeDocument(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Developer = true })
	_, _, served := f.do(t, "", "GET", "/openapi.json", "")
	_, _, page := f.do(t, "", "GET", "/docs", "")
	var doc openAPI
	if err := json.Unmarshal(served, &doc); err != nil {
		t.Fatal(err)
	}
	var components struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(served, &components); err != nil {
		t.Fatal(err)
	}
	// text is the page without its tags, article by article.
	text := func(part string) string {
		part = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(part, " ")
		return strings.Join(strings.Fields(html.UnescapeString(part)), " ")
	}
	articles := make(map[string]string)
	for _, part := range regexp.MustCompile(`(?s)<article>.*?</article>`).FindAllString(string(page), -1) {
		id := regexp.MustCompile(`<h3 id="(.*?)"`).FindStringSubmatch(part)[1]
		articles[id] = text(part)
	}
	lookFor := func(in, where string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(in, part) {
				t.Errorf("%s: no %q in %s", where, part, in)
			}
		}
	}
	operations := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations++
			article, where := articles[op.OperationID], method+" "+path
			lookFor(article, where, strings.ToUpper(method)+" "+path+" "+op.Summary+" for: "+op.Access)
			for _, p := range op.Parameters {
				var s schema
				if err := json.Unmarshal(p.Schema, &s); err != nil {
					t.Fatal(err)
				}
				lookFor(article, where, p.Name+" in "+p.In+" "+fmt.Sprint(s.Type), s.Description)
				if s.Maximum != nil {
					lookFor(article, where, fmt.Sprintf("%d to %d", *s.Minimum, *s.Maximum))
				}
				lookFor(article, where, s.Enum...)
			}
			if op.RequestBody != nil {
				var s schema
				if err := json.Unmarshal(op.RequestBody.Content["application/json"].Schema, &s); err != nil {
					t.Fatal(err)
				}
				lookFor(article, where, "Body, application/json "+strings.TrimPrefix(s.Ref, "#/components/schemas/"))
			}
			for status, answer := range op.Responses {
				lookFor(article, where, " "+status+" ")
				for typ := range answer.Content {
					lookFor(article, where, "("+typ+")")
				}
			}
		}
	}
	if len(articles) != operations {
		t.Errorf("%d operations are shown, %d exist", len(articles), operations)
	}
	whole := text(string(page))
	for name, s := range components.Components.Schemas {
		if !strings.Contains(string(page), `<h3 id="`+name+`">`) {
			t.Errorf("%s is not shown", name)
		}
		for property, p := range s.Properties {
			lookFor(whole, name, property, p.Description)
		}
	}
	for _, link := range regexp.MustCompile(`href="#(.*?)"`).FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(string(page), `id="`+link[1]+`"`) {
			t.Errorf("the link to %s leads nowhere", link[1])
		}
	}
}

package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed docs.html
var manualText string

// manual is the OpenAPI document as a page for people, and the policy that browsers show it
// under: its own style, and nothing else.
type manual struct {
	page   []byte
	policy string
}

func (s *server) docs(w http.ResponseWriter, r *http.Request) error {
	m, err := s.manual()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", m.policy)
	send(w, r, http.StatusOK, typeHTML, m.page)
	return nil
}

func newManual(document []byte) (manual, error) {
	var doc description
	if err := json.Unmarshal(document, &doc); err != nil {
		return manual{}, fmt.Errorf("api: page of the document: %w", err)
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"reason": reason}).Parse(manualText)
	if err != nil {
		return manual{}, err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, &doc); err != nil {
		return manual{}, err
	}
	_, style, _ := strings.Cut(page.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return manual{page.Bytes(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// reason is the text of a status, which the document has as the key of an answer.
func reason(status string) string {
	n, _ := strconv.Atoi(status)
	return http.StatusText(n)
}

// description is as much of the OpenAPI document as the page shows.
type description struct {
	Info       struct{ Title, Version, Description string }
	Paths      map[string]map[string]described
	Components struct {
		Schemas   map[string]shape
		Responses map[string]answered
	}
}

type described struct {
	Summary, OperationID string
	Access               string `json:"x-access"`
	Tags                 []string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
		Schema                shape
	}
	RequestBody struct{ Content map[string]content }
	Responses   map[string]answered
}

type answered struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]content
}

type content struct{ Schema shape }

// Groups returns the operations by their tags: by path, then by method.
func (d *description) Groups() map[string][]row {
	groups := make(map[string][]row)
	for path, methods := range d.Paths {
		for method, op := range methods {
			groups[op.Tags[0]] = append(groups[op.Tags[0]], row{strings.ToUpper(method), path, op})
		}
	}
	for _, list := range groups {
		slices.SortFunc(list, func(a, b row) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
	}
	return groups
}

type row struct {
	Method, Path string
	described
}

// Answer returns an answer of the document, wherever it stands there.
func (d *description) Answer(a answered) answered {
	if a.Ref != "" {
		return d.Components.Responses[lastOf(a.Ref)]
	}
	return a
}

// shape is a JSON Schema, as far as the document uses them.
type shape struct {
	Ref                          string `json:"$ref"`
	Type                         any    // a text or several
	Format, Pattern, Description string
	Enum                         []string
	Minimum, Maximum, Default    json.RawMessage
	MinLength, MaxLength         *int
	Items                        *shape
	AnyOf                        []shape
	Properties                   map[string]shape
	Required                     []string
	AdditionalProperties         json.RawMessage
}

func lastOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// Name is that of the schema that s refers to.
func (s shape) Name() string { return lastOf(s.Ref) }

// Values is the shape of the values of a map.
func (s shape) Values() *shape {
	var values shape
	if json.Unmarshal(s.AdditionalProperties, &values) != nil {
		return nil // false: there are none beside the properties
	}
	return &values
}

// Needs reports whether a property must be there.
func (s shape) Needs(property string) bool { return slices.Contains(s.Required, property) }

// Kind says what a value is that has no parts.
func (s shape) Kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		return fmt.Sprintf("%v or %v", t...)
	}
	return "any"
}

// Bounds says which values there are.
func (s shape) Bounds() string {
	var list []string
	if s.Format != "" {
		list = append(list, s.Format)
	}
	if s.Enum != nil {
		list = append(list, strings.Join(s.Enum, " | "))
	}
	if s.Pattern != "" {
		list = append(list, s.Pattern)
	}
	if s.Maximum != nil {
		list = append(list, fmt.Sprintf("%s to %s", s.Minimum, s.Maximum))
	}
	switch {
	case s.MaxLength == nil:
	case s.MinLength == nil || *s.MinLength == 0:
		list = append(list, fmt.Sprintf("at most %d characters", *s.MaxLength))
	default:
		list = append(list, fmt.Sprintf("%d to %d characters", *s.MinLength, *s.MaxLength))
	}
	if s.Default != nil {
		list = append(list, "default "+strings.Trim(string(s.Default), `"`))
	}
	return strings.Join(list, ", ")
}

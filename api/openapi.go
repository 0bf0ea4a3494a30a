package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Marks of answers that are not JSON values of a Go type.
type (
	eventStream struct{} // text/event-stream
	download    struct{} // application/octet-stream
	openAPI     struct{} // the document
	webPage     struct{} // the document for people
)

const typeHTML = "text/html; charset=utf-8"

func (s *server) openAPI(w http.ResponseWriter, r *http.Request) error {
	return respond(w, r, http.StatusOK, json.RawMessage(s.document))
}

// object is a JSON object; its keys are written in the order of the alphabet.
type object = map[string]any

// document describes routes in OpenAPI 3.1, whose callers are known by tokens of ours unless
// auth is the caller's own, of which nothing is known.
func document(routes []route, auth Authenticator) []byte {
	d := describer{schemas: object{}, tokens: auth == nil}
	paths := object{}
	for _, r := range routes {
		path, _ := paths[r.path].(object)
		if path == nil {
			path = object{}
			paths[r.path] = path
		}
		path[strings.ToLower(r.method)] = d.operation(r)
	}
	components := object{
		"schemas": d.schemas,
		"responses": object{"Failure": object{
			"description": "Why it was refused",
			"content":     object{"application/json": object{"schema": d.schema(reflect.TypeFor[failure]())}},
		}},
	}
	if d.tokens {
		components["securitySchemes"] = object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
	}
	doc, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "DECNET Web Dashboard API", "version": "1.0.0",
			"description": "Every answer has an X-Request-ID. Answers to GET, streams and files apart, have an ETag; If-None-Match brings 304.",
		},
		"servers":    []any{object{"url": "."}},
		"paths":      paths,
		"components": components,
	}, "", "  ")
	if err != nil { // objects, texts and numbers
		panic(err)
	}
	return append(doc, '\n')
}

// describer makes descriptions and collects the schemas that they refer to.
type describer struct {
	schemas object
	tokens  bool // callers are known by tokens of ours
}

func (d describer) operation(r route) object {
	op := object{"summary": r.title, "tags": []any{r.group}, "operationId": r.id(), "responses": d.responses(r)}
	switch {
	case r.access == anybody:
		op["security"] = []any{}
	case !d.tokens:
	case r.access == ticketed:
		op["security"] = []any{object{"bearer": []any{}}, object{}}
	default:
		op["security"] = []any{object{"bearer": []any{}}}
	}
	op["x-access"] = r.access.String()
	var params []any
	for _, name := range r.pathNames() {
		params = append(params, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range r.query {
		params = append(params, object{"name": p.name, "in": "query", "description": p.doc, "schema": p.schema()})
	}
	for _, p := range r.hints {
		params = append(params, object{"name": p.name, "in": "header", "description": p.doc, "schema": p.schema()})
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{
			"application/json": object{"schema": d.schema(reflect.TypeOf(r.body))},
		}}
	}
	return op
}

// id names the operation: the method and the words of the path.
func (r route) id() string {
	words := strings.FieldsFunc(r.method+r.path, func(c rune) bool { return c == '/' || c == '{' || c == '}' || c == '-' || c == '_' || c == '.' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + strings.ToLower(w[1:])
	}
	words[0] = strings.ToLower(words[0])
	return strings.Join(words, "")
}

func (r route) pathNames() []string {
	var names []string
	for part := range strings.SplitSeq(r.path, "/") {
		if strings.HasPrefix(part, "{") {
			names = append(names, strings.Trim(part, "{}"))
		}
	}
	return names
}

// statuses are those with which r refuses.
func (r route) statuses() []int {
	list := slices.Clone(r.fails)
	switch r.access {
	case holder:
		list = append(list, http.StatusUnauthorized)
	case viewer, admin, ticketed:
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	}
	if r.body != nil {
		list = append(list, http.StatusBadRequest, http.StatusUnprocessableEntity)
	}
	if r.query != nil {
		list = append(list, http.StatusUnprocessableEntity)
	}
	list = append(list, http.StatusInternalServerError, http.StatusGatewayTimeout)
	slices.Sort(list)
	return slices.Compact(list)
}

func (d describer) responses(r route) object {
	out := object{}
	for _, status := range r.statuses() {
		out[strconv.Itoa(status)] = object{"$ref": "#/components/responses/Failure"}
	}
	for status, v := range r.gives {
		content := object{}
		switch v.(type) {
		case eventStream:
			content["text/event-stream"] = object{"schema": object{"type": "string"}}
		case download:
			content["application/octet-stream"] = object{}
		case openAPI:
			content["application/json"] = object{"schema": object{"type": "object"}}
		case webPage:
			content[typeHTML] = object{"schema": object{"type": "string"}}
		default:
			content["application/json"] = object{"schema": d.schema(reflect.TypeOf(v))}
		}
		_, stream := v.(eventStream)
		_, file := v.(download)
		if r.method == http.MethodGet && status == http.StatusOK && !stream && !file {
			out["304"] = object{"description": "What If-None-Match names still holds"}
		}
		answer := object{"description": http.StatusText(status), "content": content}
		if status == http.StatusAccepted {
			answer["headers"] = object{"Location": object{"description": "where it is watched", "schema": object{"type": "string", "format": "uri-reference"}}}
		}
		out[strconv.Itoa(status)] = answer
	}
	return out
}

func (p parameter) schema() object {
	switch p.kind {
	case integer:
		return object{"type": "integer", "minimum": p.min, "maximum": p.max, "default": p.absent}
	case moment:
		return object{"type": "string", "format": "date-time"}
	case choice:
		return object{"type": "string", "enum": p.choices, "default": p.choices[0]}
	default:
		return object{"type": "string", "maxLength": p.max}
	}
}

// schema describes the JSON of values of t: structs that have a name by reference.
func (d describer) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[isoTime]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := d.schema(t.Elem())
		if typ, ok := s["type"].(string); ok {
			s["type"] = []any{typ, "null"}
			return s
		}
		return object{"anyOf": []any{s, object{"type": "null"}}}
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Struct:
		if strings.Contains(t.Name(), "[") { // a page of something
			return d.structure(t)
		}
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if d.schemas[name] == nil {
			d.schemas[name] = d.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	default:
		return object{"type": "string"}
	}
}

func (d describer) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		what := newField(f)
		properties[what.name] = what.describe(d.schema(f.Type), f)
		if !what.optional {
			required = append(required, what.name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// describe adds to a schema what the tags of the field say.
func (f field) describe(s object, from reflect.StructField) object {
	if f.doc != "" {
		s["description"] = f.doc
	}
	if f.enum != nil {
		s["enum"] = f.enum
	}
	if pattern := from.Tag.Get("pattern"); pattern != "" {
		s["pattern"] = pattern
	}
	low, high := "minLength", "maxLength"
	if s["type"] == "integer" {
		low, high = "minimum", "maximum"
	}
	if f.max > 0 {
		s[low], s[high] = f.min, f.max
	}
	return s
}

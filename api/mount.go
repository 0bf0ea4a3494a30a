package api

import (
	"net/http"
	"net/url"
	"strings"
)

// Mount returns a handler that serves h, which New has made, below a prefix such as /api/v1.
// A slash at its end makes no difference, and "" serves h as it is. Everything else is answered
// as h answers what it does not know.
func Mount(prefix string, h http.Handler) http.Handler {
	prefix = strings.TrimRight(prefix, "/")
	escaped := (&url.URL{Path: prefix}).EscapedPath()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, within := strings.CutPrefix(r.URL.Path, prefix)
		raw, withinRaw := strings.CutPrefix(r.URL.EscapedPath(), escaped)
		below, place := *r, *r.URL
		below.URL = &place
		if within && withinRaw && strings.HasPrefix(path, "/") && strings.HasPrefix(raw, "/") {
			place.Path, place.RawPath = path, raw
		} else {
			place.Path, place.RawPath = "/", "" // which is no path of it
		}
		h.ServeHTTP(w, &below)
	})
}

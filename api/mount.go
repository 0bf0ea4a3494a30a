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
	below := http.StripPrefix(prefix, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix+"/") && strings.HasPrefix(r.URL.EscapedPath(), prefix+"/") {
			below.ServeHTTP(w, r)
			return
		}
		outside := *r
		outside.URL = &url.URL{Path: "/"} // which is no path of it
		h.ServeHTTP(w, &outside)
	})
}

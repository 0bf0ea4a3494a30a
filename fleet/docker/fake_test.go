package docker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
)

// fake answers as an engine that has one image and nothing else, whose API has a version.
// It keeps what it is asked to make: by path without version, in order.
type fake struct {
	server *httptest.Server

	mu   sync.Mutex
	made map[string][]string
}

func newFake(version string) *fake {
	f := &fake{made: make(map[string][]string)}
	versioned := regexp.MustCompile(`^/v[0-9.]+`)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := versioned.ReplaceAllString(r.URL.Path, "")
		w.Header().Set("Api-Version", version)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			f.mu.Lock()
			f.made[path] = append(f.made[path], string(body))
			n := len(f.made[path])
			f.mu.Unlock()
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"Id": "%s-%d"}`, r.URL.Query().Get("name"), n)
		case path == "/containers/json", path == "/networks":
			fmt.Fprint(w, "[]")
		case path == "/volumes":
			fmt.Fprint(w, "{}")
		case strings.HasPrefix(path, "/images/"):
			fmt.Fprint(w, `{"Id": "sha256:1"}`)
		case path == "/_ping":
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"message": "no %s"}`, path)
		}
	}))
	return f
}

// host is the address of the engine.
func (f *fake) host() string { return "tcp://" + strings.TrimPrefix(f.server.URL, "http://") }

// bodies decodes what was sent to a path.
func (f *fake) bodies(path string, into any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Unmarshal([]byte("["+strings.Join(f.made[path], ",")+"]"), into)
}

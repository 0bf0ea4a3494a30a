package docker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// relay stands between a Runtime and an engine. It keeps what changes something, and may
// answer in place of the engine.
type relay struct {
	Host string

	mu       sync.Mutex
	requests []string                                   // method, path and body
	answer   func(w http.ResponseWriter, r string) bool // reports whether it did
}

func newRelay(t testing.TB, engine string) *relay {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "relay.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(engine, "unix://"))
	}}
	forward.Transport = transport
	forward.FlushInterval = -1
	e := &relay{Host: "unix://" + socket}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := r.Method + " " + r.URL.RequestURI()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if r.Header.Get("Content-Type") == "application/json" {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				request += " " + strings.TrimSpace(string(body))
			}
			e.mu.Lock()
			e.requests = append(e.requests, request)
			e.mu.Unlock()
		}
		e.mu.Lock()
		answer := e.answer
		e.mu.Unlock()
		if answer == nil || !answer(w, request) {
			forward.ServeHTTP(w, r)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		transport.CloseIdleConnections()
	})
	return e
}

// instead makes f answer the requests that it wants to.
func (e *relay) instead(f func(w http.ResponseWriter, request string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = f
}

// seen returns the requests since the last call that contain text.
func (e *relay) seen(text string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []string
	for _, r := range e.requests {
		if strings.Contains(r, text) {
			list = append(list, r)
		}
	}
	e.requests = nil
	return list
}

// refuse answers as an engine does.
func refuse(w http.ResponseWriter, status int, message string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"message\":%q}\n", message)
	return true
}

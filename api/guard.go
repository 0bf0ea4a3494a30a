package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// known answers in JSON what mux has no handler for: other paths, and other methods on its
// own. A path that is not clean is another path.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		p := r.URL.EscapedPath()
		if pattern != "" && (path.Clean(p) == p || strings.HasSuffix(pattern, "/") && path.Clean(p)+"/" == p) {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := verdict{header: make(http.Header)}
		if pattern == "" {
			h.ServeHTTP(&refusal, r)
		}
		if refusal.status == http.StatusMethodNotAllowed {
			w.Header()["Allow"] = refusal.header["Allow"]
			detail(w, r, refusal.status, "Method not allowed")
			return
		}
		detail(w, r, http.StatusNotFound, "Not found")
	})
}

// verdict takes the status and the headers of an answer, and not its body.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

// handler answers a request or returns an error that has not been answered.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle lets in whoever rt is for, and bounds the time that an answer takes.
func (s *server) handle(rt route) http.Handler {
	h := rt.handle
	if !rt.lasts && rt.access != anybody {
		h = s.inTurn(h)
	}
	switch rt.access {
	case holder:
		h = s.authenticated(h)
	case viewer:
		h = s.viewer(h)
	case admin:
		h = s.admin(h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rt.lasts {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.Timeout + s.pace.write))
			ctx, cancel := context.WithTimeoutCause(r.Context(), s.Timeout, errTooLong)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// errTooLong is the cause of a request's end when it took longer than Config.Timeout.
var errTooLong = errors.New("api: the request took too long")

// requestID accepts the IDs that clients give their requests.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

type requestKey struct{}

// requestOf returns the ID of a request.
func requestOf(r *http.Request) string {
	id, _ := r.Context().Value(requestKey{}).(string)
	return id
}

// guard names the request, sets the headers that every answer carries, answers browsers'
// preflights, and survives handlers that panic.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-ID")
		if !requestID.MatchString(id) {
			id = rand.Text()
		}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
		if len(r.TransferEncoding) > 0 {
			// Whoever else has read this request may have taken its Content-Length for the end
			// of its body: what follows is nobody's request (RFC 9112 section 6.1).
			w.Header().Set("Connection", "close")
		}
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.pace.body))
		}
		h := w.Header()
		h.Set("X-Request-ID", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if s.crossOrigin(w, r) {
			return
		}
		out := &started{ResponseWriter: w}
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				s.Log.Error("request panicked", "request", id, "method", r.Method, "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
				if out.yes {
					panic(http.ErrAbortHandler)
				}
				detail(w, r, http.StatusInternalServerError, "Internal server error")
			}
		}()
		next.ServeHTTP(out, r)
	})
}

// started knows whether an answer has begun.
type started struct {
	http.ResponseWriter
	yes bool
}

func (s *started) WriteHeader(status int) {
	s.yes = true
	s.ResponseWriter.WriteHeader(status)
}

func (s *started) Write(p []byte) (int, error) {
	s.yes = true
	return s.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (s *started) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// crossOrigin lets the pages of Origins call, and reports whether that was all there was to
// answer.
func (s *server) crossOrigin(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(s.Origins, origin) && !slices.Contains(s.Origins, "*") {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Content-Disposition, ETag, Location, Preference-Applied, Retry-After, X-Request-ID")
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, If-None-Match, Prefer, X-Request-ID")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// refusal is an error that tells the client what it says.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// fail maps an error kind to its status. What the error says is not for the client.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		detail(w, r, refused.status, refused.text)
	case errors.Is(err, errTooMany):
		w.Header().Set("Retry-After", "60")
		detail(w, r, http.StatusTooManyRequests, "Too many attempts, try again later")
	case errors.Is(err, decnet.ErrInvalid):
		detail(w, r, http.StatusBadRequest, "Bad request")
	case errors.Is(err, decnet.ErrUnauthorized):
		w.Header().Set("WWW-Authenticate", "Bearer")
		detail(w, r, http.StatusUnauthorized, "Could not validate credentials")
	case errors.Is(err, decnet.ErrForbidden):
		detail(w, r, http.StatusForbidden, "Insufficient permissions")
	case errors.Is(err, decnet.ErrNotFound):
		detail(w, r, http.StatusNotFound, "Not found")
	case errors.Is(err, decnet.ErrConflict), errors.Is(err, decnet.ErrSemantic):
		detail(w, r, http.StatusConflict, "Conflict")
	case errors.Is(context.Cause(r.Context()), errTooLong):
		s.Log.Warn("request took too long", "request", requestOf(r), "method", r.Method, "path", r.URL.Path, "error", err)
		detail(w, r, http.StatusGatewayTimeout, "The request took too long")
	case r.Context().Err() != nil: // the client has gone, or whoever runs the server has given up
		detail(w, r, http.StatusGatewayTimeout, "The request was given up")
	default:
		s.Log.Error("request failed", "request", requestOf(r), "method", r.Method, "path", r.URL.Path, "error", err)
		detail(w, r, http.StatusInternalServerError, "Internal server error")
	}
}

// Package api is the HTTP interface over a store: log-in, events, bounties, attackers,
// artifacts, a live stream and health, as net/http handlers.
//
//	h, err := api.New(api.Config{Store: db, Secret: secret})
//	mux.Handle("/api/v1/", http.StripPrefix("/api/v1", h))
//
// Errors are JSON objects {"detail": "…"}. What went wrong inside is logged and never sent.
package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Store is what the API asks of a repository.
type Store interface {
	store.Records
	store.Bounties
	store.Attackers
	store.Users
	store.State
	store.Stats
	Ping(ctx context.Context) error
}

// Artifacts opens captured files by the decky and the name they were stored under. It
// gives decnet.ErrInvalid for names that cannot be stored ones and decnet.ErrNotFound.
type Artifacts interface {
	Open(decky, storedAs string) (fs.File, error)
}

// Config assembles an API. Store and Secret are required; the rest works when zero.
type Config struct {
	Store     Store
	Secret    []byte           // signs tokens; at least 32 bytes
	Artifacts Artifacts        // nil: no artifact is ever found
	Hub       *Hub             // feeds /stream; nil: /stream answers 404
	Health    func() []Worker  // nil: the database alone decides
	Origins   []string         // browser origins that may call the API; none: same origin only
	Log       *slog.Logger     // nil: discarded
	Now       func() time.Time // nil: time.Now
}

// server holds what the handlers share.
type server struct {
	Config
	tokens  tokens
	tickets *tickets
	logins  *loginLimits
	ping    pingCache
}

// New returns the handler, whose paths start at "/": mount it under a prefix with
// http.StripPrefix. It is safe for concurrent use. A Config that lacks something gives an
// error that wraps decnet.ErrInvalid.
func New(cfg Config) (http.Handler, error) {
	if cfg.Store == nil {
		return nil, fmt.Errorf("api: no store: %w", decnet.ErrInvalid)
	}
	if len(cfg.Secret) < 32 {
		return nil, fmt.Errorf("api: the secret has %d bytes, at least 32 are needed: %w", len(cfg.Secret), decnet.ErrInvalid)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &server{
		Config:  cfg,
		tokens:  tokens{secret: cfg.Secret, now: cfg.Now},
		tickets: newTickets(cfg.Now),
		logins:  newLoginLimits(cfg.Now),
	}
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /auth/login":                      s.login,
		"POST /auth/logout":                     s.authenticated(s.logout),
		"POST /auth/change-password":            s.authenticated(s.changePassword),
		"GET /logs":                             s.viewer(s.logs),
		"GET /logs/histogram":                   s.viewer(s.histogram),
		"GET /bounty":                           s.viewer(s.bounties),
		"GET /stats":                            s.viewer(s.stats),
		"GET /deckies":                          s.viewer(s.deckies),
		"PUT /deckies/{name}/mutate-interval":   s.admin(s.mutateInterval),
		"POST /deckies/{name}/mutate":           s.admin(s.mutate),
		"GET /attackers":                        s.viewer(s.attackers),
		"GET /attackers/{uuid}":                 s.viewer(s.attacker),
		"GET /attackers/{uuid}/commands":        s.viewer(s.commands),
		"GET /attackers/{uuid}/artifacts":       s.viewer(s.attackerArtifacts),
		"GET /artifacts/{decky}/{stored_as...}": s.admin(s.artifact),
		"POST /stream/ticket":                   s.viewer(s.ticket),
		"GET /stream":                           s.stream,
		"GET /health":                           s.viewer(s.health),
	} {
		mux.Handle(pattern, s.handle(h))
	}
	return s.guard(known(mux)), nil
}

// known answers in JSON what mux has no handler for: other paths, and other methods on its
// own. A path that is not clean is another path.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if p := r.URL.EscapedPath(); pattern != "" && path.Clean(p) == p {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := answer{header: w.Header()}
		if pattern == "" {
			h.ServeHTTP(&refusal, r)
		}
		if refusal.status == http.StatusMethodNotAllowed {
			detail(w, refusal.status, "Method not allowed")
			return
		}
		detail(w, http.StatusNotFound, "Not found")
	})
}

// answer takes the status and the headers of an answer, and not its body.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

// handler answers a request or returns an error that has not been answered.
type handler func(w http.ResponseWriter, r *http.Request) error

func (s *server) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// guard sets the headers that every answer carries and answers browsers' preflights.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if origin := r.Header.Get("Origin"); origin != "" && s.allows(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Add("Vary", "Origin")
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
				h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) allows(origin string) bool {
	for _, o := range s.Origins {
		if o == origin {
			return true
		}
	}
	return false
}

// fail maps an error kind to its status. Only errors of a kind tell the client what they say.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var bad *parameterError
	switch {
	case errors.As(err, &bad):
		detail(w, http.StatusUnprocessableEntity, bad.Error())
	case errors.Is(err, errTooMany):
		w.Header().Set("Retry-After", "60")
		detail(w, http.StatusTooManyRequests, "Too many attempts, try again later")
	case errors.Is(err, decnet.ErrInvalid):
		detail(w, http.StatusBadRequest, worded(err))
	case errors.Is(err, decnet.ErrUnauthorized):
		w.Header().Set("WWW-Authenticate", "Bearer")
		detail(w, http.StatusUnauthorized, "Could not validate credentials")
	case errors.Is(err, decnet.ErrForbidden):
		detail(w, http.StatusForbidden, worded(err))
	case errors.Is(err, decnet.ErrNotFound):
		detail(w, http.StatusNotFound, "Not found")
	case errors.Is(err, decnet.ErrConflict), errors.Is(err, decnet.ErrSemantic):
		detail(w, http.StatusConflict, worded(err))
	case r.Context().Err() != nil: // the client has gone
	default:
		s.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		detail(w, http.StatusInternalServerError, "Internal server error")
	}
}

// worded returns the text of err without the kind of error that it ends with for programs.
func worded(err error) string {
	text := err.Error()
	for _, kind := range []error{decnet.ErrInvalid, decnet.ErrForbidden, decnet.ErrConflict, decnet.ErrSemantic} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}

// Package api is the HTTP interface over a store: log-in, accounts, settings, deployments,
// events, bounties, attackers, artifacts, a live stream and health, as net/http handlers.
//
//	h, err := api.New(api.Config{Store: db, Secret: secret})
//	http.ListenAndServe("127.0.0.1:8000", api.Mount("/api/v1", h))
//
// Errors are JSON objects {"detail": "…"}. What went wrong inside is logged and never sent.
// [Document] describes every path, and the interface serves it at /openapi.json, and for
// people at /docs.
//
// # Changes
//
// Whatever changes something, a log-in and one that failed become events of the service
// audit, for Config.Audit: they name the operator, the address that the request came from
// and the request, and never count as what an attacker did.
//
// # Answers
//
// What is read is answered with an ETag, and with 304 when If-None-Match has it; longer
// answers are compressed for those who accept gzip. Every answer has an X-Request-ID, the
// client's own one when that has 1 to 64 letters, digits, dots, dashes and underscores.
package api

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

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
	Purge(ctx context.Context, before time.Time) (store.Purged, error)
	Ping(ctx context.Context) error
}

// Artifacts opens captured files by the decky and the name they were stored under. It
// gives decnet.ErrInvalid for names that cannot be stored ones and decnet.ErrNotFound.
type Artifacts interface {
	Open(decky, storedAs string) (fs.File, error)
}

// Config assembles an API. Store is required, and so is one of Secret and Auth; the rest
// works when zero.
type Config struct {
	Store     Store
	Secret    []byte          // signs tokens; at least 32 bytes
	Auth      Authenticator   // nil: the accounts of the store, who log in at /auth/login
	Artifacts Artifacts       // nil: no artifact is ever found
	Hub       *Hub            // feeds /stream; nil: /stream answers 404
	Health    func() []Worker // further parts of the system; nil: the database, Hub and Jobs alone decide
	Jobs      *Jobs           // deploys and mutates; nil: both answer 503
	Audit     decnet.Sink     // takes an event for each change; nil: nobody is told
	Origins   []string        // browser origins that may call the API, "*": all; none: same origin only

	// Proxies are the networks of reverse proxies in front of this interface. Requests that
	// come from there are taken for those of the client that the header X-Forwarded-For
	// names, which limits of log-ins and audit events go by. None: no header is believed.
	Proxies []netip.Prefix

	// Developer serves /openapi.json and /docs to everybody instead of to those who are
	// logged in, lets administrators delete all that was collected, and lets /stream end
	// after as many events as its parameter maxOutput says.
	Developer bool
	// Profiling answers administrators below /debug/pprof/, for example with the handlers
	// of net/http/pprof. nil: there are no such paths.
	Profiling http.Handler

	Timeout time.Duration    // longest time to answer, streams and downloads apart; 0: a minute
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now
}

// server holds what the handlers share.
type server struct {
	Config
	tokens   tokens
	tickets  *tickets
	logins   *loginLimits
	turns    *turns
	ping     pingCache
	accounts changes
	rights   sync.Mutex // held while they are taken
	pace     pace
	document []byte                 // OpenAPI
	manual   func() (manual, error) // the same for people, made when it is asked for
}

// pace says how long things may take.
type pace struct {
	cost   int           // of bcrypt
	nobody string        // hash of that cost, with which the password of an unknown user is compared
	body   time.Duration // longest wait for the whole body of a request
	write  time.Duration // longest wait for a client to take an answer, or a part of a download
	event  time.Duration // longest wait for a client to take an event
}

// New returns the handler, whose paths start at "/": mount it under a prefix with [Mount], or
// with http.StripPrefix in a http.ServeMux that has other things to serve. It is safe for concurrent use. A Config that lacks something gives an
// error that wraps decnet.ErrInvalid.
func New(cfg Config) (http.Handler, error) {
	return newHandler(cfg, pace{
		cost: passwordCost, nobody: nobody,
		body: 10 * time.Second, write: 30 * time.Second, event: 10 * time.Second,
	})
}

func newHandler(cfg Config, pace pace) (http.Handler, error) {
	if cfg.Store == nil {
		return nil, fmt.Errorf("api: no store: %w", decnet.ErrInvalid)
	}
	if cfg.Auth == nil && len(cfg.Secret) < 32 {
		return nil, fmt.Errorf("api: the secret has %d bytes, at least 32 are needed where there is no Auth: %w", len(cfg.Secret), decnet.ErrInvalid)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Audit == nil {
		cfg.Audit = decnet.SinkFunc(func(decnet.Event) {})
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, time.Minute)
	s := &server{
		Config:  cfg,
		tokens:  tokens{secret: cfg.Secret, now: cfg.Now},
		tickets: newTickets(cfg.Now),
		logins:  newLoginLimits(cfg.Now),
		turns:   &turns{users: make(map[string]*turn)},
		pace:    pace,
	}
	routes := s.routes()
	s.document = document(routes, cfg.Auth)
	s.manual = sync.OnceValues(func() (manual, error) { return newManual(s.document) })
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.method+" "+r.pattern(), s.handle(r))
	}
	if cfg.Profiling != nil {
		mux.Handle("/debug/pprof/", s.handle(route{access: admin, lasts: true, handle: func(w http.ResponseWriter, r *http.Request) error {
			cfg.Profiling.ServeHTTP(w, r)
			return nil
		}}))
	}
	return s.guard(known(mux)), nil
}

// Document returns the OpenAPI 3.1 document of the whole interface, as JSON text. The
// paths in it are relative to where it is served.
func Document() []byte { return document((&server{}).routes(), nil) }

// passwordCost is bcrypt's: about a quarter of a second.
const passwordCost = 12

// nobody is the hash that the password of an unknown user is compared with, so that the
// time of an answer does not tell whether the name exists.
const nobody = "$2a$12$oUP7gdhB0Z4zqXvDCE1KAOXvQfx7dhQ7vM4OEFrLm6xbFCG1pYI2G"

// HashPassword returns the bcrypt hash that a store.User holds. A password shorter than 8
// or longer than 72 bytes gives an error that wraps decnet.ErrSemantic.
func HashPassword(password string) (string, error) { return hashPassword(password, passwordCost) }

func hashPassword(password string, cost int) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("api: a password has %d to %d bytes: %w", minPassword, maxPassword, decnet.ErrSemantic)
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return string(h), err
}

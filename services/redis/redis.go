// Package redis is a honeypot that answers as a Redis 7.0 server does.
//
//	srv, err := redis.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	l, err := net.Listen("tcp", "127.0.0.1:6379")
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 6379}, Stream: l}})
//
// Each attacker address finds the same bait and has a database of its own, which it can
// change. Scripts, modules, replication and files are recorded and never run, loaded,
// dialled or written.
package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

const (
	acceptPassword = "password"
	acceptAny      = "any"
	acceptNobody   = "nobody"
)

// Service is the redis honeypot. The zero value is ready to use.
type Service struct{}

// Info describes the service.
func (Service) Info() services.Info {
	return services.Info{
		Name:  "redis",
		Title: "Redis 7.0 key-value store",
		Ports: []services.Port{{Network: "tcp", Number: 6379}},
		Keys: []services.Key{
			{Name: "version", Type: services.KeyString, Default: "7.0.15", Doc: "version that the server claims, three numbers; the answers are those of 7.0"},
			{Name: "os_string", Type: services.KeyString, Doc: "os line of INFO; empty: Linux with the kernel of the decky's release"},
			{Name: "password", Type: services.KeySecret, Doc: "requirepass; empty with accept=password: no password is needed"},
			{Name: "accept", Type: services.KeyEnum, Default: acceptPassword, Enum: []string{acceptPassword, acceptAny, acceptNobody}, Doc: "which passwords let a client in: the configured one, any, or none"},
			{Name: "keys", Type: services.KeyInt, Default: "10", Min: 0, Max: 500, Doc: "number of bait keys"},
			{Name: "protected_configs", Type: services.KeyBool, Default: "false", Doc: "enable-protected-configs: whether CONFIG SET may change dir and dbfilename, which lets file-writing attacks go on"},
		},
	}
}

// server is the honeypot of one decky.
type server struct {
	env           services.Env
	cfg           services.Config
	handlers      map[string]func(*client, [][]byte)
	needsPassword bool
	worlds        *worlds
	nextID        atomic.Int64
	requests      atomic.Int64
}

// New makes the honeypot. Its errors wrap decnet.ErrSemantic.
func (s Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	env = env.Complete()
	cfg, err := cfg.Check(s.Info())
	if err != nil {
		return nil, err
	}
	if !isVersion(cfg["version"]) {
		return nil, fmt.Errorf("redis: version: %q is not three numbers: %w", cfg["version"], decnet.ErrSemantic)
	}
	env.Limits = env.Limits.Or(services.Limits{SessionSize: 4 << 20, Idle: 5 * time.Minute, Total: time.Hour})
	srv := &server{
		env: env, cfg: cfg, handlers: handlers(),
		needsPassword: cfg["password"] != "" || cfg["accept"] != acceptPassword,
	}
	srv.worlds = newWorlds(srv.freshWorld)
	// Other clients were here before: the application and the monitoring of the decky.
	srv.nextID.Store(40 + env.Identity.Rand("redis:clients").Int64N(4000))
	return srv, nil
}

func isVersion(v string) bool {
	parts := strings.Split(v, ".")
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || strconv.FormatUint(n, 10) != p {
			return false
		}
	}
	return len(parts) == 3
}

// Serve answers clients until ctx ends.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	return s.env.Serve(ctx, "redis", socks, s.handle)
}

// implements reports whether the server answers cmd. The rest is refused as an access
// control list would, and ACL LIST agrees.
func (s *server) implements(cmd *command) bool {
	_, ok := s.handlers[cmd.name]
	return ok || cmd.protected || len(cmd.subs) > 0
}

// started returns when the server process was started: soon after the machine.
func (s *server) started() time.Time {
	boot := s.env.Identity.BootTime(s.env.Now())
	return boot.Add(time.Duration(8+s.env.Identity.Rand("redis:start").IntN(30)) * time.Second)
}

// uptime never goes below zero, even for a machine that boots this very second.
func (s *server) uptime() time.Duration { return max(0, s.env.Now().Sub(s.started())) }

// freshWorld is what a new attacker finds.
func (s *server) freshWorld() *world {
	w := newWorld(saltOf(s.env.Identity.Key("redis:hash")))
	w.config = s.settings()
	w.lastSave = s.started().Unix() + int64(s.uptime().Seconds()*s.env.Identity.Rand("redis:save").Float64())
	s.plant(w)
	return w
}

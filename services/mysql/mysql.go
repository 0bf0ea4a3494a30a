// Package mysql is a honeypot that answers as a MySQL 8.0 or MariaDB server does.
//
//	srv, err := mysql.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	l, err := net.Listen("tcp", "127.0.0.1:3306")
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 3306}, Stream: l}})
//
// Log-ins are recorded with what is needed to crack them, and in clear where the client
// can be led to send the password. Who gets in finds a database that is invented for the
// decky, and that each attacker address can change for itself. Files, plugins and
// functions are recorded and never read, written or loaded.
package mysql

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/keys"
)

const (
	acceptList   = "list"
	acceptAny    = "any"
	acceptNobody = "nobody"
)

// Service is the mysql honeypot. The zero value is ready to use.
type Service struct{}

// Info describes the service.
func (Service) Info() services.Info {
	return services.Info{
		Name:  "mysql",
		Title: "MySQL 8.0 or MariaDB database",
		Ports: []services.Port{{Network: "tcp", Number: 3306}},
		Keys: []services.Key{
			{Name: "flavor", Type: services.KeyEnum, Default: "mysql", Enum: []string{"mysql", "mariadb"}, Doc: "which of the two products to be"},
			{Name: "version", Type: services.KeyString, Doc: "version that the server claims; empty: that of the package of the decky's release"},
			{Name: "auth_plugin", Type: services.KeyEnum, Enum: []string{pluginSHA2, pluginNative}, Doc: "how accounts log in; empty: caching_sha2_password for MySQL, mysql_native_password for MariaDB"},
			{Name: "accept", Type: services.KeyEnum, Default: acceptList, Enum: []string{acceptList, acceptAny, acceptNobody}, Doc: "who gets in: the users of the list, anybody after some tries, nobody"},
			{Name: "users", Type: services.KeySecret, Default: "root:root,root:123456,admin:admin", Doc: "comma-separated user:password pairs for accept=list"},
			{Name: "tries", Type: services.KeyInt, Default: "3", Min: 1, Max: 1000, Doc: "the attempt of an attacker that gets in with accept=any"},
		},
	}
}

type account struct{ user, password string }

// server is the honeypot of one decky.
type server struct {
	env      services.Env
	cfg      services.Config
	flav     *flavor
	version  string
	plugin   string
	accounts []account
	nextID   atomic.Uint32
	queries  atomic.Int64
	worlds   *worlds
	rsa      func() *rsa.PrivateKey
	tls      func() (*tls.Config, error)
	vars     map[string]string

	mu    sync.Mutex
	tries map[string]int  // attempts by address, for accept=any
	known map[string]bool // users whose password the server has cached
}

// Product returns "mysql" or "mariadb". See services.Variant.
func (s Service) Product(_ services.Identity, cfg services.Config) (string, error) {
	cfg, err := cfg.Check(s.Info())
	return cfg["flavor"], err
}

// triesKept bounds for how many attackers the attempts are counted.
const triesKept = 4096

// New makes the honeypot. Its errors wrap decnet.ErrSemantic.
func (s Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	env = env.Complete()
	cfg, err := cfg.Check(s.Info())
	if err != nil {
		return nil, err
	}
	env.Limits = env.Limits.Or(services.Limits{SessionSize: 4 << 20, Idle: 10 * time.Minute, Total: time.Hour})
	env.Product = cfg["flavor"]
	srv := &server{env: env, cfg: cfg, flav: &flavorMySQL, tries: map[string]int{}, known: map[string]bool{}}
	if cfg["flavor"] == "mariadb" {
		srv.flav = &flavorMariaDB
	}
	rel := env.Identity.Release()
	if srv.version = cfg["version"]; srv.version == "" {
		srv.version = srv.flav.version(rel)
	}
	if strings.ContainsFunc(srv.version, func(r rune) bool { return r <= ' ' || r > '~' }) || len(srv.version) > 60 {
		return nil, fmt.Errorf("mysql: version: %q is not a word of at most 60 letters: %w", srv.version, decnet.ErrSemantic)
	}
	if srv.plugin = cfg["auth_plugin"]; srv.plugin == "" {
		srv.plugin = srv.flav.plugin
	}
	if srv.plugin == pluginSHA2 && srv.flav.mariadb {
		return nil, fmt.Errorf("mysql: auth_plugin: MariaDB has no %s: %w", pluginSHA2, decnet.ErrSemantic)
	}
	for _, pair := range strings.Split(cfg["users"], ",") {
		user, password, ok := strings.Cut(strings.TrimSpace(pair), ":")
		if !ok {
			return nil, fmt.Errorf("mysql: users: %q is not user:password: %w", pair, decnet.ErrSemantic)
		}
		srv.accounts = append(srv.accounts, account{user, password})
	}
	srv.nextID.Store(8 + uint32(env.Identity.Rand("mysql:connections").IntN(9000)))
	srv.worlds = newWorlds(srv.freshWorld)
	srv.rsa = sync.OnceValue(func() *rsa.PrivateKey { return keys.RSA(env.Identity, "mysql:rsa", 2048) })
	srv.tls = sync.OnceValues(srv.tlsConfig)
	srv.vars = srv.variables()
	return srv, nil
}

// tlsConfig holds a certificate as the server makes one for itself at its first start.
func (s *server) tlsConfig() (*tls.Config, error) {
	version, _, _ := strings.Cut(s.version, "-")
	cn := "MySQL_Server_" + version + "_Auto_Generated_Server_Certificate"
	cert, err := keys.Certificate(s.env.Identity, "mysql:tls", keys.RSA(s.env.Identity, "mysql:tls", 2048), cn, nil, 3650)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// publicKey is the key that clients encrypt passwords with, as PEM.
func (s *server) publicKey() []byte {
	der, err := x509.MarshalPKIXPublicKey(&s.rsa().PublicKey)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Serve answers clients until ctx ends.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	return s.env.Serve(ctx, "mysql", socks, s.handle)
}

// lets reports whether password is one of user's; match compares it with what was sent.
func (s *server) lets(user, from string, match func(password string) bool) bool {
	switch s.cfg["accept"] {
	case acceptAny:
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.tries) >= triesKept {
			clear(s.tries)
		}
		s.tries[from]++
		return s.tries[from] >= s.cfg.Int("tries")
	case acceptList:
		for _, a := range s.accounts {
			if a.user == user && match(a.password) {
				return true
			}
		}
	}
	return false
}

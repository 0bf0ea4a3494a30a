package ftp

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Service is the FTP honeypot. Its zero value is ready to use.
type Service struct{}

// Info describes the service.
func (Service) Info() services.Info {
	return services.Info{
		Name:  "ftp",
		Title: "FTP server (vsftpd): bait to download, uploads kept",
		Ports: []services.Port{{Network: "tcp", Number: 21}},
		Keys: []services.Key{
			{Name: "version", Type: services.KeyString, Default: "3.0.3", Doc: "vsftpd version, in the greeting and in STAT"},
			{Name: "banner", Type: services.KeyString, Doc: "text of the greeting, as vsftpd's ftpd_banner; empty: (vsFTPd <version>)"},
			{Name: "anonymous", Type: services.KeyBool, Default: "true", Doc: "whether anonymous and ftp may log in"},
			{Name: "accept", Type: services.KeyEnum, Default: "list", Enum: []string{"list", "any", "nobody"}, Doc: "which other log-ins succeed: those of users, all, or none"},
			{Name: "users", Type: services.KeySecret, Doc: "comma list of user:password for accept=list; empty: one weak account that differs between deckies"},
			{Name: "writable", Type: services.KeyBool, Default: "true", Doc: "whether files can be uploaded, as vsftpd's write_enable"},
			{Name: "pasv_min", Type: services.KeyInt, Default: "1024", Min: 1024, Max: 65535, Doc: "lowest port for passive data connections"},
			{Name: "pasv_max", Type: services.KeyInt, Default: "65535", Min: 1024, Max: 65535, Doc: "highest port for passive data connections"},
		},
	}
}

// Delays and bounds. The times are vsftpd's and those of pam_unix under it; the sizes
// bound what one attacker can make a decky hold.
const (
	idleTimeout     = 300 * time.Second // idle_session_timeout
	dataTimeout     = 300 * time.Second // data_connection_timeout
	acceptTimeout   = 60 * time.Second  // accept_timeout
	failedDelay     = time.Second       // delay_failed_login
	pamDelay        = 2 * time.Second   // pam_unix, varied by half of it at most
	maxLoginFails   = 3                 // max_login_fails
	maxLine         = 4094              // bytes of a command line without its CR LF
	maxUpload       = 64 << 20          // bytes of one upload; the disk is full after that
	maxTrees        = 64                // attackers whose changes are remembered
	transcriptLines = 2000              // commands of one session that are reported one by one
)

// server is the honeypot of one decky.
type server struct {
	env     services.Env
	port    services.Port
	banner  string
	version string
	policy  policy
	write   bool
	pasvMin int
	pasvMax int
	base    func() *tree // made when somebody logs in
	trees   *lru.Cache[netip.Addr, *tree]
	clients atomic.Int64
	data    chan struct{} // one element for each data connection that is open or awaited

	// pause waits for d or for the end of ctx.
	pause func(ctx context.Context, d time.Duration)
}

// New makes the honeypot. See services.Service.
func (s Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	srv, err := s.server(env, cfg)
	if err != nil {
		return nil, err
	}
	return srv, nil
}

func (s Service) server(env services.Env, cfg services.Config) (*server, error) {
	info := s.Info()
	env = env.Complete()
	cfg, err := cfg.Check(info)
	if err != nil {
		return nil, err
	}
	env.Limits = env.Limits.Or(services.Limits{Line: maxLine, Idle: idleTimeout, Total: time.Hour})
	users, err := parseUsers(cfg["users"])
	if err != nil {
		return nil, err
	}
	if cfg["accept"] == "list" && len(users) == 0 {
		users = weakAccount(env.Identity)
	}
	if cfg.Int("pasv_min") > cfg.Int("pasv_max") {
		return nil, fmt.Errorf("ftp: pasv_min %s is above pasv_max %s: %w", cfg["pasv_min"], cfg["pasv_max"], decnet.ErrSemantic)
	}
	banner := cfg["banner"]
	if banner == "" {
		banner = "(vsFTPd " + cfg["version"] + ")"
	}
	if strings.ContainsAny(banner+cfg["version"], "\r\n") {
		return nil, fmt.Errorf("ftp: banner and version are one line each: %w", decnet.ErrSemantic)
	}
	id := env.Identity
	trees, err := lru.New[netip.Addr, *tree](maxTrees)
	if err != nil {
		return nil, err
	}
	return &server{
		env:     env,
		port:    info.Ports[0],
		banner:  banner,
		version: cfg["version"],
		policy:  policy{anonymous: cfg.Bool("anonymous"), accept: cfg["accept"], users: users},
		write:   cfg.Bool("writable"),
		pasvMin: cfg.Int("pasv_min"),
		pasvMax: cfg.Int("pasv_max"),
		base:    sync.OnceValue(func() *tree { return baitTree(id) }),
		trees:   trees,
		data:    make(chan struct{}, env.Limits.Conns),
		pause:   pause,
	}, nil
}

// Serve serves socks. See services.Server.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	return s.env.Serve(ctx, "ftp", socks, s.handle)
}

// treeOf returns the files as the attacker at addr sees them.
func (s *server) treeOf(addr netip.Addr) *tree {
	if t, ok := s.trees.Get(addr); ok {
		return t
	}
	t := s.base().clone()
	if first, ok, _ := s.trees.PeekOrAdd(addr, t); ok {
		return first // another session of the attacker was faster
	}
	return t
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

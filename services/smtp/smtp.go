package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/keys"
)

// Service is the SMTP honeypot. Its zero value is the service smtp.
type Service struct {
	Relay bool // be smtp_relay: relay for everybody, and let every AUTH succeed, by default
}

// Info describes the service.
func (s Service) Info() services.Info {
	name, title, relay, accept := "smtp", "mail server (Postfix): credentials and messages kept", "false", "nobody"
	if s.Relay {
		name, title, relay, accept = "smtp_relay", "open mail relay (Postfix): messages kept, never delivered", "true", "any"
	}
	return services.Info{
		Name:  name,
		Title: title,
		Ports: []services.Port{{Network: "tcp", Number: 25}, {Network: "tcp", Number: 587}},
		Keys: []services.Key{
			{Name: "mta", Type: services.KeyString, Doc: "host name that the server gives itself, as Postfix's myhostname; empty: the decky's"},
			{Name: "banner", Type: services.KeyString, Doc: "text of the greeting after 220; empty: <mta> ESMTP Postfix (<distribution>)"},
			{Name: "relay", Type: services.KeyBool, Default: relay, Doc: "whether mail for any domain is accepted from anybody"},
			{Name: "mechanisms", Type: services.KeyString, Default: "PLAIN LOGIN", Doc: "SASL mechanisms offered, of PLAIN, LOGIN and CRAM-MD5, separated by spaces; none: no AUTH"},
			{Name: "accept", Type: services.KeyEnum, Default: accept, Enum: []string{"nobody", "list", "any"}, Doc: "which AUTH succeeds: none, those of users, or all"},
			{Name: "users", Type: services.KeySecret, Doc: "comma list of user:password for accept=list; the users are mailboxes as well"},
			{Name: "mailboxes", Type: services.KeyString, Doc: "comma list of local users that get mail besides the system's; empty: a few that differ between deckies"},
		},
	}
}

// Postfix's defaults.
const (
	messageLimit   = 10240000 // message_size_limit
	lineLimit      = 2048     // line_length_limit
	saslLimit      = 12288    // smtpd_sasl_response_limit
	recipientLimit = 1000     // smtpd_recipient_limit
	softErrors     = 10       // smtpd_soft_error_limit
	hardErrors     = 20       // smtpd_hard_error_limit
	junkLimit      = 100      // smtpd_junk_command_limit
	errorSleep     = time.Second
	timeout        = 300 * time.Second
)

// server is the honeypot of one decky.
type server struct {
	env        services.Env
	name       string
	myhostname string
	banner     string
	relay      bool
	mechanisms []string
	accept     string
	users      map[string]string
	local      map[string]bool // lower-case local parts that have a mailbox
	domains    map[string]bool // lower-case domains that are this machine
	inode      uint32
	tlsConfig  func() (*tls.Config, error)

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
	// Two messages of the announced size and the commands around them fit into a session.
	env.Limits = env.Limits.Or(services.Limits{Line: lineLimit, SessionSize: 2*messageLimit + 4<<20, Idle: timeout, Total: 30 * time.Minute})
	mta := cfg["mta"]
	if mta == "" {
		mta = env.Identity.FQDN()
	}
	banner := cfg["banner"]
	if banner == "" {
		banner = mta + " ESMTP Postfix" + flavour(env.Identity.Release())
	}
	if strings.ContainsAny(mta+banner, "\r\n") {
		return nil, fmt.Errorf("%s: mta and banner are one line each: %w", info.Name, decnet.ErrSemantic)
	}
	users, err := parseUsers(cfg["users"])
	if err != nil {
		return nil, fmt.Errorf("%s: users: %w", info.Name, err)
	}
	mechanisms, err := parseMechanisms(cfg["mechanisms"])
	if err != nil {
		return nil, fmt.Errorf("%s: mechanisms: %w", info.Name, err)
	}
	id := env.Identity
	return &server{
		env:        env,
		name:       info.Name,
		myhostname: mta,
		banner:     banner,
		relay:      cfg.Bool("relay"),
		mechanisms: mechanisms,
		accept:     cfg["accept"],
		users:      users,
		local:      mailboxes(id, cfg["mailboxes"], users),
		domains:    localDomains(id, mta),
		inode:      0x20000 + id.Rand("smtp inode").Uint32N(0xC0000),
		tlsConfig:  sync.OnceValues(func() (*tls.Config, error) { return tlsConfig(id, mta) }),
		pause:      pause,
	}, nil
}

// flavour is what distributions add to the greeting.
func flavour(r services.Release) string {
	switch r.ID {
	case "debian", "kali":
		return " (Debian/GNU)"
	case "ubuntu":
		return " (Ubuntu)"
	}
	return ""
}

// tlsConfig makes the certificate as Debian's ssl-cert package does: RSA with 2048 bits,
// the host's name, ten years.
func tlsConfig(id services.Identity, mta string) (*tls.Config, error) {
	cert, err := keys.Certificate(id, "smtp", keys.RSA(id, "smtp", 2048), mta, []string{mta}, 3650)
	if err != nil {
		return nil, fmt.Errorf("smtp: certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10}, nil // smtpd_tls_protocols = >=TLSv1
}

// Serve serves socks. See services.Server.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	return s.env.Serve(ctx, s.name, socks, s.handle)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

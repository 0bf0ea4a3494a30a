package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// Port is one port that a service listens on.
type Port struct {
	Network string // "tcp" or "udp"
	Number  uint16
}

// String returns the port as "22/tcp".
func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Network) }

// MarshalText returns what String does.
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText returns. Anything else gives an error that wraps
// decnet.ErrInvalid.
func (p *Port) UnmarshalText(text []byte) error {
	number, network, _ := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || network != "tcp" && network != "udp" {
		return fmt.Errorf("services: %q is not a port such as 22/tcp: %w", text, decnet.ErrInvalid)
	}
	*p = Port{Network: network, Number: uint16(n)}
	return nil
}

// Info describes a service. It is constant for a Service.
type Info struct {
	Name      string // slug, [a-z0-9_]+
	Title     string // one line for listings
	Ports     []Port
	Keys      []Key // persona keys accepted in [decky.service]
	Singleton bool  // once per fleet, no sockets
	Inside    bool  // lets clients into the machine, where they see what else it serves
}

// Service is one honeypot. Its methods are safe for concurrent use.
type Service interface {
	Info() Info
	// New checks cfg and makes a Server; it starts nothing and opens nothing but the
	// files that cfg names. A setting that is unknown, ill typed or meaningless gives
	// an error that wraps decnet.ErrSemantic.
	New(Env, Config) (Server, error)
}

// Server is a honeypot ready to run.
type Server interface {
	// Serve owns socks. It returns nil after ctx has ended, all sockets and connections
	// are closed and all its goroutines are gone; an error when a socket fails earlier.
	// It is called once.
	Serve(ctx context.Context, socks []Socket) error
}

// Socket is one bound endpoint; exactly one of Stream and Packet is set. Port is the
// declared one, which the bound port may differ from (see fleet/local's port offset).
type Socket struct {
	Port   Port
	Stream net.Listener
	Packet net.PacketConn
}

// Env is all that a honeypot may touch. Only Decky is required: New of every service
// calls [Env.Complete], which fills in the rest.
type Env struct {
	Decky     string
	Identity  Identity         // host name, release, seed: the same for all services of one decky
	Sink      decnet.Sink      // nil: events are discarded
	Log       *slog.Logger     // for the operator; nil: discarded
	Now       func() time.Time // nil: time.Now
	Rand      io.Reader        // nonces, salts, scrambles; safe for concurrent use; nil: crypto/rand
	Limits    Limits           // zero fields: the defaults of the service, see Limits.Or
	Artifacts Artifacts        // nil: captures are measured, reported and dropped

	// Host is the same for all services of one decky; nil: the service has a machine to
	// itself.
	Host *Host
	// Product is set by New of a service that can be one of several products, such as
	// "nginx" or "apache": what the other services of the Host tell of it.
	Product string
	// Listen binds a further TCP socket of the decky, such as that of a passive FTP
	// transfer, where the decky lives. nil: the function [Listen].
	Listen func(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
}

// Complete returns e with its zero fields replaced by what their comments promise, except
// for Limits: a service has defaults of its own, and NewConn and NewLines know the others.
func (e Env) Complete() Env {
	if e.Sink == nil {
		e.Sink = decnet.SinkFunc(func(decnet.Event) {})
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Rand == nil {
		e.Rand = rand.Reader
	}
	if e.Host == nil {
		e.Host = new(Host)
	}
	if e.Identity.Hostname == "" {
		e.Identity.Hostname = e.Decky
	}
	if e.Listen == nil {
		e.Listen = Listen
	}
	return e
}

// Limits bounds what one service spends on attackers. Zero fields stand for the defaults
// in their comments, unless the service brings defaults of its own (see Or).
type Limits struct {
	Conns       int           // open connections of the service; 0: 256. When full, the longest idle one is closed for the newcomer
	Line        int           // bytes in one line or message; 0: 8 KiB
	SessionSize int64         // bytes received in one session; 0: 1 MiB
	Idle        time.Duration // longest wait for the peer to send, or to take what is sent; 0: 60 s
	Total       time.Duration // longest session; 0: 10 min
	Pool        *Pool         // bounds what several services have open together; nil: nothing does
}

// Or returns l with its zero fields taken from d, and what is still zero from the
// defaults in the comments of Limits.
func (l Limits) Or(d Limits) Limits {
	return l.fill(d).fill(Limits{Conns: 256, Line: 8 << 10, SessionSize: 1 << 20, Idle: 60 * time.Second, Total: 10 * time.Minute})
}

func (l Limits) fill(d Limits) Limits {
	if l.Conns == 0 {
		l.Conns = d.Conns
	}
	if l.Line == 0 {
		l.Line = d.Line
	}
	if l.SessionSize == 0 {
		l.SessionSize = d.SessionSize
	}
	if l.Idle == 0 {
		l.Idle = d.Idle
	}
	if l.Total == 0 {
		l.Total = d.Total
	}
	if l.Pool == nil {
		l.Pool = d.Pool
	}
	return l
}

// Artifact is a captured file as it was stored.
type Artifact struct {
	StoredAs string // name under which it can be fetched; "" when it was not kept
	SHA256   string // lower-case hexadecimal, of the whole content
	Size     int64  // bytes of the whole content
}

// ErrQuota says that an artifact was not kept, because it is larger than one file may be
// or its decky has used up its space. The Artifact returned with it still holds the size
// and hash of what was read.
var ErrQuota = errors.New("services: artifact quota reached")

// Artifacts stores captured uploads under names that it chooses itself. It is safe for
// concurrent use. claimedName is whatever the attacker called the file and is hostile.
type Artifacts interface {
	Store(ctx context.Context, decky, service, claimedName string, r io.Reader) (Artifact, error)
}

// Variant is an add-on interface for services that can be one of several products.
type Variant interface {
	// Product returns what New sets Env.Product to. A setting that New refuses gives an
	// error that wraps decnet.ErrSemantic.
	Product(Identity, Config) (string, error)
}

// Containerizer is an add-on interface for services that need more than the stock pot
// image when they run in a container.
type Containerizer interface {
	Container(Config) (Container, error)
}

// Contained reports whether svc, set as cfg says, needs a container of its own, so that New
// does not serve. The error is that of Config.Check, or of Container.
func Contained(svc Service, cfg Config) (bool, error) {
	asks, ok := svc.(Containerizer)
	if !ok {
		return false, nil
	}
	if _, err := cfg.Check(svc.Info()); err != nil {
		return false, err
	}
	c, err := asks.Container(cfg)
	return c.Image != "" || c.Context != nil, err
}

// Container is a neutral description of a container. Networking is absent on purpose:
// the composer injects it. The root file system is read-only; what is written goes to
// Tmpfs or Volumes.
type Container struct {
	Image   string   // "" with nil Context: the stock decnet-pot image
	Context fs.FS    // embedded build context with a Dockerfile, whose ARG BASE_IMAGE is the decky's distribution
	Distros []string // slugs of the distributions that Context is made for; nil: all whose base images have apt
	Env     map[string]string
	CapAdd  []string // capabilities beside none, such as "SETUID"; those that reach the host or around the egress lock are refused
	Tmpfs   []Tmpfs
	Volumes []Volume

	// Init is the file at the top of Context into which the composer puts the executable of cmd/decnet-init, which
	// the Dockerfile makes the first process of a real daemon's container; "": nowhere.
	Init string
}

// Tmpfs is a directory of a Container that is writable and in memory: it is empty when the
// container starts, and what is in it counts as memory of the container.
type Tmpfs struct {
	Dir  string      // an absolute path in the container
	Size int64       // bytes; 0: 16 MiB
	Mode fs.FileMode // permissions, with fs.ModeSticky where wanted; 0: those of /tmp
	Exec bool        // programs in it can be run
}

// Volume is one mount of a Container.
type Volume struct {
	Source   string // an absolute path of the engine's host, or a name: a volume that this container alone has
	Target   string // an absolute path in the container
	ReadOnly bool
}

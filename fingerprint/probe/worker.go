package probe

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// WorkerConfig holds what a Worker may be told. The zero value is usable.
type WorkerConfig struct {
	// The ports that each method probes; nil: the defaults below, empty: none.
	JARMPorts []uint16 // nil: 443, 8443, 8080, 4443, 50050, 2222, 993, 995, 8888, 9001
	SSHPorts  []uint16 // nil: 22, 2222, 22222, 2022
	TCPPorts  []uint16 // nil: 22, 80, 443, 8080, 8443, 445, 3389

	// Allow, unless empty, holds all that may be probed. Own addresses and those of
	// deckies are probed only when a prefix of a single address names them; loopback,
	// link-local, private, shared and translated networks only when a prefix lies within
	// them, as 192.168.7.0/24 does and 0.0.0.0/0 does not. Multicast, broadcast and
	// unspecified addresses are never probed.
	Allow []netip.Prefix
	// Deny holds what is never probed, whatever Allow says.
	Deny []netip.Prefix
	// Deckies returns the addresses of the fleet as it is now; nil: there are none. It
	// must be safe for concurrent use.
	Deckies func() []netip.Addr

	Targets    int     // addresses probed at the same time; 0: 64
	Queue      int     // addresses that may wait; 0: 1024
	Rate       float64 // connections per second in all; 0: 50. A JARM scan makes ten, at once
	TargetRate float64 // connections per second to one address; 0: 5

	// Probe is how each probe is made; its Timeout 0 is 5 s here.
	Probe Config

	Log *slog.Logger     // for the operator; nil: discarded
	Now func() time.Time // the time of events; nil: time.Now
}

func (c WorkerConfig) complete() WorkerConfig {
	if c.JARMPorts == nil {
		c.JARMPorts = []uint16{443, 8443, 8080, 4443, 50050, 2222, 993, 995, 8888, 9001}
	}
	if c.SSHPorts == nil {
		c.SSHPorts = []uint16{22, 2222, 22222, 2022}
	}
	if c.TCPPorts == nil {
		c.TCPPorts = []uint16{22, 80, 443, 8080, 8443, 445, 3389}
	}
	if c.Deckies == nil {
		c.Deckies = func() []netip.Addr { return nil }
	}
	if c.Targets <= 0 {
		c.Targets = 64
	}
	if c.Queue <= 0 {
		c.Queue = 1024
	}
	if c.Rate <= 0 {
		c.Rate = 50
	}
	if c.TargetRate <= 0 {
		c.TargetRate = 5
	}
	if c.Probe.Timeout <= 0 {
		c.Probe.Timeout = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Worker probes the attackers of a deception network, each of them once. It is a
// decnet.Sink: hand it the events of the deckies, beside the sink that keeps them. Make one
// with NewWorker; it does nothing until Run.
type Worker struct {
	sink   decnet.Sink
	memory Memory
	cfg    WorkerConfig
	reach  reach
	limit  *rate.Limiter
	queue  chan netip.Addr

	queued, dropped, refused, probed, found atomic.Uint64

	mu   sync.Mutex
	busy map[netip.Addr]struct{} // queued or being probed
	done recent                  // all ports of it are claimed
}

// Status counts what a Worker did so far.
type Status struct {
	Queued  uint64 // addresses that were taken in
	Dropped uint64 // addresses that found the queue full; they are taken in when they come back
	Refused uint64 // events from addresses that may not be probed
	Probed  uint64 // probes made
	Found   uint64 // probes that brought a fingerprint
}

// NewWorker makes a Worker that hands its findings to sink and keeps in memory what it did;
// neither may be nil.
func NewWorker(sink decnet.Sink, memory Memory, cfg WorkerConfig) *Worker {
	cfg = cfg.complete()
	return &Worker{
		sink: sink, memory: memory, cfg: cfg,
		reach: reach{unmapped(cfg.Allow), unmapped(cfg.Deny)},
		limit: rate.NewLimiter(rate.Limit(cfg.Rate), fingerprint.JARMProbes),
		queue: make(chan netip.Addr, cfg.Queue),
		busy:  make(map[netip.Addr]struct{}),
	}
}

// Status returns the counters. It is safe for concurrent use.
func (w *Worker) Status() Status {
	return Status{w.queued.Load(), w.dropped.Load(), w.refused.Load(), w.probed.Load(), w.found.Load()}
}

// Emit takes in the attacker of e, when e proves that the address is not forged: it is the
// connect event of a honeypot, which follows a complete TCP handshake. All other events,
// those of the sniffer and of a Worker among them, are passed over. Emit never waits.
func (w *Worker) Emit(e decnet.Event) {
	if e.Type != "connect" || e.FromSensor() || !e.Attacker.IsValid() {
		return
	}
	addr := e.Attacker.Unmap()
	if !w.reach.permits(addr) {
		w.refused.Add(1)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, busy := w.busy[addr]; busy || w.done.has(addr) {
		return
	}
	select {
	case w.queue <- addr:
		w.busy[addr] = struct{}{}
		w.queued.Add(1)
	default:
		w.dropped.Add(1)
	}
}

// Run probes until ctx ends, and returns nil when all its probes have ended. It is called
// once. Without the privilege for raw sockets it says so in the log and leaves out the TCP
// method.
func (w *Worker) Run(ctx context.Context) error {
	plan := w.plan()
	w.emit("prober_startup", decnet.SeverityInfo, "prober started", decnet.F("interval", "0"), decnet.F("probe_ports", portList(plan)))
	var probing sync.WaitGroup
	defer probing.Wait()
	slots := make(chan struct{}, w.cfg.Targets)
	for {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		select {
		case <-ctx.Done():
			return nil
		case addr := <-w.queue:
			probing.Go(func() {
				defer func() { <-slots }()
				w.finish(addr, w.probe(ctx, addr, plan))
			})
		}
	}
}

// step is one probe of every target.
type step struct {
	method Method
	port   uint16
}

func (w *Worker) plan() []step {
	var plan []step
	add := func(m Method, ports []uint16) {
		for _, p := range ports {
			plan = append(plan, step{m, p})
		}
	}
	add(MethodJARM, w.cfg.JARMPorts)
	add(MethodHASSH, w.cfg.SSHPorts)
	if len(w.cfg.TCPPorts) == 0 {
		return plan
	}
	if err := CanTCP(); err != nil {
		w.cfg.Log.Warn("prober leaves out TCP fingerprints", "error", err)
		return plan
	}
	add(MethodTCP, w.cfg.TCPPorts)
	return plan
}

// finish notes that addr is no longer probed, and for how long it need not be.
func (w *Worker) finish(addr netip.Addr, complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, addr)
	if complete {
		w.done.add(addr)
	}
}

// probe makes the probes of plan that addr has not yet had, and reports whether it is
// through with them all.
func (w *Worker) probe(ctx context.Context, addr netip.Addr, plan []step) bool {
	if !w.reach.names(addr) {
		ours, err := w.isOurs(addr)
		if err != nil {
			w.cfg.Log.Error("prober cannot tell its own addresses", "error", err)
			return false
		}
		if ours {
			w.refused.Add(1)
			return true
		}
	}
	limit := rate.NewLimiter(rate.Limit(w.cfg.TargetRate), fingerprint.JARMProbes)
	for _, s := range plan {
		done, err := w.memory.Done(ctx, addr, s.method, s.port)
		if done {
			continue
		}
		if err == nil {
			if limit.WaitN(ctx, s.connections()) != nil || w.limit.WaitN(ctx, s.connections()) != nil {
				return false
			}
			err = w.memory.Mark(ctx, addr, s.method, s.port)
		}
		if err != nil {
			if ctx.Err() == nil {
				w.cfg.Log.Error("prober has no memory", "target", addr, "error", err)
			}
			return false
		}
		w.probed.Add(1)
		w.step(ctx, addr, s)
	}
	return ctx.Err() == nil
}

// isOurs reports whether addr is a decky's or this machine's.
func (w *Worker) isOurs(addr netip.Addr) (bool, error) {
	if slices.ContainsFunc(w.cfg.Deckies(), func(d netip.Addr) bool { return d.Unmap() == addr }) {
		return true, nil
	}
	return isOwn(addr)
}

// connections returns how many connections s makes.
func (s step) connections() int {
	if s.method == MethodJARM {
		return fingerprint.JARMProbes
	}
	return 1
}

// step makes one probe and reports what came of it. Silence, a closed port and a server
// that hangs up are no findings and no errors.
func (w *Worker) step(ctx context.Context, addr netip.Addr, s step) {
	target := net.JoinHostPort(addr.String(), strconv.Itoa(int(s.port)))
	where := []decnet.Field{decnet.F("target_ip", addr.String()), decnet.F("target_port", strconv.Itoa(int(s.port)))}
	typ, fields, err := w.fingerprint(ctx, s.method, target)
	switch {
	case ctx.Err() != nil || err != nil && expected(err):
	case err != nil:
		w.emit("prober_error", decnet.SeverityWarning, string(s.method)+" probe of "+target+" failed: "+err.Error(),
			append(where, decnet.F("error", err.Error()))...)
	case fields != nil:
		w.found.Add(1)
		w.emit(typ, decnet.SeverityInfo, string(s.method)+" fingerprint of "+target, append(where, fields...)...)
	}
}

// expected reports whether err is how a port without the server in question answers, or
// the firewall before it.
func expected(err error) bool {
	return timedOut(err) || slices.ContainsFunc([]error{
		io.EOF, fingerprint.ErrMalformed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.EHOSTUNREACH,
	}, func(e error) bool { return errors.Is(err, e) })
}

func (w *Worker) fingerprint(ctx context.Context, m Method, target string) (typ string, fields []decnet.Field, err error) {
	switch m {
	case MethodJARM:
		r, err := JARM(ctx, target, w.cfg.Probe)
		return "jarm_fingerprint", jarmFields(&r), err
	case MethodHASSH:
		r, err := HASSHServer(ctx, target, w.cfg.Probe)
		return "hassh_fingerprint", hasshFields(&r), err
	default:
		r, err := TCP(ctx, target, w.cfg.Probe)
		return "tcpfp_fingerprint", tcpFields(&r), err
	}
}

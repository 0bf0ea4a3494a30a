// Package forward sends events on to a syslog server, as RFC 5424 lines over TCP or TLS.
//
//	f, err := forward.New("tls:siem.example:6514", forward.Options{})
//	go f.Run(ctx)
//	sink := decnet.Tee(collector, f)
//
// Each line ends with a line feed (non-transparent framing, RFC 6587 section 3.4.2), which
// the escaping of rfc5424 makes unambiguous. A server that is away is tried again with
// growing waits; what does not fit in the queue meanwhile is dropped and counted. The
// spool, not this copy, is the record.
package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

// Options holds what may be left out. The zero value is usable.
type Options struct {
	Queue   int           // events that may wait; 0: 8192
	Timeout time.Duration // longest wait for a connection or a write; 0: 5 s
	Retry   time.Duration // first wait before another try, doubling up to 64 times; 0: 500 ms
	Drain   time.Duration // longest time for what is queued when Run is to end; 0: 1 s
	TLS     *tls.Config   // for tls: targets; nil: the system's roots
	Log     *slog.Logger  // nil: discarded
}

// Forwarder is a decnet.Sink whose events go to a server. Make one with New; Emit and
// Status are safe for concurrent use.
type Forwarder struct {
	addr    string
	tls     bool
	opt     Options
	queue   chan decnet.Event
	dropped atomic.Uint64

	mu  sync.Mutex
	err error
}

// New makes a Forwarder to HOST:PORT, or to tls:HOST:PORT for TLS. It connects to nothing:
// Run does. Another target gives an error that wraps decnet.ErrInvalid.
func New(target string, opt Options) (*Forwarder, error) {
	addr, secure := strings.CutPrefix(target, "tls:")
	host, port, err := net.SplitHostPort(addr)
	number, unknown := net.LookupPort("tcp", port)
	if err != nil || host == "" || unknown != nil || number == 0 {
		return nil, fmt.Errorf("forward: target %q is not HOST:PORT or tls:HOST:PORT: %w", target, decnet.ErrInvalid)
	}
	if opt.Queue == 0 {
		opt.Queue = 8192
	}
	if opt.Timeout == 0 {
		opt.Timeout = 5 * time.Second
	}
	if opt.Retry == 0 {
		opt.Retry = 500 * time.Millisecond
	}
	if opt.Drain == 0 {
		opt.Drain = time.Second
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Forwarder{addr: addr, tls: secure, opt: opt, queue: make(chan decnet.Event, opt.Queue)}, nil
}

// Emit queues e. It never waits: when the queue is full, e is dropped and counted.
func (f *Forwarder) Emit(e decnet.Event) {
	select {
	case f.queue <- e:
	default:
		f.dropped.Add(1)
	}
}

// Status returns how many events were dropped so far, and why the server cannot be
// reached at present; nil when it can, or when nothing was to be sent yet.
func (f *Forwarder) Status() (dropped uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped.Load(), f.err
}

func (f *Forwarder) report(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.err == nil {
		f.opt.Log.Warn("log target cannot be reached", "target", f.addr, "error", err)
	}
	f.err = err
}

// Run sends events until ctx ends, then what is still queued, within Options.Drain, and
// returns nil. An event that was being written when a connection broke may be lost; one
// that found no connection waits for the next.
func (f *Forwarder) Run(ctx context.Context) error {
	drain, drained := context.WithCancel(context.WithoutCancel(ctx))
	defer drained()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(f.opt.Drain, drained)
		context.AfterFunc(drain, func() { timer.Stop() })
	})()
	wait := f.opt.Retry
	for {
		e, ok := f.next(ctx)
		if !ok {
			return nil
		}
		c, err := f.connect(ctx, drain, &wait)
		if err != nil {
			return nil
		}
		giveUp := context.AfterFunc(drain, func() { c.Close() })
		ended, err := f.send(ctx, c, e)
		giveUp()
		c.Close()
		if ended || drain.Err() != nil {
			return nil
		}
		f.report(err)
	}
}

// next returns the next event, waiting until there is one or ctx has ended and the queue
// is empty.
func (f *Forwarder) next(ctx context.Context) (decnet.Event, bool) {
	select {
	case e := <-f.queue:
		return e, true
	default:
	}
	select {
	case e := <-f.queue:
		return e, true
	case <-ctx.Done():
		return decnet.Event{}, false
	}
}

// connect tries until there is a connection, waiting longer each time. After ctx has
// ended it tries once more, until drain ends.
func (f *Forwarder) connect(ctx, drain context.Context, wait *time.Duration) (net.Conn, error) {
	for {
		c, err := f.dial(drain)
		f.report(err)
		if err == nil {
			*wait = f.opt.Retry
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(*wait):
			*wait = min(2**wait, 64*f.opt.Retry)
		}
	}
}

// send writes e and what follows until the connection fails, or until ctx has ended and
// the queue is empty: then ended is true.
func (f *Forwarder) send(ctx context.Context, c net.Conn, e decnet.Event) (ended bool, err error) {
	w := bufio.NewWriterSize(c, 32<<10)
	var line []byte
	for more := true; more; e, more = f.next(ctx) {
		line = append(rfc5424.Append(line[:0], &e), '\n')
		_ = c.SetWriteDeadline(time.Now().Add(f.opt.Timeout))
		if _, err := w.Write(line); err != nil {
			return false, err
		}
		if len(f.queue) == 0 {
			if err := w.Flush(); err != nil {
				return false, err
			}
		}
	}
	return true, w.Flush()
}

func (f *Forwarder) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.opt.Timeout)
	defer cancel()
	if f.tls {
		return (&tls.Dialer{Config: f.opt.TLS}).DialContext(ctx, "tcp", f.addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", f.addr)
}

package services

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// maxValue bounds one value of an event. What is longer is cut there, and a field
// <key>_size tells the full length.
const maxValue = 16 << 10

// Session is what one attacker does to one service: a connection and the means to report
// on it. Emit, Warn and Capture are safe for concurrent use.
type Session struct {
	*Conn // nil for a session over datagrams

	env     *Env
	service string
	from    netip.AddrPort
}

// SessionHandler talks to one attacker. The returned error only says how the session
// ended; see Handler for the rest.
type SessionHandler func(ctx context.Context, s *Session) error

// Serve runs h for every connection to the stream sockets of service, under e.Limits,
// which all of them share. It emits connect (src_ip, src_port, dst_ip, dst_port, and from
// the first packet, where the kernel keeps it: p0f, options_sig, ttl, hop_distance,
// os_guess) before h runs, jarm_scan (src_ip, src_port, dst_ip, dst_port) when a connection
// opens with the last of the ten hellos by which JARM knows servers, disconnect (src_ip,
// src_port, duration_ms, bytes_in, bytes_out, reason) after, and reports a panic in h to
// e.Log. While it runs e.Host counts the service among what it serves. It is the body of
// most Server.Serve methods, and it returns as they must.
func (e *Env) Serve(ctx context.Context, service string, socks []Socket, h SessionHandler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if e.Host != nil {
		defer e.Host.Serve(Served{service, e.Product, portsOf(socks)})()
	}
	g, scans := newGate(e.Limits), new(scanWatch)
	errs := make([]error, len(socks))
	serve := func(i int) {
		errs[i] = g.serve(ctx, cancel, socks[i].Stream, func(ctx context.Context, c *Conn) error {
			return e.session(ctx, service, socks[i].Port, c, scans, h)
		})
	}
	// Most services have one socket, which needs no goroutine of its own.
	var others sync.WaitGroup
	for i := range socks[:max(len(socks)-1, 0)] {
		others.Go(func() { serve(i) })
	}
	if n := len(socks); n > 0 {
		serve(n - 1)
	}
	others.Wait()
	return errors.Join(errs...)
}

func portsOf(socks []Socket) []Port {
	ports := make([]Port, 0, len(socks))
	for _, s := range socks {
		if !slices.Contains(ports, s.Port) { // which several addresses may have
			ports = append(ports, s.Port)
		}
	}
	return ports
}

func (e *Env) session(ctx context.Context, service string, port Port, c *Conn, scans *scanWatch, h SessionHandler) (err error) {
	s := e.NewSession(service, c)
	c.hello = func(record []byte) { scans.opened(s, port, record) }
	start := time.Now()
	if e.Host != nil {
		e.Host.sessions.Add(1)
		defer e.Host.sessions.Add(-1)
	}
	s.Emit("connect", connectFields(c, port)...)
	defer func() {
		why := reason(err)
		if p := recover(); p != nil {
			why = "error"
			e.Log.Error("honeypot panicked", "decky", e.Decky, "service", service, "panic", p, "stack", string(debug.Stack()))
		}
		c.lookAhead()
		s.Emit("disconnect",
			decnet.F("duration_ms", strconv.FormatInt(time.Since(start).Milliseconds(), 10)),
			decnet.F("bytes_in", strconv.FormatInt(c.Received(), 10)),
			decnet.F("bytes_out", strconv.FormatInt(c.Sent(), 10)),
			decnet.F("reason", why))
	}()
	return h(ctx, s)
}

// connectFields describes the connection and, where the kernel has kept its first packet,
// the system that sent it.
func connectFields(c *Conn, port Port) []decnet.Field {
	fields := []decnet.Field{
		decnet.F("dst_ip", c.Local.Addr().String()),
		decnet.F("dst_port", strconv.Itoa(int(port.Number))),
	}
	var syn fingerprint.SYN
	if syn.Parse(savedSYN(c.Conn)) != nil {
		return fields
	}
	return append(fields,
		decnet.F("p0f", syn.P0f(nil)),
		decnet.F("options_sig", syn.OptionsSignature()),
		decnet.F("ttl", strconv.Itoa(int(syn.TTL))),
		decnet.F("hop_distance", strconv.Itoa(syn.HopDistance())),
		decnet.F("os_guess", syn.OS().Name))
}

// NewSession makes a Session for a connection that the caller accepted, without events.
// e must be complete (see Env.Complete).
func (e *Env) NewSession(service string, c *Conn) *Session {
	return &Session{Conn: c, env: e, service: service, from: c.Attacker}
}

// PacketSession makes a Session for datagrams from one peer.
func (e *Env) PacketSession(service string, from netip.AddrPort) *Session {
	return &Session{env: e, service: service, from: from}
}

// Service returns the name of the service that the attacker talks to.
func (s *Session) Service() string { return s.service }

// Emit reports an event of severity info. The fields src_ip and src_port come first. A
// value that is not printable text is followed by its lossless twin <key>_b64 in standard
// base64, and a value longer than 16 KiB is cut and followed by <key>_size.
func (s *Session) Emit(typ string, fields ...decnet.Field) {
	s.emit(decnet.SeverityInfo, typ, fields)
}

// Warn reports an event of severity warning, otherwise as Emit.
func (s *Session) Warn(typ string, fields ...decnet.Field) {
	s.emit(decnet.SeverityWarning, typ, fields)
}

func (s *Session) emit(sev decnet.Severity, typ string, fields []decnet.Field) {
	all := make([]decnet.Field, 0, len(fields)+3)
	all = append(all,
		decnet.F("src_ip", s.from.Addr().String()),
		decnet.F("src_port", strconv.Itoa(int(s.from.Port()))))
	for _, f := range fields {
		size := len(f.Value)
		if size > maxValue {
			f.Value = f.Value[:maxValue]
		}
		all = append(all, f)
		if !Printable(f.Value) {
			all = append(all, decnet.F(f.Key+"_b64", base64.StdEncoding.EncodeToString([]byte(f.Value))))
		}
		if size > maxValue {
			all = append(all, decnet.F(f.Key+"_size", strconv.Itoa(size)))
		}
	}
	s.env.Sink.Emit(decnet.Event{
		Time: s.env.Now(), Decky: s.env.Decky, Service: s.service, Type: typ,
		Attacker: s.from.Addr(), Severity: sev, Fields: all,
	})
}

// Printable reports whether v is valid UTF-8 of graphic characters and spaces.
func Printable(v string) bool {
	for i := 0; i < len(v); {
		if c := v[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(v[i:])
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		i += n
	}
	return true
}

// Capture stores what an attacker uploaded as path and emits file_captured with the
// fields stored_as (absent when it was not kept), sha256, size, orig_path and those of
// extra. r is read to its end, or to its error; what came before an error is kept. The
// error is r's, or that of the store.
func (s *Session) Capture(ctx context.Context, path string, r io.Reader, extra ...decnet.Field) (Artifact, error) {
	a, err := s.store(ctx, path, r)
	fields := make([]decnet.Field, 0, 4+len(extra))
	if a.StoredAs != "" {
		fields = append(fields, decnet.F("stored_as", a.StoredAs))
	}
	fields = append(fields,
		decnet.F("sha256", a.SHA256),
		decnet.F("size", strconv.FormatInt(a.Size, 10)),
		decnet.F("orig_path", path))
	s.Emit("file_captured", append(fields, extra...)...)
	return a, err
}

func (s *Session) store(ctx context.Context, path string, r io.Reader) (Artifact, error) {
	if s.env.Artifacts != nil {
		a, err := s.env.Artifacts.Store(ctx, s.env.Decky, s.service, path, r)
		if err != nil && !errors.Is(err, ErrQuota) {
			return a, fmt.Errorf("services: capture: %w", err)
		}
		return a, nil
	}
	h := sha256.New()
	n, err := io.Copy(h, r)
	return Artifact{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, err
}

// CaptureBytes is Capture of content that is in memory.
func (s *Session) CaptureBytes(ctx context.Context, path string, content []byte, extra ...decnet.Field) (Artifact, error) {
	return s.Capture(ctx, path, bytes.NewReader(content), extra...)
}

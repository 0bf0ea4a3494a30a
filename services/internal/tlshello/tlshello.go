// Package tlshello reports the TLS clients of a honeypot: their fingerprints, from the
// bytes that they opened the connection with, and JARM scans, which are ten hellos known
// in advance.
package tlshello

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/services"
)

// scanners is how many attackers a Watch remembers the probes of.
const scanners = 1024

// Watch sees the hellos of one honeypot. The zero value is ready to use; it is safe for
// concurrent use.
type Watch struct {
	mu    sync.Mutex
	scans *simplelru.LRU[netip.Addr, fingerprint.JARMScan]
}

// Fields returns what the hello of a TLS client adds to its session event: ja3, ja4, sni,
// alpn (the protocols offered, separated by commas), and resumption where it is offered.
// opening is Conn.Opening: what the client sent before the hello, as for STARTTLS, is
// passed over; without a whole hello there are no fields. When the hello is the tenth of a
// JARM scan by this attacker, Fields emits a jarm_scan event.
func (w *Watch) Fields(s *services.Session, opening []byte) []decnet.Field {
	var h fingerprint.ClientHello
	if !parse(&h, opening) {
		return nil
	}
	ja3, ja4 := h.JA3(), h.JA4(fingerprint.TCP)
	fields := []decnet.Field{
		decnet.F("ja3", ja3),
		decnet.F("ja4", ja4),
		decnet.F("sni", string(h.ServerName)),
		decnet.F("alpn", strings.Join(h.ALPNProtocols(), ",")),
	}
	if ways := h.Resumption(); len(ways) > 0 {
		fields = append(fields, decnet.F("resumption", strings.Join(ways, ",")))
	}
	if w.completes(s.Attacker.Addr(), fingerprint.JARMProbe(ja3, ja4)) {
		s.Warn("jarm_scan", decnet.F("dst_ip", s.Local.Addr().String()))
	}
	return fields
}

// parse finds the hello in what a client sent first.
func parse(h *fingerprint.ClientHello, opening []byte) bool {
	for {
		i := bytes.Index(opening, []byte{22, 3})
		if i < 0 {
			return false
		}
		if h.Parse(opening[i:]) == nil {
			return true
		}
		opening = opening[i+1:]
	}
}

// completes notes a probe (0: none) and reports whether it is the last of a scan.
func (w *Watch) completes(from netip.Addr, probe int) bool {
	if probe == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.scans == nil {
		w.scans, _ = simplelru.NewLRU[netip.Addr, fingerprint.JARMScan](scanners, nil)
	}
	scan, _ := w.scans.Get(from)
	complete := scan.See(probe)
	if complete {
		scan = 0
	}
	w.scans.Add(from, scan)
	return complete
}

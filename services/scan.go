package services

import (
	"net/netip"
	"strconv"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// scanners is how many attackers a scanWatch remembers the probes of.
const scanners = 1024

// scanWatch recognises JARM scans of one service, whatever it speaks: ten hellos that are
// known in advance, each of which opens a connection.
type scanWatch struct {
	mu   sync.Mutex
	seen *simplelru.LRU[netip.Addr, fingerprint.JARMScan] // nil before the first probe
}

// opened takes the TLS record that a connection opened with, and emits jarm_scan when it
// is the last of a scan.
func (w *scanWatch) opened(s *Session, port Port, record []byte) {
	var h fingerprint.ClientHello
	if h.Parse(record) != nil {
		return
	}
	probe := fingerprint.JARMProbe(h.JA3(), h.JA4(fingerprint.TCP))
	if probe == 0 || !w.completes(s.Attacker.Addr(), probe) {
		return
	}
	s.Warn("jarm_scan",
		decnet.F("dst_ip", s.Local.Addr().String()),
		decnet.F("dst_port", strconv.Itoa(int(port.Number))))
}

func (w *scanWatch) completes(from netip.Addr, probe int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen, _ = simplelru.NewLRU[netip.Addr, fingerprint.JARMScan](scanners, nil) // fails only for sizes below 1
	}
	scan, _ := w.seen.Get(from)
	complete := scan.See(probe)
	if complete {
		scan = 0
	}
	w.seen.Add(from, scan)
	return complete
}

// Package plus lets a Sniffer make the fingerprints of the JA4+ suite: JA4S, JA4L, JA4H,
// JA4X, JA4SSH, JA4T and JA4TS.
//
//	s := sniff.New(sniff.Config{Results: print, Methods: []sniff.Method{plus.New()}})
//
// It stands between packages sniff and ja4plus, which do not know each other. Licence of
// the methods: see package ja4plus. A program that does not import this package contains
// none of them.
package plus

import (
	"github.com/decnet/decnet/fingerprint/ja4plus"
	"github.com/decnet/decnet/fingerprint/sniff"
)

// method is a Method and the memory it works in.
type method struct {
	value, raw []byte
	request    ja4plus.Request
	window     ja4plus.SSHWindow
}

// New returns a Method that makes the kinds ja4s, ja4l_c, ja4l_s, ja4h, ja4x, ja4ssh, ja4t
// and ja4ts. It serves one Sniffer.
func New() sniff.Method { return new(method).fingerprint }

func (m *method) fingerprint(f *sniff.Fact, report func(kind string, value, raw []byte)) {
	m.value, m.raw = m.value[:0], m.raw[:0]
	switch f.Kind {
	case sniff.FactSYN:
		report("ja4t", ja4plus.AppendJA4T(m.value, f.SYN), nil)
	case sniff.FactSYNACK:
		report("ja4ts", ja4plus.AppendJA4T(m.value, f.SYN), nil)
	case sniff.FactServerLatency:
		report("ja4l_s", ja4plus.AppendJA4L(m.value, f.Sent, f.Answered, f.TTL), nil)
	case sniff.FactClientLatency:
		report("ja4l_c", ja4plus.AppendJA4L(m.value, f.Sent, f.Answered, f.TTL), nil)
	case sniff.FactServerHello:
		m.value = ja4plus.AppendJA4S(m.value, f.ServerHello, f.Transport)
		m.raw = ja4plus.AppendJA4SRaw(m.raw, f.ServerHello, f.Transport)
		report("ja4s", m.value, m.raw)
	case sniff.FactCertificate:
		m.value = ja4plus.AppendJA4X(m.value, f.Certificate)
		m.raw = ja4plus.AppendJA4XRaw(m.raw, f.Certificate)
		report("ja4x", m.value, m.raw)
	case sniff.FactRequest:
		if m.request.Parse(f.Request) == nil {
			m.value = ja4plus.AppendJA4H(m.value, &m.request, ja4plus.JA4HHash)
			m.raw = ja4plus.AppendJA4H(m.raw, &m.request, ja4plus.JA4HRaw)
			report("ja4h", m.value, m.raw)
		}
	case sniff.FactSSHTraffic:
		report("ja4ssh", []byte(m.ja4ssh(f.Traffic)), nil)
	}
}

// ja4ssh describes one window of packets. The acknowledgements are counted first, since
// the window ends with its last packet.
func (m *method) ja4ssh(t *sniff.SSHTraffic) string {
	for range t.ClientACKs {
		m.window.Add(true, 0, true)
	}
	for range t.ServerACKs {
		m.window.Add(false, 0, true)
	}
	text := ""
	for _, size := range t.ClientSizes {
		text = m.window.Add(true, int(size), false)
	}
	for _, size := range t.ServerSizes {
		text = m.window.Add(false, int(size), false)
	}
	if text == "" {
		text = m.window.Flush()
	}
	return text
}

// Package tlshello describes the TLS clients of a honeypot by the bytes that they opened
// the connection with.
package tlshello

import (
	"bytes"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// Fields returns what the hello of a TLS client adds to its session event: ja3, ja4, sni,
// alpn (the protocols offered, separated by commas), and resumption where it is offered.
// opening is that of a services.Conn: what the client sent before the hello, as the
// request of MySQL, is passed over; without a whole hello there are no fields.
func Fields(opening []byte) []decnet.Field {
	var h fingerprint.ClientHello
	if !parse(&h, opening) {
		return nil
	}
	fields := []decnet.Field{
		decnet.F("ja3", h.JA3()),
		decnet.F("ja4", h.JA4(fingerprint.TCP)),
		decnet.F("sni", string(h.ServerName)),
		decnet.F("alpn", strings.Join(h.ALPNProtocols(), ",")),
	}
	if ways := h.Resumption(); len(ways) > 0 {
		fields = append(fields, decnet.F("resumption", strings.Join(ways, ",")))
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

package sniff

import (
	"errors"

	"github.com/decnet/decnet/fingerprint"
)

// udp follows one UDP datagram. Only those that begin a conversation over QUIC or DTLS
// make a flow.
func (s *Sniffer) udp(p *packet) {
	b := p.payload
	switch {
	case isQUIC(b):
		f, side := s.flow(p, true)
		if f != nil && f.half[side].mode != modeDone {
			s.quicDatagram(f, side, p)
		}
	case len(b) > 13 && b[0] == 0x16 && b[1] == 0xfe && b[2] >= 0xfc && b[3]|b[4] == 0:
		f, side := s.flow(p, true)
		if f != nil && f.half[side].mode != modeDone {
			s.dtlsDatagram(f, side, b)
		}
	default:
		s.counted.OtherUDP++
	}
}

// messageHelloVerify is the server's demand for a second ClientHello with a cookie (RFC
// 6347 section 4.2.1).
const messageHelloVerify = 3

// dtlsCost is what a DTLSHandshake takes at most beside the bytes of its fragments, and of
// the message that is made of them.
const dtlsCost = 16 << 10

// dtlsDatagram takes the handshake messages of a DTLS datagram.
func (s *Sniffer) dtlsDatagram(f *flow, side int, b []byte) {
	if f.dtls == nil {
		f.dtls = new([2]fingerprint.DTLSHandshake)
	}
	h := &f.half[side]
	h.taken += len(b)
	h.joining = 2*h.taken + min(8*h.taken, dtlsCost)
	for h.mode != modeDone {
		message, n, err := f.dtls[side].Next(b)
		if err != nil {
			if h.hellos == 0 && !errors.Is(err, fingerprint.ErrTruncated) {
				s.counted.BadHellos++
			}
			break
		}
		b = b[n:]
		if message[0] != messageHelloVerify && !s.handshake(f, side, message, fingerprint.DTLS) {
			h.mode = modeDone
		}
	}
	if h.mode == modeDone {
		h.taken, h.joining = 0, 0
		f.dtls[side] = fingerprint.DTLSHandshake{}
	}
	s.hold(f, side)
}

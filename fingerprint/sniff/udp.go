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

// dtlsDatagram takes the handshake messages of a DTLS datagram.
func (s *Sniffer) dtlsDatagram(f *flow, side int, b []byte) {
	if f.dtls == nil {
		f.dtls = new([2]fingerprint.DTLSHandshake)
	}
	h := &f.half[side]
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
	if h.taken += len(b); h.mode == modeDone || h.taken > maxStream {
		h.mode, h.taken = modeDone, 0
		f.dtls[side].Reset()
	}
	s.weigh(f)
	s.relieve()
}

package sniff

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/decnet/decnet/fingerprint"
)

// Handshake messages of TLS (RFC 8446 section 4, RFC 5246 section 7.4).
const (
	messageClientHello       = 1
	messageServerHello       = 2
	messageCertificate       = 11
	messageCertificateStatus = 22
	messageSupplementalData  = 23
)

// Limits of what is recognised: the text that may stand before an SSH identification, and
// an HTTP request line.
const (
	maxGreeting    = 8 << 10
	maxRequestLine = 8 << 10
	maxMethod      = 20
)

// recognize tells what begins at b, the start of a segment, and how many bytes stand
// before it: modeSearch for nothing known, modePartial when b is too short to tell.
func (s *Sniffer) recognize(b []byte, greeting bool) (m mode, skip int) {
	switch {
	case b[0] == 0x16:
		return recognizeTLS(b), 0
	case b[0] == 'S' && len(b) < 4 && string(b) == "SSH-"[:len(b)]:
		return modePartial, 0
	case len(b) >= 4 && string(b[:4]) == "SSH-":
		return modeSSH, 0
	case greeting && len(b) > 8:
		if i := bytes.Index(b, []byte("\nSSH-")); i >= 0 {
			return modeSSH, i + 1
		}
	}
	if len(s.cfg.Methods) == 0 { // nobody makes anything of requests
		return modeSearch, 0
	}
	return recognizeHTTP(b), 0
}

// recognizeTLS looks for a handshake record that begins with a hello.
func recognizeTLS(b []byte) mode {
	switch {
	case len(b) > 1 && b[1] != 3, len(b) > 2 && b[2] > 4, len(b) > 3 && b[3] > 0x48,
		len(b) > 4 && b[3]|b[4] == 0, len(b) > 5 && b[5] != messageClientHello && b[5] != messageServerHello:
		return modeSearch
	case len(b) <= 5:
		return modePartial
	}
	return modeTLS
}

// recognizeHTTP looks for a method with a space behind it.
func recognizeHTTP(b []byte) mode {
	for i, c := range b {
		switch {
		case c == ' ' && i >= 3:
			return modeHTTP
		case c != '-' && (c < 'A' || c > 'Z'), i == maxMethod:
			return modeSearch
		}
	}
	return modePartial
}

// tls reads the handshake messages of one direction. It returns what must wait for more,
// and false when the direction is done, or is no TLS.
func (s *Sniffer) tls(f *flow, side int, b []byte) ([]byte, bool) {
	h := &f.half[side]
	if h.tls == nil {
		h.tls = s.takeHandshake()
	}
	for {
		message, n, err := h.tls.Next(b)
		h.taken += n
		waits := errors.Is(err, fingerprint.ErrTruncated)
		if waits || err == nil && (n < len(message) || &message[0] != &b[n-len(message)]) {
			h.joining = max(h.joining, h.taken+h.taken/2) // what append makes of it, at most
		}
		b = b[n:]
		if waits {
			return b, true
		}
		h.taken = 0
		if err != nil && h.hellos == 0 { // later ones are where encryption begins
			s.counted.BadHellos++
		}
		if err != nil || !s.handshake(f, side, message, fingerprint.TCP) {
			if h.hellos > 0 {
				h.mode = modeDone
				s.forgetHello(&f.half[1-side]) // which only this direction's facts go with
			}
			s.putHandshake(h)
			return b, false
		}
	}
}

// handshake takes one handshake message and reports whether more are wanted of its
// direction.
func (s *Sniffer) handshake(f *flow, side int, message []byte, t fingerprint.Transport) bool {
	h := &f.half[side]
	switch message[0] {
	case messageClientHello:
		parse := s.clientHello.ParseMessage
		if t == fingerprint.DTLS {
			parse = s.clientHello.ParseDTLSMessage
		}
		if parse(message) != nil {
			s.counted.BadHellos++
			return false
		}
		if h.hellos == 0xff {
			return false
		}
		h.hellos++
		s.clientHelloSeen(f, side, message, t)
		return true
	case messageServerHello:
		if s.serverHello.ParseMessage(message) != nil {
			s.counted.BadHellos++
			return false
		}
		if h.hellos == 0xff {
			return false
		}
		h.hellos++
		s.serverHelloSeen(f, side, t)
		if s.serverHello.IsRetry() {
			return true
		}
		if t == fingerprint.TCP && f.half[1-side].hellos > 0 {
			s.done(&f.half[1-side])
		}
		const tls12, dtls = 0x0303, 0xfe00
		if v := s.serverHello.SelectedVersion; v <= tls12 || v >= dtls {
			return true
		}
		s.forgetHello(&f.half[1-side])
		return false // encrypted from here on
	case messageCertificate:
		if h.hellos > 0 {
			s.certificatesSeen(f, side, message, t)
			s.forgetHello(&f.half[1-side])
		}
		return false
	case messageCertificateStatus, messageSupplementalData:
		return h.hellos > 0
	}
	return false
}

// sshHello reads the identification and KEXINIT of one direction. It returns what must
// wait for more, and false when the direction is done.
func (s *Sniffer) sshHello(f *flow, side int, b []byte) ([]byte, bool) {
	var err error
	s.ssh, err = fingerprint.ParseSSH(b)
	if s.ssh.Banner != nil && f.ssh == nil {
		f.ssh = new(sshTraffic)
		f.ssh.ClientACKs, f.ssh.ServerACKs = int(f.acks[f.client]), int(f.acks[1-f.client])
	}
	if errors.Is(err, fingerprint.ErrTruncated) {
		return b, true
	}
	f.half[side].mode = modeDone
	if err != nil {
		s.counted.BadHellos++
		return nil, false
	}
	s.sshHelloSeen(f, side)
	return nil, false
}

// request reads the head of an HTTP/1 request (RFC 9112). It returns what is left, whether
// that must wait for more, and false when this is no request.
func (s *Sniffer) request(f *flow, side int, b []byte) (rest []byte, more, ok bool) {
	h := &f.half[side]
	if recognizeHTTP(b) == modeSearch {
		return b, false, false
	}
	line := bytes.IndexByte(b, '\n')
	if line < 0 {
		return b, len(b) <= maxRequestLine, len(b) <= maxRequestLine
	}
	if !bytes.Contains(b[:line], []byte(" HTTP/1.")) {
		return b, false, false
	}
	end := bytes.Index(b, []byte("\r\n\r\n")) + 4
	if end < 4 {
		if end = bytes.Index(b, []byte("\n\n")) + 2; end < 2 {
			return b, true, true
		}
	}
	head := b[:end]
	s.requestSeen(f, side, head)
	b = b[end:]
	h.since = h.pos - int64(len(b))
	if bytes.HasPrefix(head, []byte("CONNECT ")) || headerField(head, "upgrade") != nil {
		h.mode = modeSearch
		return b, false, true
	}
	if size, err := strconv.ParseUint(string(headerField(head, "content-length")), 10, 62); err == nil {
		n := min(int64(size), int64(len(b)))
		b, h.skip = b[n:], int64(size)-n
	}
	return b, false, true
}

// headerField returns the value of the first header field of that name, in lower case;
// nil when there is none.
func headerField(head []byte, name string) []byte {
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\n')
		if end < 0 {
			return nil
		}
		line := head[:end]
		head = head[end+1:]
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}

// sshTraffic collects the window of packets that a FactSSHTraffic tells of.
type sshTraffic struct {
	SSHTraffic
	windows int
}

// sshWindow is how many packets with payload a window has.
const sshWindow = 200

// sshPacket counts one packet of an SSH connection.
func (s *Sniffer) sshPacket(f *flow, p *packet, side int) {
	t := f.ssh
	client := side == int(f.client)
	switch {
	case len(p.payload) > 0 && client:
		t.ClientSizes = append(t.ClientSizes, uint16(len(p.payload)))
	case len(p.payload) > 0:
		t.ServerSizes = append(t.ServerSizes, uint16(len(p.payload)))
	case p.flags == flagACK && client:
		t.ClientACKs++
	case p.flags == flagACK:
		t.ServerACKs++
	}
	if len(t.ClientSizes)+len(t.ServerSizes) == sshWindow {
		s.sshTrafficSeen(f)
	}
}

// sshEnd tells of the last, shorter window.
func (s *Sniffer) sshEnd(f *flow) {
	if f.ssh != nil && len(f.ssh.ClientSizes)+len(f.ssh.ServerSizes) > 0 {
		s.sshTrafficSeen(f)
	}
}

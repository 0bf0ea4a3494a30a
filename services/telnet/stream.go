package telnet

import (
	"bytes"
	"io"

	"github.com/decnet/decnet/services"
)

// stream is the text that goes both ways between a client and the terminal of its
// session, with the Telnet protocol taken out and put in. One goroutine reads, others may
// write.
type stream struct {
	session *services.Session
	scanner scanner
	options options
	client  client

	quiet    bool // requests are not answered (busybox)
	restarts bool // flow control is told to restart at any key (inetutils)

	awaiting map[byte]bool // subnegotiations that we asked for
	resize   func(width, height int)

	buf  [256]byte
	r, w int
}

// control maps the commands of RFC 854 to the characters that a terminal has for them.
var control = map[byte]byte{
	cmdIP: 3, cmdBreak: 3, cmdEC: 0x7f, cmdEL: 0x15, cmdEOF: 4, cmdSusp: 0x1a, cmdAbort: 0x1c,
}

// fill waits for more from the client.
func (t *stream) fill() error {
	n, err := t.session.Read(t.buf[:])
	t.r, t.w = 0, n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// step handles one received byte and reports whether it is text.
func (t *stream) step() (b byte, text bool, err error) {
	tok := t.scanner.next(t.buf[t.r])
	t.r++
	switch tok.kind {
	case data:
		return tok.b, true, nil
	case command:
		return t.command(tok.b)
	case negotiation:
		err = t.negotiated(tok.b, tok.option)
	case subnegotiation:
		if t.client.learn(tok.option, tok.sub) {
			delete(t.awaiting, tok.option)
		}
		if tok.option == optNAWS && t.resize != nil {
			t.resize(t.client.width, t.client.height)
		}
	}
	return 0, false, err
}

// restartAny is what telnetd of inetutils says to a client that lets it control the flow,
// the stray NUL included.
var restartAny = []byte{iac, cmdSB, optLFlow, 3, iac, cmdSE, 0}

func (t *stream) negotiated(verb, option byte) error {
	t.client.hear(verb, option)
	asked := t.options.him[option].waiting
	out := t.options.receive(nil, verb, option)
	if option == optLFlow && verb == cmdWill && asked && t.restarts {
		out = append(out, restartAny...)
	}
	if len(out) == 0 || t.quiet {
		return nil
	}
	_, err := t.session.Write(out)
	return err
}

func (t *stream) command(c byte) (byte, bool, error) {
	switch c {
	case cmdAYT:
		_, err := t.session.Write([]byte("\r\n[Yes]\r\n"))
		return 0, false, err
	case cmdAO:
		_, err := t.session.Write([]byte{iac, cmdDM})
		return 0, false, err
	}
	b, ok := control[c]
	return b, ok, nil
}

// ReadByte returns the next byte of text. The end of a line is a CR or an LF.
func (t *stream) ReadByte() (byte, error) {
	for {
		for t.r < t.w {
			b, text, err := t.step()
			if err != nil || text {
				return b, err
			}
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
}

// Read returns the text that has arrived, at least one byte.
func (t *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	n := 1
	for n < len(p) && t.r < t.w {
		b, text, err := t.step()
		if err != nil {
			return n, err
		}
		if text {
			p[n] = b
			n++
		}
	}
	return n, nil
}

// pending handles what has arrived until the first byte of text, and reports whether there
// is one.
func (t *stream) pending() (bool, error) {
	for t.r < t.w {
		before, at := t.scanner, t.r
		_, text, err := t.step()
		if err != nil {
			return false, err
		}
		if text {
			t.scanner, t.r = before, at
			return true, nil
		}
	}
	return false, nil
}

// Write sends text.
func (t *stream) Write(p []byte) (int, error) {
	if _, err := t.session.Write(bytes.ReplaceAll(p, []byte{iac}, []byte{iac, iac})); err != nil {
		return 0, err
	}
	return len(p), nil
}

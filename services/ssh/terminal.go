package ssh

import (
	"bytes"
	"io"
)

// terminal is the line discipline between a command and a client that asked for a
// terminal for it, as "ssh -t host command" does: line feeds get carriage returns, input
// is echoed, and the usual control characters work.
type terminal struct {
	ch        io.ReadWriter
	interrupt func()
	eof       bool
}

const (
	ctrlC = 3
	ctrlD = 4
)

// Write sends output.
func (t *terminal) Write(p []byte) (int, error) {
	if _, err := t.ch.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read returns what the user typed.
func (t *terminal) Read(p []byte) (int, error) {
	for !t.eof && len(p) > 0 {
		n, err := t.ch.Read(p)
		if n = t.input(p[:n]); n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// input echoes and translates what arrived, in place, and returns how much of it the
// command gets.
func (t *terminal) input(p []byte) int {
	out := p[:0]
	for _, b := range p {
		switch b {
		case ctrlC:
			_, _ = t.ch.Write([]byte("^C"))
			t.interrupt()
			t.eof = true
			return len(out)
		case ctrlD:
			t.eof = true
			return len(out)
		case '\r':
			b = '\n'
		}
		out = append(out, b)
		_, _ = t.Write([]byte{b})
	}
	return len(out)
}

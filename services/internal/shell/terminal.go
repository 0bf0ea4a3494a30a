package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// terminal is the line discipline of a pseudo terminal and the line editor on top of it.
type terminal struct {
	name string

	mu      sync.Mutex
	w       io.Writer
	width   int
	height  int
	queue   []byte // typed and not yet read
	line    []byte // being typed while a program runs
	editing bool   // the line editor reads: no echo, no signals
	silent  bool   // echo is off
	ended   bool   // the program in the foreground is to end: it reads nothing more
	closed  bool
	more    sync.Cond
	cancel  context.CancelCauseFunc // of the program in the foreground
	column  int
}

const maxTyped = 32 << 10

func newTerminal(t Terminal, w io.Writer) *terminal {
	term := &terminal{name: t.Name, w: w, width: t.Width, height: t.Height}
	term.more.L = &term.mu
	return term
}

// Write prints with a carriage return before every line feed.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(p), t.print(p)
}

func (t *terminal) print(p []byte) error {
	out := make([]byte, 0, len(p)+16)
	for _, b := range p {
		if b == '\n' {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	for _, b := range out {
		switch {
		case b == '\n' || b == '\r':
			t.column = 0
		case b >= ' ' && b < 0x80:
			t.column++
		}
	}
	_, err := t.w.Write(out)
	return err
}

// raw writes as it is.
func (t *terminal) raw(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.w.Write([]byte(s)) // a dead connection shows when reading
}

func (t *terminal) stream() *stream {
	s := newStream(t, t, nil)
	s.tty = true
	return s
}

func (t *terminal) echo(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silent = !on
}

// feed reads what is typed until the input ends, and returns how.
func (t *terminal) feed(r io.Reader) error {
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			t.typed(b)
		}
		if err != nil {
			t.hangUp()
			return err
		}
	}
}

// hangUp ends the input. What was typed before can still be read.
func (t *terminal) hangUp() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.more.Broadcast()
}

// typed takes one byte.
func (t *terminal) typed(b byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) >= maxTyped && !t.closed {
		t.more.Wait()
	}
	if t.closed {
		return
	}
	defer t.more.Broadcast()
	if t.editing {
		t.queue = append(t.queue, b)
		return
	}
	switch b {
	case 3, 28: // ^C and ^\
		t.line, t.queue = nil, nil
		if t.cancel != nil {
			if !t.silent {
				_ = t.print([]byte{'^', b + 64})
			}
			t.ended = true
			t.cancel(errInterrupt)
		} else {
			t.queue = append(t.queue, 3) // for the line editor, which is about to read
		}
	case 4: // ^D
		if len(t.line) == 0 {
			t.line = []byte{4}
		}
		t.queue = append(t.queue, t.line...)
		t.line = nil
	case 21: // ^U
		t.rub(utf8.RuneCount(t.line))
		t.line = nil
	case 8, 127:
		if len(t.line) > 0 {
			_, n := utf8.DecodeLastRune(t.line)
			t.line = t.line[:len(t.line)-n]
			t.rub(1)
		}
	case '\r', '\n':
		t.queue = append(append(t.queue, t.line...), '\n')
		t.line = nil
		if !t.silent {
			_ = t.print([]byte("\n"))
		}
	default:
		if len(t.line) < 4095 {
			t.line = append(t.line, b)
			if !t.silent {
				if b < ' ' {
					_ = t.print([]byte{'^', b + 64})
				} else {
					_ = t.print([]byte{b})
				}
			}
		}
	}
}

func (t *terminal) rub(n int) {
	if !t.silent {
		_ = t.print([]byte(strings.Repeat("\b \b", n)))
	}
}

// Read gives programs what was typed, by lines.
func (t *terminal) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 && !t.ended {
		if t.closed || t.cancel == nil {
			return 0, io.EOF
		}
		t.more.Wait()
	}
	if t.ended {
		return 0, io.EOF
	}
	if t.queue[0] == 4 {
		t.queue = t.queue[1:]
		return 0, io.EOF
	}
	n := len(t.queue)
	if i := bytes.IndexAny(t.queue, "\n\x04"); i >= 0 {
		n = i
		if t.queue[i] == '\n' {
			n++
		}
	}
	n = copy(p, t.queue[:n])
	t.queue = t.queue[n:]
	t.more.Broadcast()
	return n, nil
}

// foreground makes cancel what ^C calls; nil when no program runs.
func (t *terminal) foreground(cancel context.CancelCauseFunc) {
	t.mu.Lock()
	t.cancel = cancel
	t.ended = false
	if i := bytes.LastIndexByte(t.queue, 3); i >= 0 && cancel != nil {
		t.queue, t.ended = t.queue[i+1:], true
		_ = t.print([]byte("^C"))
		cancel(errInterrupt)
	}
	t.mu.Unlock()
	t.more.Broadcast()
}

// inForeground returns what ^C calls.
func (t *terminal) inForeground() context.CancelCauseFunc {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cancel
}

// wake makes a pending Read look again.
func (t *terminal) wake() { t.more.Broadcast() }

var errLogout = errors.New("connection closed")

// key returns the next byte typed to the line editor.
func (t *terminal) key() (byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 {
		if t.closed {
			return 0, errLogout
		}
		t.more.Wait()
	}
	b := t.queue[0]
	t.queue = t.queue[1:]
	t.more.Broadcast()
	return b, nil
}

// edit switches between the line editor and programs. What has been typed ahead stays.
func (t *terminal) edit(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.editing = on
	if on {
		t.queue = append(t.queue, t.line...)
		t.line = nil
		return
	}
	t.queue = bytes.ReplaceAll(t.queue, []byte("\r"), []byte("\n"))
	whole := bytes.LastIndexAny(t.queue, "\n\x04") + 1
	t.line = bytes.Clone(t.queue[whole:])
	t.queue = t.queue[:whole]
}

// Resize tells the interactive shells that the terminal has a new size.
func (sh *Shell) Resize(width, height int) {
	sh.mu.Lock()
	list := slices.Clone(sh.terminals)
	sh.mu.Unlock()
	for _, t := range list {
		t.mu.Lock()
		if width > 0 && height > 0 && width < 10000 && height < 10000 {
			t.width, t.height = width, height
		}
		t.mu.Unlock()
	}
}

// window is the size that the client told, zero when it did not.
func (t *terminal) window() (width, height int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.width, t.height
}

// size is the size that programs go by.
func (t *terminal) size() (width, height int) {
	width, height = t.window()
	if width <= 0 {
		width = 80
	}
	if height <= 0 {
		height = 24
	}
	return width, height
}

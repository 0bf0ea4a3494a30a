package shell

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// stream is an open file description: what a file descriptor of the fake machine refers
// to. It closes with its last reference.
type stream struct {
	refs atomic.Int32
	r    io.Reader // nil: not for reading
	w    io.Writer // nil: not for writing
	c    io.Closer // nil: nothing to close
	tty  bool
	file *handle // nil unless it is a file
}

func newStream(r io.Reader, w io.Writer, c io.Closer) *stream {
	s := &stream{r: r, w: w, c: c}
	s.refs.Store(1)
	return s
}

func (s *stream) retain() *stream {
	s.refs.Add(1)
	return s
}

func (s *stream) release() {
	if s.refs.Add(-1) == 0 && s.c != nil {
		_ = s.c.Close()
	}
}

// retained copies a table of descriptors, each of which holds its stream.
func retained(fds []*stream) []*stream {
	fds = slices.Clone(fds)
	for _, s := range fds {
		if s != nil {
			s.retain()
		}
	}
	return fds
}

func release(fds []*stream) {
	for _, s := range fds {
		if s != nil {
			s.release()
		}
	}
}

// pipe is a kernel pipe: 64 KiB between one end and the other.
type pipe struct {
	ctx context.Context

	mu     sync.Mutex
	ready  sync.Cond
	buf    []byte
	noMore bool // the writing end is closed
	broken bool // the reading end is closed
}

const pipeSize = 64 << 10

// newPipe returns the two ends of a pipe. stop must be called when both are closed; the
// end of ctx breaks the pipe.
func newPipe(ctx context.Context) (r, w *stream, stop func()) {
	p := &pipe{ctx: ctx}
	p.ready.L = &p.mu
	off := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.broken, p.noMore = true, true
		p.mu.Unlock()
		p.ready.Broadcast()
	})
	return newStream(p, nil, readEnd{p}), newStream(nil, p, writeEnd{p}), func() { off() }
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) == 0 && !p.noMore {
		p.ready.Wait()
	}
	if len(p.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.buf)
	p.buf = p.buf[n:]
	p.ready.Broadcast()
	return n, nil
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for {
		if p.broken {
			return done, syscall.EPIPE
		}
		if n := min(len(b)-done, pipeSize-len(p.buf)); n > 0 {
			p.buf = append(p.buf, b[done:done+n]...)
			done += n
			p.ready.Broadcast()
		}
		if done == len(b) {
			return done, nil
		}
		p.ready.Wait()
	}
}

type readEnd struct{ p *pipe }

func (e readEnd) Close() error {
	e.p.mu.Lock()
	e.p.broken, e.p.buf = true, nil
	e.p.mu.Unlock()
	e.p.ready.Broadcast()
	return nil
}

type writeEnd struct{ p *pipe }

func (e writeEnd) Close() error {
	e.p.mu.Lock()
	e.p.noMore = true
	e.p.mu.Unlock()
	e.p.ready.Broadcast()
	return nil
}

// lockedWriter lets the programs of one log-in share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// sink collects output up to a limit and ends the writer beyond it.
type sink struct {
	u *usage

	mu  sync.Mutex
	buf []byte
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.u.hold(len(p)) {
		return 0, syscall.ENOMEM
	}
	s.buf = append(s.buf, p...)
	return len(p), nil
}

// take returns what was collected and gives its memory back.
func (s *sink) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.u.hold(-len(s.buf))
	out := string(s.buf)
	s.buf = nil
	return out
}

package pot

import (
	"bytes"
	"io"
	"time"
)

// maxLines is how many lines of the log wait for whoever reads it.
const maxLines = 256

// lines is an io.Writer that never waits: what finds maxLines before it is lost.
type lines struct {
	waiting chan []byte
	written chan struct{} // closed when all is
}

func newLines(w io.Writer) *lines {
	l := &lines{make(chan []byte, maxLines), make(chan struct{})}
	go func() {
		defer close(l.written)
		for line := range l.waiting {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lines) Write(line []byte) (int, error) {
	select {
	case l.waiting <- bytes.Clone(line):
	default:
	}
	return len(line), nil
}

// close waits a moment for what has been written to be taken. Nothing may be written after.
func (l *lines) close() {
	close(l.waiting)
	select {
	case <-l.written:
	case <-time.After(200 * time.Millisecond):
	}
}

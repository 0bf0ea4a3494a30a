package rfc5424

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/decnet/decnet"
)

// writerMemory bounds the bytes of lines that wait in a Writer.
const writerMemory = 4 << 20

// Writer is a decnet.Sink that writes event lines to an io.Writer, such as the standard
// output of a honeypot's own process. Emit never waits for the io.Writer: lines that it
// has not taken are kept, at most 4 MiB of them, and what comes then is dropped and
// counted, and reported as an event events_dropped of service collector, with the field
// count, at most once a second. Make one with [NewWriter].
type Writer struct {
	// Decky is that of the events events_dropped. It is set before Run.
	Decky string

	w    io.Writer
	wake chan struct{}

	mu      sync.Mutex
	waiting []byte // whole lines
	dropped uint64
	ended   bool
}

// NewWriter returns a Writer to w. Each line is one call of w.Write, from the goroutine
// of Run alone.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, wake: make(chan struct{}, 1)}
}

// Emit queues e. It is safe for concurrent use and may be called before Run; after Run
// has ended, events are dropped and counted.
func (w *Writer) Emit(e decnet.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(w.waiting) >= writerMemory {
		w.dropped++
		return
	}
	w.waiting = append(Append(w.waiting, &e), '\n')
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Dropped returns the number of events that were dropped so far.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Run writes lines until ctx has ended and everything that was accepted before is
// written, and returns nil; or until a write fails, and returns its error.
func (w *Writer) Run(ctx context.Context) error {
	var (
		buf      []byte
		reported uint64
		next     time.Time
		report   = time.NewTicker(time.Second)
	)
	defer report.Stop()
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-w.wake:
		case <-report.C:
		}
		w.mu.Lock()
		buf, w.waiting = w.waiting, buf[:0]
		dropped := w.dropped
		w.ended = over
		w.mu.Unlock()
		if now := time.Now(); dropped > reported && (over || !now.Before(next)) {
			lost := droppedEvent(now, w.Decky, dropped-reported)
			buf = append(Append(buf, &lost), '\n')
			reported, next = dropped, now.Add(time.Second)
		}
		for line := range bytes.Lines(buf) {
			if _, err := w.w.Write(line); err != nil {
				w.mu.Lock()
				w.ended = true
				w.mu.Unlock()
				return fmt.Errorf("rfc5424: write: %w", err)
			}
		}
		if over {
			return nil
		}
		if cap(buf) > writerMemory/4 {
			buf = nil
		}
	}
}

func droppedEvent(now time.Time, decky string, count uint64) decnet.Event {
	return decnet.Event{
		Time: now, Decky: decky, Service: "collector", Type: "events_dropped", Severity: decnet.SeverityWarning,
		Fields: []decnet.Field{decnet.F("count", strconv.FormatUint(count, 10))},
	}
}

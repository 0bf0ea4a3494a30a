package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/internal/tail"
	"github.com/decnet/decnet/collector/native"
	"github.com/decnet/decnet/rfc5424"
)

// Options holds what may be left out. The zero value is usable.
type Options struct {
	// Window is the time in which further events of one of Types, attacker, decky and
	// service make no record; 0: 1 s; negative: all make one. The time is that of the
	// events. The raw line is always written.
	Window time.Duration
	Types  []string // nil: connect, disconnect, connection, accept, close

	Memory     int64         // bytes of events that may wait for the disk; 0: 32 MiB
	MaxSize    int64         // a file of the spool is rotated at this many bytes; 0: 64 MiB
	Keep       int           // rotated files kept that are raw or ingested; 0: 4
	KeepUnread int           // rotated records files kept that nobody has ingested; 0: 32
	Sync       time.Duration // how often what was written is brought to the disk; 0: 1 s

	Now func() time.Time // time of the collector's own events; nil: time.Now
	Log *slog.Logger     // nil: discarded
}

// Status says how a Collector is doing.
type Status struct {
	Running    bool
	Lines      uint64 // raw lines written
	Records    uint64 // of which became records
	Suppressed uint64 // of which were held back as a flood
	Malformed  uint64 // of which were not well formed
	Dropped    uint64 // events that found the memory full
	Discarded  uint64 // bytes of records removed before they were ingested
	Waiting    int    // events and deliveries in memory
	Err        error  // what is wrong at present; nil: all is well
}

// Collector writes the spool. It is a decnet.Sink: Emit is safe for concurrent use and
// never waits. Make one with [New].
type Collector struct {
	base string
	opts Options

	queue *queue
	gate  *floodGate
	raw   spoolFile
	json  spoolFile
	dec   rfc5424.Decoder
	acks  []chan error      // deliveries that are pending
	at    map[string]string // positions of the lines that are pending

	mu      sync.Mutex
	status  Status
	source  error   // of sources that failed
	journal journal // of it kept; the rest belongs to write
}

// New returns a Collector whose spool is base and its sibling with the suffix .json
// (see [Records]). It opens nothing: Run does.
func New(base string, opts Options) (*Collector, error) {
	if base == "" || Records(base) == base {
		return nil, fmt.Errorf("collector: %q cannot be the raw file of a spool: %w", base, decnet.ErrInvalid)
	}
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&opts.Memory, 32<<20)
	def(&opts.MaxSize, 64<<20)
	def((*int64)(&opts.Window), int64(time.Second))
	def((*int64)(&opts.Sync), int64(time.Second))
	if opts.Keep == 0 {
		opts.Keep = 4
	}
	if opts.KeepUnread == 0 {
		opts.KeepUnread = 32
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Collector{
		base:    base,
		at:      make(map[string]string),
		journal: journal{base: strings.TrimSuffix(base, filepath.Ext(base))},
		opts:    opts,
		queue:   newQueue(opts.Memory),
		gate:    newFloodGate(opts.Window, opts.Types),
		raw:     spoolFile{path: base, maxSize: opts.MaxSize},
		json:    spoolFile{path: Records(base), maxSize: opts.MaxSize},
	}, nil
}

// Records returns the path of the JSON records that belong to the raw file base: its
// suffix is replaced by .json.
func Records(base string) string {
	return strings.TrimSuffix(base, filepath.Ext(base)) + ".json"
}

// Emit accepts e. It never waits: when the memory is full, or Run has ended, e is
// dropped and counted.
func (c *Collector) Emit(e decnet.Event) { c.queue.offer(item{event: e}) }

// Status returns how the collector is doing.
func (c *Collector) Status() Status {
	c.mu.Lock()
	s := c.status
	s.Err = errors.Join(s.Err, c.source)
	c.mu.Unlock()
	s.Waiting, s.Dropped = c.queue.state()
	return s
}

func (c *Collector) count(f func(s *Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

// Run collects from Emit and from sources until ctx ends, and returns after everything
// that was accepted is written and synchronised. It gives decnet.ErrConflict at once when
// another process writes the same spool. A source that fails is reported by Status at
// once, and by Run when it returns; the others go on. Run is called once.
func (c *Collector) Run(ctx context.Context, sources ...Source) error {
	if err := os.MkdirAll(filepath.Dir(c.base), 0o700); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	held, err := lock(strings.TrimSuffix(c.base, filepath.Ext(c.base)) + ".lock")
	if err != nil {
		return err
	}
	defer held.Close()
	if err := c.journal.open(c.raw.path, c.json.path); err != nil {
		return err
	}
	if err := errors.Join(c.raw.open(), c.json.open()); err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	c.count(func(s *Status) { s.Running = true })
	defer c.count(func(s *Status) { s.Running = false })

	sourceCtx, stopSources := context.WithCancel(ctx)
	defer stopSources()
	var running sync.WaitGroup
	for _, s := range sources {
		running.Go(func() {
			if err := s.Run(sourceCtx, &intake{c, sourceCtx}); err != nil {
				c.mu.Lock()
				c.source = errors.Join(c.source, err)
				c.mu.Unlock()
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		<-ctx.Done()
		running.Wait()
		close(ended)
	}()
	c.write(ctx, ended)
	return errors.Join(c.finish(), c.source)
}

// intake is the Spool of the sources of one run.
type intake struct {
	c   *Collector
	ctx context.Context
}

func (in *intake) Deliver(lines []string, positions ...Position) error {
	done := make(chan error, 1)
	if err := in.c.queue.put(in.ctx, item{lines: lines, at: positions, done: done}); err != nil {
		return err
	}
	return <-done
}

func (in *intake) Positions(prefix string) map[string]string {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.c.journal.with(prefix)
}

// perRound bounds the bytes of events that are encoded before they are written.
const perRound = 4 << 20

// write is the loop of the one goroutine that owns the spool.
func (c *Collector) write(ctx context.Context, ended <-chan struct{}) {
	tick := time.NewTicker(c.opts.Sync)
	defer tick.Stop()
	var (
		items    []item
		reported uint64
		next     time.Time // of a report of dropped events
		stopping = ctx.Done()
		healthy  = true
	)
	for over := false; !over; {
		ready := c.queue.ready
		if !healthy {
			ready = nil // the tick tries again
		}
		due := false
		select {
		case <-ended:
			over = true
			c.queue.close()
		case <-stopping:
			stopping = nil
		case <-ready:
		case <-tick.C:
			due = true
		}
		for healthy = c.flush(); healthy; healthy = c.flush() {
			if items = c.queue.take(items[:0], perRound); len(items) > 0 {
				for i := range items {
					c.add(&items[i])
				}
				clear(items)
				continue
			}
			_, dropped := c.queue.state()
			if now := time.Now(); dropped > reported && (over || !now.Before(next)) {
				c.event(c.ownEvent("events_dropped", decnet.SeverityWarning, decnet.F("count", strconv.FormatUint(dropped-reported, 10))))
				reported, next = dropped, now.Add(time.Second)
				continue
			}
			break
		}
		if !healthy && ctx.Err() != nil {
			c.answer(errStopped)
			c.queue.refuse(errStopped)
		}
		if due && healthy {
			healthy = c.note(c.sync())
			c.prune()
		}
	}
}

// add encodes it into the pending parts of the spool.
func (c *Collector) add(it *item) {
	if it.done == nil {
		c.event(it.event)
		return
	}
	for _, line := range it.lines {
		c.line(line)
	}
	for _, p := range it.at {
		c.at[p.Key] = p.Value
	}
	c.acks = append(c.acks, it.done)
}

func (c *Collector) event(e decnet.Event) {
	e = rfc5424.Canonical(e)
	from := len(c.raw.pending)
	c.raw.pending = append(rfc5424.Append(c.raw.pending, &e), '\n')
	raw := string(c.raw.pending[from : len(c.raw.pending)-1])
	c.count(func(s *Status) { s.Lines++ })
	c.record(&e, raw)
}

func (c *Collector) line(line string) {
	line = strings.TrimRight(line, "\r\n")
	if strings.TrimSpace(line) == "" {
		return
	}
	c.raw.pending = append(append(c.raw.pending, line...), '\n')
	e, err := c.dec.Decode(line)
	c.count(func(s *Status) {
		s.Lines++
		if err != nil {
			s.Malformed++
		}
	})
	if err == nil {
		native.Normalize(&e, "")
		c.record(&e, line)
	}
}

func (c *Collector) record(e *decnet.Event, raw string) {
	admitted := c.gate.admit(e)
	if admitted {
		c.json.pending = append(rfc5424.AppendJSON(c.json.pending, e, raw), '\n')
	}
	c.count(func(s *Status) {
		if admitted {
			s.Records++
		} else {
			s.Suppressed++
		}
	})
}

func (c *Collector) ownEvent(typ string, sev decnet.Severity, fields ...decnet.Field) decnet.Event {
	return decnet.Event{Time: c.opts.Now(), Service: "collector", Type: typ, Severity: sev, Fields: fields}
}

// flush writes what is pending, answers the deliveries in it, and reports whether that
// went well.
func (c *Collector) flush() bool {
	err := errors.Join(c.raw.prepare(), c.json.prepare())
	if err == nil && len(c.at) > 0 {
		err = c.journal.write(&c.raw, &c.json, c.at)
	}
	if err == nil {
		err = errors.Join(c.raw.flush(), c.json.flush())
	}
	if !c.note(err) {
		return false
	}
	if len(c.at) > 0 {
		c.mu.Lock()
		c.journal.set(c.at)
		c.mu.Unlock()
		clear(c.at)
	}
	c.answer(nil)
	return true
}

// sync brings the spool to the disk, and the positions after it.
func (c *Collector) sync() error {
	if err := errors.Join(c.raw.sync(), c.json.sync()); err != nil {
		return err
	}
	if len(c.journal.dirty) == 0 {
		return nil
	}
	return c.journal.snapshot()
}

func (c *Collector) answer(err error) {
	for _, done := range c.acks {
		done <- err
	}
	c.acks = c.acks[:0]
}

// note keeps err for Status, and reports whether there is none.
func (c *Collector) note(err error) bool {
	c.mu.Lock()
	before := c.status.Err
	c.status.Err = err
	c.mu.Unlock()
	switch {
	case err != nil && before == nil:
		c.opts.Log.Error("the spool cannot be written; events wait in memory", "error", err)
	case err == nil && before != nil:
		c.opts.Log.Info("the spool is written again")
	}
	return err == nil
}

// finish closes the spool, and says when not everything got into it.
func (c *Collector) finish() error {
	lost := bytes.Count(c.raw.pending, []byte{'\n'})
	waiting, _ := c.queue.state()
	err := errors.Join(c.raw.close(), c.json.close())
	if lost == 0 && len(c.json.pending) == 0 && err == nil && len(c.journal.dirty) > 0 {
		err = c.journal.snapshot()
	}
	err = errors.Join(err, c.journal.close())
	if lost += waiting; lost > 0 || len(c.json.pending) > 0 {
		err = errors.Join(err, fmt.Errorf("collector: stopped with %d lines unwritten: %w", lost, c.Status().Err))
	}
	return err
}

// prune removes rotated files beyond what is kept.
func (c *Collector) prune() {
	raw, err := tail.RotatedOf(c.raw.path)
	for len(raw) > c.opts.Keep {
		err = errors.Join(err, os.Remove(raw[0].Path))
		raw = raw[1:]
	}
	records, err2 := tail.RotatedOf(c.json.path)
	var done, unread []tail.Rotated
	for _, r := range records {
		if r.Done {
			done = append(done, r)
		} else {
			unread = append(unread, r)
		}
	}
	for len(done) > c.opts.Keep {
		err = errors.Join(err, os.Remove(done[0].Path))
		done = done[1:]
	}
	for len(unread) > c.opts.KeepUnread {
		r := unread[0]
		unread = unread[1:]
		if e := os.Remove(r.Path); e != nil {
			err = errors.Join(err, e)
			continue
		}
		c.count(func(s *Status) { s.Discarded += uint64(r.Size) })
		c.opts.Log.Error("records were removed before they were ingested", "file", r.Path, "bytes", r.Size)
		c.event(c.ownEvent("records_discarded", decnet.SeverityError,
			decnet.F("file", filepath.Base(r.Path)), decnet.F("bytes", strconv.FormatInt(r.Size, 10))))
	}
	if err := errors.Join(err, err2); err != nil {
		c.opts.Log.Error("rotated files cannot be removed", "error", err)
	}
}

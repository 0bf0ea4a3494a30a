package dockerlogs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/rfc5424"
)

// Options holds what may be left out. The zero value is usable.
type Options struct {
	Fleet  string // name of the fleet whose containers are read; "": all that belong to one
	Engine Engine // nil: the one at Host
	Host   string // as in DOCKER_HOST; "": unix:///var/run/docker.sock

	MaxLine int           // bytes of the longest line; a longer one is cut to 64 KiB; 0: 1 MiB
	Memory  int           // bytes of unfinished lines of all containers; 0: 32 MiB
	Poll    time.Duration // longest wait between looks at a log; 0: 1 s

	Now func() time.Time // time of the events about missing lines; nil: time.Now
	Log *slog.Logger     // gets the standard error of the containers too; nil: discarded
}

// Status says how a Source is doing.
type Status struct {
	Connected  bool   // to the engine
	Containers int    // whose logs are followed
	Lines      uint64 // that were read
	Translated uint64 // of which were prose of a daemon
	PutRight   uint64 // of which claimed to be of somebody else
	Unparsed   uint64 // of which were no events
	Gaps       uint64 // places where lines may be missing
	Err        error  // what is wrong at present; nil: all is well
}

// Source is a collector.Source of the events that the containers of a fleet print. Make one
// with [New].
type Source struct {
	opts Options

	mu     sync.Mutex
	status Status
}

// New returns a Source.
func New(opts Options) *Source {
	if opts.MaxLine == 0 {
		opts.MaxLine = 1 << 20
	}
	if opts.Memory == 0 {
		opts.Memory = 32 << 20
	}
	if opts.Poll == 0 {
		opts.Poll = time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{opts: opts}
}

// Status returns how the source is doing. It is safe for concurrent use.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Source) count(f func(s *Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.status)
}

// note keeps err for Status, and reports whether it is news that there is one, or none.
func (s *Source) note(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := (err == nil) != (s.status.Err == nil)
	s.status.Err = err
	return news
}

// Run delivers lines until ctx ends, and returns nil then. While the engine does not answer
// it tries again, and goes on with the logs that it knows. It fails at once when the options
// name no engine, and may be called again after it has returned.
func (s *Source) Run(ctx context.Context, spool collector.Spool) error {
	engine := s.opts.Engine
	if engine == nil {
		c, err := connect(s.opts.Host)
		if err != nil {
			return err
		}
		defer c.Close()
		engine = c
	}
	r := &run{
		src: s, engine: engine, spool: spool, room: s.opts.Memory, wake: make(chan struct{}, 1),
		buf: make([]byte, readSize), attachBuf: make([]byte, maxStart), followers: make(map[string]*follower), dirs: make(map[string]*follower),
		dirty: make(map[string]bool), unreadable: make(map[string]bool),
	}
	r.positions = spool.Positions(r.prefix())
	var err error
	if r.watcher, err = fsnotify.NewWatcher(); err != nil {
		s.opts.Log.Warn("logs are looked at now and then, and not when they change", "error", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { r.followEngine(ctx) })
	if r.watcher != nil {
		running.Go(func() { r.followFiles(ctx) })
	}
	r.deliver(ctx)
	cancel()
	if r.watcher != nil {
		err = r.watcher.Close()
	}
	running.Wait()
	for _, f := range r.followers {
		f.chain.close()
	}
	s.count(func(s *Status) { s.Connected, s.Containers = false, 0 })
	if err != nil {
		return fmt.Errorf("dockerlogs: %w", err)
	}
	return nil
}

const (
	readSize  = 512 << 10 // bytes of the log of one container before the next has its turn; more than maxEntry
	batchSize = 1 << 20   // bytes of lines that make a delivery
)

// run is one run of a Source. Three goroutines share it, however many containers there
// are: one follows the engine, one the files, and the reader delivers.
type run struct {
	src     *Source
	engine  Engine
	spool   collector.Spool
	watcher *fsnotify.Watcher // nil: polling alone
	wake    chan struct{}

	// Of the engine's goroutine.
	attachBuf  []byte
	unreadable map[string]bool // containers whose log cannot be followed, which was told

	// Of the reader.
	buf   []byte
	room  int
	dec   rfc5424.Decoder
	batch batch

	mu        sync.Mutex // before that of a chain
	followers map[string]*follower
	dirs      map[string]*follower // by the directory of the log
	dirty     map[string]bool      // followers that may have something to read
	positions map[string]string    // kept ones that no follower has taken over
	said      []string             // events about containers without follower
	forgotten []collector.Position
}

func (r *run) prefix() string {
	if r.src.opts.Fleet == "" {
		return "docker/"
	}
	return "docker/" + r.src.opts.Fleet + "/"
}

func (r *run) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// batch collects what one delivery has.
type batch struct {
	lines     []string
	bytes     int
	positions []collector.Position
}

func (b *batch) add(line string) {
	b.lines = append(b.lines, line)
	b.bytes += len(line)
}

// deliver is the loop of the reader.
func (r *run) deliver(ctx context.Context) {
	tick := time.NewTicker(r.src.opts.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-tick.C:
			r.touchAll()
		}
		for ctx.Err() == nil {
			any := r.fill()
			if !any {
				break
			}
			if err := r.spool.Deliver(r.batch.lines, r.batch.positions...); err != nil {
				return
			}
			r.batch = batch{lines: r.batch.lines[:0], positions: r.batch.positions[:0]}
		}
	}
}

// touchAll has all followers looked at.
func (r *run) touchAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.followers {
		r.dirty[id] = true
	}
}

// fill makes the next batch, and reports whether there is something in it.
func (r *run) fill() bool {
	r.mu.Lock()
	var due []*follower
	for id := range r.dirty {
		if f := r.followers[id]; f != nil {
			due = append(due, f)
		}
	}
	clear(r.dirty)
	for _, line := range r.said {
		r.batch.add(line)
	}
	r.batch.positions = append(r.batch.positions, r.forgotten...)
	r.said, r.forgotten = nil, nil
	r.mu.Unlock()

	var later []*follower
	for i, f := range due {
		if r.batch.bytes >= batchSize {
			later = append(later, due[i:]...)
			break
		}
		if r.visit(f) {
			later = append(later, f)
		}
	}
	r.mu.Lock()
	for _, f := range later {
		r.dirty[f.id] = true
	}
	r.mu.Unlock()
	return len(r.batch.lines) > 0 || len(r.batch.positions) > 0 || len(later) > 0
}

// visit reads some of the log of f, and reports whether there may be more.
func (r *run) visit(f *follower) bool {
	r.mu.Lock()
	ended, removed := f.ended, f.removed
	r.mu.Unlock()
	err := f.chain.extend()
	var more bool
	if err == nil || removed {
		more, err = f.read(r.buf, r)
	}
	if failed := err != nil; failed != f.failed {
		f.failed = failed
		if failed {
			r.src.opts.Log.Warn("the log of a container cannot be read", "decky", f.decky, "service", f.service, "error", err)
		}
	}
	more = more && err == nil
	if ended && !more {
		f.finish(r)
	}
	if more || !removed {
		if p, ok := f.moved(); ok {
			r.batch.positions = append(r.batch.positions, p)
		}
		return more
	}
	if f.gap != "" || err != nil {
		r.gap(f, gapRemoved, "")
	}
	r.batch.positions = append(r.batch.positions, collector.Position{Key: f.key})
	r.mu.Lock()
	delete(r.followers, f.id)
	delete(r.dirs, f.dir)
	r.mu.Unlock()
	f.chain.close()
	r.src.count(func(s *Status) { s.Containers-- })
	return false
}

// line takes a line of a container.
func (r *run) line(f *follower, text, at string, cut bool) {
	if strings.TrimSpace(text) == "" {
		return
	}
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		when = r.src.opts.Now()
	}
	line, v := attributed(&r.dec, &f.containerID, text, when, cut)
	r.batch.add(line)
	r.src.count(func(s *Status) {
		s.Lines++
		switch v {
		case translated:
			s.Translated++
		case putRight:
			s.PutRight++
		case unparsed:
			s.Unparsed++
		}
	})
}

// Of the standard error of a container, so many lines a second are logged, and so many
// bytes of each.
const (
	maxStderr      = 20
	maxStderrBytes = 1 << 10
)

// rate counts what happens within one second.
type rate struct {
	second string
	n, out int // that were let through, and that were not
}

// stderr takes a line of standard error, which is no event.
func (r *run) stderr(f *follower, e entry) {
	log := r.src.opts.Log.With("decky", f.decky, "service", f.service)
	if second, _, _ := strings.Cut(e.time, "."); second != f.logged.second {
		if f.logged.out > 0 {
			log.Warn("standard error of a container was left out", "lines", f.logged.out)
		}
		f.logged = rate{second: second}
	}
	if f.logged.n++; f.logged.n > maxStderr {
		f.logged.out++
		return
	}
	text := strings.TrimSuffix(e.text, "\n")
	log.Info("standard error of a container", "text", text[:min(len(text), maxStderrBytes)])
}

// gap takes a place where lines may be missing.
func (r *run) gap(f *follower, reason, until string) {
	r.batch.add(gapLine(&f.containerID, r.src.opts.Now(), reason, f.last, until))
	r.gapFound(&f.containerID, reason)
}

func (r *run) gapFound(c *containerID, reason string) {
	r.src.count(func(s *Status) { s.Gaps++ })
	r.src.opts.Log.Warn("lines of a container may be missing", "decky", c.decky, "service", c.service, "container", c.id, "reason", reason)
}

// errUnreadable is why a container cannot be followed.
var errUnreadable = errors.New("its log driver is not json-file")

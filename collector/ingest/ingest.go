// Package ingest fills a store from the spool that package collector writes: records, and
// the bounties that are extracted from them.
//
//	in := ingest.New(db, collector.Records("decnet.log"), ingest.Options{})
//	err := in.Run(ctx)
//
// Each flush hands the store one batch with the records, their bounties and the new
// position in the spool, which it writes in one transaction. Whenever the process ends,
// killed or not, every complete record is in the store exactly once after the next run. A
// line that is no record is set aside with its reason (store.Rejected), and so is a record
// that the store can never hold; neither stops what follows. When the store cannot
// be reached, ingestion waits, the spool grows, and nothing is lost.
package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/internal/tail"
	"github.com/decnet/decnet/store"
)

// Options holds what may be left out. The zero value is usable.
type Options struct {
	// Source names the spool in the store, for its position. It must stay the same when the
	// spool is moved or its path is written in another way; "": the path as it was given.
	Source  string
	Batch   int           // records that are committed without waiting for more; ten times as many when there is a backlog; 0: 100
	MaxWait time.Duration // records that come within this time of a transaction share the next one; 0: 50 ms
	Poll    time.Duration // longest wait between looks at the spool where it cannot be watched; 0: 1 s
	Retry   time.Duration // first wait after an error of the store, doubled up to 30 s; 0: 500 ms
	// OnCommit is called after each transaction that wrote records, with the ID of the last
	// of them. It runs in the goroutine of Run, which waits for it.
	OnCommit func(lastID int64)
	Log      *slog.Logger // nil: discarded
}

// Status says how an Ingester is doing.
type Status struct {
	Running  bool
	Records  uint64       // written in this run
	Bounties uint64       // extracted in this run
	Rejected uint64       // lines set aside in this run
	Cursor   store.Cursor // of the last transaction
	Err      error        // why nothing is written at present; nil: all is well
}

// Ingester moves records from one spool to one store. Make one with [New].
type Ingester struct {
	repo store.Records
	path string
	opts Options

	mu     sync.Mutex
	status Status
}

// New returns an Ingester from the JSON records at path (see collector.Records), which
// need not exist yet, to repo. There may be one for each path.
func New(repo store.Records, path string, opts Options) *Ingester {
	if opts.Source == "" {
		opts.Source = path
	}
	if opts.Batch == 0 {
		opts.Batch = 100
	}
	if opts.MaxWait == 0 {
		opts.MaxWait = 50 * time.Millisecond
	}
	if opts.Retry == 0 {
		opts.Retry = 500 * time.Millisecond
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Ingester{repo: repo, path: path, opts: opts}
}

// Status returns how the ingester is doing. It is safe for concurrent use.
func (in *Ingester) Status() Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.status
}

func (in *Ingester) count(f func(s *Status)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f(&in.status)
}

// Run ingests until ctx ends, and returns nil then. What was read and is not committed at
// that moment is read again by the next Run. Errors of the spool and the store are
// reported by Status and tried again.
func (in *Ingester) Run(ctx context.Context) error {
	in.run(ctx, true)
	return nil
}

// CatchUp ingests what is in the spool now and returns nil, or the error of ctx when it
// ends first. It is what a program does last, after the collector has ended. It must not
// run at the same time as Run.
func (in *Ingester) CatchUp(ctx context.Context) error {
	in.run(ctx, false)
	return ctx.Err()
}

func (in *Ingester) run(ctx context.Context, follow bool) {
	in.count(func(s *Status) { s.Running = true })
	defer in.count(func(s *Status) { s.Running = false })
	var cursor store.Cursor
	if !in.retry(ctx, func() (err error) {
		cursor, err = in.repo.Cursor(ctx, in.opts.Source)
		if errors.Is(err, decnet.ErrNotFound) {
			cursor, err = store.Cursor{Source: in.opts.Source}, nil
		}
		return err
	}) {
		return
	}
	in.count(func(s *Status) { s.Cursor = cursor })
	t := tail.New(in.path, tail.Position{Generation: cursor.Generation, Offset: cursor.Offset}, tail.Options{
		Poll: in.opts.Poll,
		Log:  in.opts.Log,
		Done: func(path string) error { return os.Rename(path, path+tail.DoneSuffix) },
	})
	defer t.Close()
	b := &batch{in: in, source: cursor.Source}
	for ctx.Err() == nil {
		var block tail.Block
		quiet := false
		if !in.retry(ctx, func() (err error) {
			block, err = t.Next()
			if quiet = errors.Is(err, io.EOF); quiet {
				err = nil
			}
			return err
		}) {
			return
		}
		switch {
		case quiet && !follow:
			b.flush(ctx)
			return
		case quiet:
			wait := time.Hour
			if len(b.entries) > 0 {
				if wait = time.Until(b.flushed.Add(in.opts.MaxWait)); wait <= 0 {
					b.flush(ctx)
					continue
				}
			}
			t.Wait(ctx, wait)
		case block.End:
			if b.flush(ctx) {
				in.retry(ctx, func() error {
					if err := t.Advance(); !errors.Is(err, io.EOF) {
						return err
					}
					return nil
				})
			}
		default:
			b.block(ctx, block)
		}
	}
}

// maxRetry bounds the wait between attempts.
const maxRetry = 30 * time.Second

// retry calls f until it gives no error, or ctx ends and it returns false.
func (in *Ingester) retry(ctx context.Context, f func() error) bool {
	for wait := in.opts.Retry; ; wait = min(2*wait, maxRetry) {
		err := f()
		if ctx.Err() != nil {
			return false
		}
		in.note(err)
		if err == nil {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// note keeps err for Status.
func (in *Ingester) note(err error) {
	var before error
	in.count(func(s *Status) { before, s.Err = s.Err, err })
	switch {
	case err != nil && before == nil:
		in.opts.Log.Error("ingestion waits", "error", err)
	case err == nil && before != nil:
		in.opts.Log.Info("ingestion goes on")
	}
}

package ingest

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/internal/tail"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

const (
	// backlog is how many times its size a batch may grow by lines that are there
	// already: larger transactions are what catches up.
	backlog = 10
	// maxBatchBytes bounds a batch of large records.
	maxBatchBytes = 8 << 20
	// maxRejected bounds what is kept of a line that is set aside.
	maxRejected = 64 << 10
)

// entry is what became of one line.
type entry struct {
	record   store.Record
	bounties []decnet.Bounty
	reason   string // why the line is set aside; "" when there is a record
	line     []byte // when it is set aside
	from, to int64
}

// batch gathers the lines of one generation until they are committed.
type batch struct {
	in         *Ingester
	source     string
	generation string
	entries    []entry
	bytes      int
	flushed    time.Time
}

// block adds the lines of a block, and commits when there are enough.
func (b *batch) block(ctx context.Context, block tail.Block) {
	b.generation = block.Generation
	if block.Broken != "" {
		b.add(ctx, entry{reason: block.Broken, line: cut(block.Data), from: block.From, to: block.To})
	} else {
		b.lines(ctx, block)
	}
	if len(b.entries) >= b.in.opts.Batch {
		b.flush(ctx)
	}
}

func (b *batch) lines(ctx context.Context, block tail.Block) {
	from := block.From
	for line := range bytes.Lines(block.Data) {
		if ctx.Err() != nil {
			return
		}
		to := from + int64(len(line))
		if text := bytes.TrimSpace(line); len(text) > 0 {
			b.add(ctx, read(text, from, to))
		}
		from = to
	}
}

// read makes an entry of a line.
func read(line []byte, from, to int64) entry {
	e, raw, err := rfc5424.ParseJSON(line)
	if err != nil {
		return entry{reason: err.Error(), line: cut(line), from: from, to: to}
	}
	return entry{record: store.Record{Event: e, Raw: raw}, bounties: Extract(&e), from: from, to: to}
}

func cut(line []byte) []byte { return bytes.Clone(line[:min(len(line), maxRejected)]) }

func (b *batch) add(ctx context.Context, e entry) {
	if len(b.entries) == 0 {
		b.bytes = 0
	}
	b.entries = append(b.entries, e)
	b.bytes += int(e.to - e.from)
	if len(b.entries) >= backlog*b.in.opts.Batch || b.bytes >= maxBatchBytes {
		b.flush(ctx)
	}
}

// flush commits all entries. It tries until it has, or ctx ends and it returns false.
func (b *batch) flush(ctx context.Context) bool {
	if len(b.entries) == 0 {
		return ctx.Err() == nil
	}
	defer func() { b.flushed = time.Now() }()
	return b.in.retry(ctx, func() error {
		err := b.commit(ctx, len(b.entries))
		if errors.Is(err, decnet.ErrInvalid) {
			return b.oneByOne(ctx)
		}
		return err
	})
}

// oneByOne commits each entry on its own. A record that the store can never hold is set
// aside with the reason.
func (b *batch) oneByOne(ctx context.Context) error {
	for len(b.entries) > 0 {
		first := &b.entries[0]
		err := b.commit(ctx, 1)
		if err == nil {
			continue
		}
		if first.reason != "" || !errors.Is(err, decnet.ErrInvalid) {
			return err
		}
		whole := *first
		*first = entry{
			reason: "refused by the store: " + err.Error(),
			line:   cut(rfc5424.AppendJSON(nil, &whole.record.Event, whole.record.Raw)),
			from:   whole.from, to: whole.to,
		}
		if err := b.commit(ctx, 1); err != nil {
			*first = whole
			return err
		}
	}
	return nil
}

// commit writes the first n entries in one transaction, and forgets them.
func (b *batch) commit(ctx context.Context, n int) error {
	out := store.Batch{
		Records: make([]store.Record, 0, n),
		Cursor:  store.Cursor{Source: b.source, Generation: b.generation, Offset: b.entries[n-1].to},
	}
	for i := range b.entries[:n] {
		e := &b.entries[i]
		if e.reason != "" {
			out.Rejected = append(out.Rejected, store.Rejected{Source: b.source, Offset: e.from, Line: e.line, Reason: e.reason})
			continue
		}
		out.Records = append(out.Records, e.record)
		out.Bounties = append(out.Bounties, e.bounties...)
	}
	lastID, err := b.in.repo.Ingest(ctx, out)
	if err != nil {
		return err
	}
	left := copy(b.entries, b.entries[n:])
	clear(b.entries[left:])
	b.entries = b.entries[:left]
	b.in.count(func(s *Status) {
		s.Records += uint64(len(out.Records))
		s.Bounties += uint64(len(out.Bounties))
		s.Rejected += uint64(len(out.Rejected))
		s.Cursor = out.Cursor
	})
	if b.in.opts.OnCommit != nil && len(out.Records) > 0 {
		b.in.opts.OnCommit(lastID)
	}
	return nil
}

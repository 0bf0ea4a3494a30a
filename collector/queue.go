package collector

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/decnet/decnet"
)

// errStopped answers a source whose lines came too late.
var errStopped = errors.New("collector: stopped")

// item is one event, or the lines of one delivery.
type item struct {
	event decnet.Event
	lines []string
	at    []Position // that belong to lines
	done  chan error // of a delivery: answered once the lines are in the spool
}

// size estimates the memory that an item holds.
func (it *item) size() int64 {
	n := 160 + len(it.event.Msg)
	for i := range it.event.Fields {
		n += 32 + len(it.event.Fields[i].Key) + len(it.event.Fields[i].Value)
	}
	for _, line := range it.lines {
		n += 16 + len(line)
	}
	for _, p := range it.at {
		n += 32 + len(p.Key) + len(p.Value)
	}
	return int64(n)
}

// queue holds what waits for the writer, bounded by its memory.
type queue struct {
	limit int64
	ready chan struct{} // something waits
	space chan struct{} // room was made

	mu      sync.Mutex
	items   []item
	bytes   int64
	dropped uint64
	closed  bool
}

func newQueue(limit int64) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), space: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// offer adds it, or drops it when the queue is full or closed.
func (q *queue) offer(it item) {
	size := it.size()
	q.mu.Lock()
	if q.closed || q.bytes+size > q.limit && q.bytes > 0 {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, it)
	q.bytes += size
	q.mu.Unlock()
	signal(q.ready)
}

// put adds it as soon as there is room.
func (q *queue) put(ctx context.Context, it item) error {
	size := it.size()
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return errStopped
		}
		if q.bytes == 0 || q.bytes+size <= q.limit {
			q.items = append(q.items, it)
			q.bytes += size
			q.mu.Unlock()
			signal(q.ready)
			signal(q.space) // there may be room for another one who waits
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take moves items of about limit bytes in all to dst.
func (q *queue) take(dst []item, limit int64) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, taken := 0, int64(0)
	for n < len(q.items) && taken < limit {
		taken += q.items[n].size()
		n++
	}
	dst = append(dst, q.items[:n]...)
	left := copy(q.items, q.items[n:])
	clear(q.items[left:])
	q.items = q.items[:left]
	q.bytes -= taken
	if left > 0 {
		signal(q.ready)
	}
	signal(q.space)
	return dst
}

// refuse answers the deliveries that wait with err, and forgets them.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(it item) bool {
		if it.done == nil {
			return false
		}
		q.bytes -= it.size()
		it.done <- err
		return true
	})
}

// close makes the queue refuse all further items.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.space)
}

func (q *queue) state() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items), q.dropped
}

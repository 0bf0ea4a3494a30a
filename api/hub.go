package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// The hub reads hubBatch records at a time. A stream that has hubQueue frames waiting is
// told so and ended: its client comes back with Last-Event-ID and catches up from the store.
const (
	hubBatch = 500
	hubQueue = 64
)

// overviewEvery is how often streams repeat the statistics while nothing happens.
const overviewEvery = 10 * time.Second

// histogramSpan is the time that the histogram of a stream covers, unless the client
// asked for one.
const histogramSpan = 24 * time.Hour

// Hub feeds the live streams: it reads each new record once, however many clients watch.
// Its methods are safe for concurrent use.
type Hub struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{}

	mu   sync.Mutex
	last int64 // ID of the last record that was broadcast
	subs map[*subscription]struct{}
}

// NewHub makes a Hub over s. A nil log discards, a nil now is time.Now.
func NewHub(s Store, log *slog.Logger, now func() time.Time) *Hub {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return &Hub{store: s, log: log, now: now, wake: make(chan struct{}, 1), subs: make(map[*subscription]struct{})}
}

// Wake says that records were committed. It never blocks.
func (h *Hub) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// frame is one server-sent event, ready to write. Overviews have no IDs.
type frame struct {
	first, last int64
	forAll      bool // whatever the stream filters
	text        []byte
}

type subscription struct {
	frames chan frame
	from   int64       // the last record before the first frame
	slow   atomic.Bool // it was ended because too much was waiting
}

func (h *Hub) subscribe() *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &subscription{frames: make(chan frame, hubQueue), from: h.last}
	h.subs[s] = struct{}{}
	return s
}

func (h *Hub) unsubscribe(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.frames)
	}
}

func (h *Hub) broadcast(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.last > 0 {
		h.last = f.last
	}
	for s := range h.subs {
		select {
		case s.frames <- f:
		default:
			s.slow.Store(true)
			delete(h.subs, s)
			close(s.frames)
		}
	}
}

// tell sends a message to every stream.
func (h *Hub) tell(typ string, data any) {
	f := messageFrame(typ, data, 0, 0)
	f.forAll = true
	h.broadcast(f)
}

func (h *Hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs) > 0
}

// Run broadcasts until ctx ends, then ends all streams and returns nil. A store that
// fails is asked again at the next Wake or within ten seconds.
func (h *Hub) Run(ctx context.Context) error {
	defer h.endStreams()
	if last, err := h.store.MaxRecordID(ctx); err == nil {
		h.mu.Lock()
		h.last = last
		h.mu.Unlock()
	}
	tick := time.NewTicker(overviewEvery)
	defer tick.Stop()
	for {
		fresh := false
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
			fresh = h.broadcastNew(ctx)
		case <-tick.C:
			h.broadcastNew(ctx)
			fresh = true
		}
		if fresh && h.watched() {
			h.broadcastOverview(ctx)
		}
	}
}

func (h *Hub) endStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		delete(h.subs, s)
		close(s.frames)
	}
}

// broadcastNew sends the records that came since the last time and reports whether there
// were any.
func (h *Hub) broadcastNew(ctx context.Context) bool {
	h.mu.Lock()
	from, watched := h.last, len(h.subs) > 0
	h.mu.Unlock()
	if !watched {
		if last, err := h.store.MaxRecordID(ctx); err == nil {
			h.mu.Lock()
			if len(h.subs) == 0 { // nobody came meanwhile who counts on the records in between
				h.last = last
			}
			h.mu.Unlock()
		}
		return false
	}
	for any := false; ; any = true {
		records, err := h.store.Records(ctx, after(store.Filter{}, from))
		if err != nil {
			h.report(ctx, err)
			return any
		}
		if len(records) == 0 {
			return any
		}
		h.broadcast(logFrame(records))
		from = records[len(records)-1].ID
	}
}

// after selects the next batch of what f selects, behind the record id.
func after(f store.Filter, id int64) store.Filter {
	f.AfterID, f.Limit = id, hubBatch
	if id == 0 {
		f.AfterID = -1
	}
	return f
}

func (h *Hub) broadcastOverview(ctx context.Context) {
	for _, f := range h.overviewFrames(ctx, store.Filter{}) {
		h.broadcast(f)
	}
}

// overviewFrames makes the statistics and the histogram of f.
func (h *Hub) overviewFrames(ctx context.Context, f store.Filter) []frame {
	t, err := overview(ctx, h.store)
	if err != nil {
		h.report(ctx, err)
		return nil
	}
	if f.Start.IsZero() {
		f.Start = h.now().Add(-histogramSpan)
	}
	buckets, err := h.store.Histogram(ctx, f, 15*time.Minute)
	if err != nil {
		h.report(ctx, err)
		return nil
	}
	return []frame{messageFrame("stats", t, 0, 0), messageFrame("histogram", bars(buckets), 0, 0)}
}

func (h *Hub) report(ctx context.Context, err error) {
	if ctx.Err() == nil {
		h.log.Error("live stream cannot read the store", "error", err)
	}
}

func logFrame(records []store.Record) frame {
	return messageFrame("logs", logRows(records), records[0].ID, records[len(records)-1].ID)
}

func messageFrame(typ string, data any, first, last int64) frame {
	text := []byte("event: message\n")
	if last > 0 {
		text = append(text, "id: "...)
		text = strconv.AppendInt(text, last, 10)
		text = append(text, '\n')
	}
	text = append(text, "data: "...)
	body, err := json.Marshal(map[string]any{"type": typ, "data": data})
	if err != nil { // rows are made of strings and numbers
		panic(err)
	}
	return frame{first: first, last: last, text: append(append(text, body...), "\n\n"...)}
}

// overview is what /stats answers.
func overview(ctx context.Context, s Store) (totals, error) {
	t, err := s.Totals(ctx)
	if err != nil {
		return totals{}, err
	}
	f, err := fleetOf(ctx, s)
	if err != nil {
		return totals{}, err
	}
	return totals{Logs: t.Records, Unique: t.Attackers, Bounties: t.Bounties, Active: active(f), Deployed: len(f.Deckies)}, nil
}

func active(f decnet.Fleet) int {
	n := 0
	for _, d := range f.Deckies {
		if len(d.Services) > 0 {
			n++
		}
	}
	return n
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// The hub reads hubBatch records at a time, a stream that catches up catchUpBatch, and either
// of them fewer when they have batchBytes. A stream
// that has hubQueue frames waiting, or more than hubBytes, is told so and ended: its client
// comes back with Last-Event-ID and catches up from the store.
const (
	hubBatch     = 500
	catchUpBatch = 100
	batchBytes   = 1 << 20
	hubQueue     = 256
	hubBytes     = 8 << 20
)

// overviewEvery is how often streams repeat the statistics while nothing happens. While
// records come, they do so after overviewPause, or after ten times the time that it took to
// make them, so that a large store has time for other things. A stream begins without them
// when that takes longer than overviewMost.
const (
	overviewEvery = 10 * time.Second
	overviewPause = time.Second
	overviewMost  = time.Minute
)

// perViewer is about what it costs to send something to a stream. Streams are sent something
// no more often than that they could be served ten times over meanwhile: a thousand of them,
// every 50 ms.
const perViewer = 5 * time.Microsecond

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
	fresh chan struct{} // records were broadcast

	mu      sync.Mutex
	last    int64 // ID of the last record that was broadcast
	subs    map[*subscription]struct{}
	running bool
	ended   bool
	failure error // of the last read of records

	newest struct { // statistics that streams begin with
		sync.Mutex
		at     time.Time
		frames []*frame
	}
}

// NewHub makes a Hub over s. A nil log discards, a nil now is time.Now.
func NewHub(s Store, log *slog.Logger, now func() time.Time) *Hub {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return &Hub{
		store: s, log: log, now: now, wake: make(chan struct{}, 1), fresh: make(chan struct{}, 1), subs: make(map[*subscription]struct{}),
	}
}

// Wake says that records were committed. It never blocks.
func (h *Hub) Wake() { signal(h.wake) }

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// frame is one server-sent event, ready to write. Only those of records have IDs.
type frame struct {
	first, last int64
	text        []byte
	filtered    filtered // the text for streams with a filter; nil: the same
}

// filtered makes the text for a filter, which is empty when the filter leaves nothing.
type filtered func(store.Filter) ([]byte, error)

// once returns f so that it is called once for each filter, however many streams have it.
func (f filtered) once() filtered {
	type answer func() ([]byte, error)
	var mu sync.Mutex
	answers := make(map[store.Filter]answer)
	return func(by store.Filter) ([]byte, error) {
		mu.Lock()
		a, ok := answers[by]
		if !ok {
			a = sync.OnceValues(func() ([]byte, error) { return f(by) })
			answers[by] = a
		}
		mu.Unlock()
		return a()
	}
}

type subscription struct {
	frames  chan *frame
	from    int64        // the last record before the first frame
	waiting atomic.Int64 // bytes of frames that are not yet taken
	slow    atomic.Bool  // it was ended because too much was waiting
}

// offer adds f to what waits, unless that is too much.
func (s *subscription) offer(f *frame) bool {
	size := int64(len(f.text))
	if before := s.waiting.Add(size) - size; before > 0 && before+size > hubBytes {
		return false
	}
	select {
	case s.frames <- f:
		return true
	default:
		return false
	}
}

// taken says that f waits no more.
func (s *subscription) taken(f *frame) { s.waiting.Add(-int64(len(f.text))) }

// subscribe returns a subscription, which has ended already when the hub has.
func (h *Hub) subscribe() *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &subscription{frames: make(chan *frame, hubQueue), from: h.last}
	if h.ended {
		close(s.frames)
	} else {
		h.subs[s] = struct{}{}
	}
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

func (h *Hub) broadcast(f *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.last > 0 {
		h.last = f.last
	}
	for s := range h.subs {
		if !s.offer(f) {
			s.slow.Store(true)
			delete(h.subs, s)
			close(s.frames)
		}
	}
}

// tell sends a message to every stream.
func (h *Hub) tell(typ string, data any) { h.broadcast(&frame{text: messageText(typ, data, 0)}) }

func (h *Hub) watchers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Run broadcasts until ctx ends, then ends all streams and returns nil. A store that
// fails is asked again at the next Wake or within ten seconds.
func (h *Hub) Run(ctx context.Context) error {
	defer h.endStreams()
	last, err := h.store.MaxRecordID(ctx)
	h.mu.Lock()
	h.running, h.failure = true, err
	if err == nil {
		h.last = last
	}
	h.mu.Unlock()
	var overviews sync.WaitGroup
	defer overviews.Wait()
	overviews.Go(func() { h.broadcastOverviews(ctx) })
	tick := time.NewTicker(overviewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-tick.C:
		}
		if h.broadcastNew(ctx) {
			signal(h.fresh)
			pause(ctx, time.Duration(10*h.watchers())*perViewer)
		}
	}
}

// Err says why streams are told of nothing at present, such as that Run does not run or that
// the store cannot be read; nil: all is well.
func (h *Hub) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := idle(h.running, h.ended); err != nil {
		return err
	}
	return h.failure
}

// over reports whether Run has ended.
func (h *Hub) over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

func (h *Hub) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = err
}

// pause returns after d, or when ctx has ended.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// broadcastOverviews sends the statistics until ctx ends, apart from the records, because
// they can take long in a large store.
func (h *Hub) broadcastOverviews(ctx context.Context) {
	tick := time.NewTicker(overviewEvery)
	defer tick.Stop()
	for {
		all := false // streams with a filter too
		select {
		case <-ctx.Done():
			return
		case <-h.fresh:
		case <-tick.C:
			all = true
		}
		if h.watchers() == 0 {
			continue
		}
		begin := time.Now()
		for _, f := range h.overview(ctx, store.Filter{}, all) {
			h.broadcast(f)
		}
		pause(ctx, max(overviewPause, 10*time.Since(begin)))
	}
}

func (h *Hub) endStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.ended = false, true
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
		last, err := h.store.MaxRecordID(ctx)
		h.note(err)
		h.mu.Lock()
		if err == nil && len(h.subs) == 0 { // nobody came meanwhile who counts on the records in between
			h.last = last
		}
		h.mu.Unlock()
		return false
	}
	for any := false; ; any = true {
		records, err := h.store.Records(ctx, after(store.Filter{}, from, hubBatch))
		if h.note(err); err != nil {
			h.report(ctx, err)
			return any
		}
		if len(records) == 0 {
			return any
		}
		h.broadcast(recordsFrame(records))
		from = records[len(records)-1].ID
		if len(records) < hubBatch && rawBytes(records) < batchBytes {
			return true // what was committed meanwhile wakes the hub again
		}
	}
}

// rawBytes is how much records hold as store.Filter.Bytes counts it.
func rawBytes(records []store.Record) (n int) {
	for i := range records {
		n += len(records[i].Raw)
	}
	return n
}

// after selects the next batch of what f selects, behind the record id.
func after(f store.Filter, id int64, batch int) store.Filter {
	f.AfterID, f.Limit, f.Bytes = id, batch, batchBytes
	if id == 0 {
		f.AfterID = -1
	}
	return f
}

// recordsFrame tells of records that follow each other.
func recordsFrame(records []store.Record) *frame {
	return &frame{
		first: records[0].ID, last: records[len(records)-1].ID, text: recordsText(records),
		filtered: filtered(func(f store.Filter) ([]byte, error) {
			match, err := f.Matcher()
			if err != nil {
				return nil, err
			}
			var found []store.Record
			for i := range records {
				if match(&records[i]) {
					found = append(found, records[i])
				}
			}
			if len(found) == 0 {
				return nil, nil
			}
			return recordsText(found), nil
		}).once(),
	}
}

// overview makes the statistics and the histogram of f. Unless all is set, the histogram is
// not for streams with another filter.
func (h *Hub) overview(ctx context.Context, f store.Filter, all bool) []*frame {
	t, err := overview(ctx, h.store)
	if err != nil {
		h.report(ctx, err)
		return nil
	}
	text, err := h.histogramText(ctx, f)
	if err != nil {
		h.report(ctx, err)
		return nil
	}
	others := filtered(func(store.Filter) ([]byte, error) { return nil, nil })
	if all {
		others = filtered(func(f store.Filter) ([]byte, error) { return h.histogramText(ctx, f) }).once()
	}
	return []*frame{{text: messageText("stats", t, 0)}, {text: text, filtered: others}}
}

func (h *Hub) histogramText(ctx context.Context, f store.Filter) ([]byte, error) {
	if f.Start.IsZero() {
		f.Start = h.now().Add(-histogramSpan)
	}
	buckets, err := h.store.Histogram(ctx, f, 15*time.Minute)
	if err != nil {
		return nil, err
	}
	return messageText("histogram", bars(buckets), 0), nil
}

// firstOverview is overview for a stream that begins. Those without a filter that begin at
// the same time share one.
func (h *Hub) firstOverview(ctx context.Context, f store.Filter) []*frame {
	if f != (store.Filter{}) {
		return h.overview(ctx, f, false)
	}
	n := &h.newest
	n.Lock()
	defer n.Unlock()
	now := h.now()
	if now.Sub(n.at) < overviewPause && !now.Before(n.at) {
		signal(h.fresh) // what has come since then is told soon
	} else {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overviewMost) // it is for others too
		defer cancel()
		n.frames, n.at = h.overview(ctx, f, false), now
	}
	return n.frames
}

func (h *Hub) report(ctx context.Context, err error) {
	if ctx.Err() == nil {
		h.log.Error("live stream cannot read the store", "error", err)
	}
}

func recordsText(records []store.Record) []byte {
	return messageText("logs", logRows(records), records[len(records)-1].ID)
}

// envelope is the JSON of every message.
type envelope struct {
	Type string `json:"type"`
	Data any    `json:"data"`
}

// messageText is one server-sent event; the ID 0 is none.
func messageText(typ string, data any, id int64) []byte {
	var text bytes.Buffer
	text.WriteString("event: message\n")
	if id > 0 {
		fmt.Fprintf(&text, "id: %d\n", id)
	}
	text.WriteString("data: ")
	if err := json.NewEncoder(&text).Encode(envelope{typ, data}); err != nil { // rows are made of strings and numbers
		panic(err)
	}
	text.WriteByte('\n') // after that of Encode
	return text.Bytes()
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

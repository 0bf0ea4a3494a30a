package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

const (
	ticketLife     = time.Minute
	ticketsMax     = 10000
	ticketsPerUser = 64
	streamsPerUser = 64
)

// tickets stand in for tokens in the URL of a stream, because EventSource cannot set
// headers: one use, within a minute.
type tickets struct {
	now func() time.Time

	mu      sync.Mutex
	issued  map[string]ticket
	streams map[string]int // open streams by user
}

type ticket struct {
	who     caller
	expires time.Time
}

func newTickets(now func() time.Time) *tickets {
	return &tickets{now: now, issued: make(map[string]ticket), streams: make(map[string]int)}
}

func (t *tickets) issue(who caller) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for id, old := range t.issued {
		if now.After(old.expires) {
			delete(t.issued, id)
		}
	}
	own := 0
	for _, k := range t.issued {
		if k.who.ID == who.ID {
			own++
		}
	}
	if len(t.issued) >= ticketsMax || own >= ticketsPerUser {
		return "", false
	}
	id := rand.Text()
	t.issued[id] = ticket{who, now.Add(ticketLife)}
	return id, true
}

func (t *tickets) redeem(id string) (caller, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.issued[id]
	delete(t.issued, id)
	return k.who, ok && !t.now().After(k.expires)
}

// open counts a stream of a user in, unless the user has too many.
func (t *tickets) open(user string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.streams[user] >= streamsPerUser {
		return false
	}
	t.streams[user]++
	return true
}

func (t *tickets) close(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.streams[user]--; t.streams[user] == 0 {
		delete(t.streams, user)
	}
}

type ticketAnswer struct {
	Ticket  string `json:"ticket"`
	Expires int    `json:"expires_in" doc:"seconds"`
}

func (s *server) ticket(w http.ResponseWriter, r *http.Request) error {
	who := callerOf(r)
	who.origin = r.Clone(context.Background())
	who.origin.Body = http.NoBody
	id, ok := s.tickets.issue(who)
	if !ok {
		return errTooMany
	}
	return respond(w, r, http.StatusOK, ticketAnswer{id, int(ticketLife.Seconds())})
}

// stream sends server-sent events. The client is known by its header, or else by a ticket.
func (s *server) stream(w http.ResponseWriter, r *http.Request) error {
	if s.Hub == nil {
		return decnet.ErrNotFound
	}
	p := query(r)
	id := p.text(ticketParam)
	if _, named := bearerToken(r); !named && (id != "" || p.err != nil) {
		who, ok := s.tickets.redeem(id)
		if !ok {
			return fmt.Errorf("ticket: %w", decnet.ErrUnauthorized)
		}
		if err := s.again(r.Context(), &who); err != nil {
			return err
		}
		return s.follow(w, r, who, p)
	}
	return s.viewer(func(w http.ResponseWriter, r *http.Request) error {
		return s.follow(w, r, callerOf(r), p)
	})(w, r)
}

func (s *server) follow(w http.ResponseWriter, r *http.Request, who caller, p *params) error {
	filter := p.records()
	last := p.number(lastEventID)
	most := int64(0)
	if s.Developer {
		most = p.number(maxOutput)
	}
	if p.err != nil {
		return p.err
	}
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && id > 0 {
		last = id
	}
	resumes := last > 0
	if resumes {
		// An ID of another database would hide all that comes. What is newest is looked up
		// first, so that nothing comes unseen in between.
		newest, err := s.Store.MaxRecordID(r.Context())
		if err != nil {
			return err
		}
		last = min(last, newest)
	}
	if !s.tickets.open(who.ID) {
		return errTooMany
	}
	defer s.tickets.close(who.ID)

	sub := s.Hub.subscribe()
	defer s.Hub.unsubscribe(sub)
	out := &streamWriter{
		server: s, who: who, w: w, control: http.NewResponseController(w), filter: filter, left: most, sent: sub.from,
		// Streams that began together are not looked up together.
		check: checked{changes: s.accounts.count(), at: s.Now().Add(-mathrand.N(checkEvery))},
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		h.Set("Transfer-Encoding", "identity") // ends with the connection: one write for an event instead of three
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead || !out.write([]byte(keepAlive)) {
		return nil
	}
	for _, f := range s.Hub.firstOverview(r.Context(), filter) {
		if !out.event(f.text) {
			return nil
		}
	}
	if resumes {
		out.sent = last
		if !out.catchUp(r.Context()) {
			return nil
		}
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case f, ok := <-sub.frames:
			switch {
			case !ok && sub.slow.Load():
				out.interrupt("Too slow: come back with Last-Event-ID")
				return nil
			case !ok:
				out.interrupt(interrupted)
				return nil
			case !out.allowed(r.Context()) || !out.forward(r.Context(), f):
				return nil
			}
			sub.taken(f)
		}
	}
}

// keepAlive is a comment, by which nobody between takes the connection for a dead one.
const keepAlive = ": keepalive\n\n"

// interrupted is what a client is told whose stream ends for no reason of its own.
const interrupted = "Stream interrupted"

// checkEvery is how long a stream goes on before its user is looked up again. Changes made
// through this interface have an effect at once.
const checkEvery = 10 * time.Second

// checked says when the user of a stream was last found to be good.
type checked struct {
	changes uint64
	at      time.Time
}

// holds reports whether that is still known, and takes it that it is found out otherwise.
func (c *checked) holds(changes uint64, now time.Time) bool {
	if c.changes == changes && now.Sub(c.at) < checkEvery {
		return true
	}
	c.changes, c.at = changes, now
	return false
}

// streamWriter writes to one client and knows what it has seen. Its methods return false when
// the stream is to end.
type streamWriter struct {
	server  *server
	who     caller
	check   checked
	w       http.ResponseWriter
	control *http.ResponseController
	filter  store.Filter
	left    int64 // events until the client has all that it asked for; 0: it asked for no number
	sent    int64 // ID of the last record that the client has seen, or that its filter left out
}

func (o *streamWriter) write(text []byte) bool {
	_ = o.control.SetWriteDeadline(time.Now().Add(o.server.pace.event))
	if _, err := o.w.Write(text); err != nil {
		return false
	}
	err := o.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		o.server.Log.Error("no live stream is possible: a handler in front of this one hides that the http.ResponseWriter can flush")
	}
	return err == nil
}

// event writes one event.
func (o *streamWriter) event(text []byte) bool {
	o.left--
	return o.write(text) && o.left != 0
}

// interrupt tells the client why its stream ends.
func (o *streamWriter) interrupt(why string) {
	o.write([]byte(`event: error` + "\n" + `data: {"type":"error","message":"` + why + `"}` + "\n\n"))
}

// broken is interrupt because of an error of the system.
func (o *streamWriter) broken(ctx context.Context, err error) {
	o.server.Hub.report(ctx, err)
	o.interrupt(interrupted)
}

// allowed reports whether the user of the stream may still see it.
func (o *streamWriter) allowed(ctx context.Context) bool {
	if o.check.holds(o.server.accounts.count(), o.server.Now()) {
		return true
	}
	err := o.server.again(ctx, &o.who)
	switch {
	case shutsOut(err):
		o.interrupt("Log in again")
	case err != nil:
		o.broken(ctx, err)
	}
	return err == nil
}

// forward sends f. A client that has seen a part of it is served from the store instead.
func (o *streamWriter) forward(ctx context.Context, f *frame) bool {
	text := f.text
	switch {
	case f.last > 0 && f.last <= o.sent:
		return true
	case f.last > 0 && f.first <= o.sent:
		if !o.catchUp(ctx) {
			return false
		}
		text = nil
	case f.filtered != nil && o.filter != (store.Filter{}):
		var err error
		if text, err = f.filtered(o.filter); err != nil {
			o.broken(ctx, err)
			return false
		}
	}
	o.sent = max(o.sent, f.last)
	switch {
	case len(text) > 0:
		return o.event(text)
	case f.last == 0:
		return o.write([]byte(keepAlive))
	}
	return true
}

// catchUp sends what the store has after the last record seen, which can take long.
func (o *streamWriter) catchUp(ctx context.Context) bool {
	for o.allowed(ctx) {
		if o.server.Hub.over() {
			o.interrupt(interrupted)
			return false
		}
		records, err := o.server.Hub.store.Records(ctx, after(o.filter, o.sent, catchUpBatch))
		if err != nil {
			o.broken(ctx, err)
			return false
		}
		if len(records) == 0 {
			return true
		}
		o.sent = records[len(records)-1].ID
		if !o.event(recordsText(records)) {
			return false
		}
	}
	return false
}

package api

import (
	"context"
	"crypto/rand"
	"fmt"
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
	streamsPerUser = 64
	streamWrite    = 10 * time.Second // longest wait for a client to take an event
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
	if len(t.issued) >= ticketsMax {
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

func (s *server) ticket(w http.ResponseWriter, r *http.Request) error {
	id, ok := s.tickets.issue(callerOf(r))
	if !ok {
		return errTooMany
	}
	return respond(w, http.StatusOK, map[string]any{"ticket": id, "expires_in": int(ticketLife.Seconds())})
}

// stream sends server-sent events. The client is known by its header or by a ticket.
func (s *server) stream(w http.ResponseWriter, r *http.Request) error {
	if s.Hub == nil {
		return decnet.ErrNotFound
	}
	if id := r.URL.Query().Get("token"); id != "" {
		who, ok := s.tickets.redeem(id)
		if !ok {
			return fmt.Errorf("ticket: %w", decnet.ErrUnauthorized)
		}
		return s.follow(w, r, who)
	}
	return s.viewer(func(w http.ResponseWriter, r *http.Request) error {
		return s.follow(w, r, callerOf(r))
	})(w, r)
}

func (s *server) follow(w http.ResponseWriter, r *http.Request, who caller) error {
	p := query(r.URL.Query())
	filter := p.records()
	last := int64(p.number("lastEventId", 0, 0, int(^uint(0)>>1)))
	if p.err != nil {
		return p.err
	}
	if id, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && id > 0 {
		last = id
	}
	if !s.tickets.open(who.UUID) {
		return errTooMany
	}
	defer s.tickets.close(who.UUID)

	sub := s.Hub.subscribe()
	defer s.Hub.unsubscribe(sub)
	out := &streamWriter{w: w, control: http.NewResponseController(w), hub: s.Hub, filter: filter, sent: sub.from}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if !out.write([]byte(": keepalive\n\n")) {
		return nil
	}
	for _, f := range s.Hub.overviewFrames(r.Context(), filter) {
		if !out.write(f.text) {
			return nil
		}
	}
	if last > 0 {
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
			if !ok || !s.stillValid(r.Context(), &who) || !out.forward(r.Context(), f) {
				return nil
			}
		}
	}
}

// stillValid checks a stream's user anew, so that a stream does not outlive a log-out, a
// change of password or the account.
func (s *server) stillValid(ctx context.Context, who *caller) bool {
	user, err := s.userOf(ctx, &who.token)
	return err == nil && !user.MustChangePassword
}

// streamWriter writes to one client and knows what it has seen.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	hub     *Hub
	filter  store.Filter
	sent    int64 // ID of the last record that the client has seen, or that its filter left out
}

func (o *streamWriter) write(text []byte) bool {
	_ = o.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := o.w.Write(text); err != nil {
		return false
	}
	return o.control.Flush() == nil
}

// forward sends f. A client with a filter, or one that has seen a part of f, is served
// from the store instead.
func (o *streamWriter) forward(ctx context.Context, f frame) bool {
	switch {
	case f.last == 0 && o.filter == (store.Filter{}):
		return o.write(f.text)
	case f.last == 0:
		return o.write([]byte(": keepalive\n\n"))
	case f.last <= o.sent:
		return true
	case f.first <= o.sent || o.filter != (store.Filter{}):
		return o.catchUp(ctx)
	}
	o.sent = f.last
	return o.write(f.text)
}

// catchUp sends what the store has after the last record seen.
func (o *streamWriter) catchUp(ctx context.Context) bool {
	for {
		records, err := o.hub.store.Records(ctx, after(o.filter, o.sent))
		if err != nil {
			o.hub.report(ctx, err)
			o.write([]byte("event: error\ndata: {\"type\":\"error\",\"message\":\"Stream interrupted\"}\n\n"))
			return false
		}
		if len(records) == 0 {
			return true
		}
		f := logFrame(records)
		o.sent = f.last
		if !o.write(f.text) {
			return false
		}
	}
}

package api

import (
	"context"
	"net/http"
	"sync"
)

// perUser is how many requests of one user are answered at a time; others wait. Streams, jobs
// and downloads are not counted: what they hold is small.
const perUser = 8

// turns lets requests of one user wait for each other, so that the memory that answers take
// does not grow with how many are asked for, or with how slowly they are read.
type turns struct {
	mu    sync.Mutex
	users map[string]*turn // those who ask for something
}

type turn struct {
	slots chan struct{}
	asked int // requests that have a slot or wait for one
}

// take waits for a slot of user. The caller calls release when the answer was sent.
func (t *turns) take(ctx context.Context, user string) (release func(), err error) {
	t.mu.Lock()
	u := t.users[user]
	if u == nil {
		u = &turn{slots: make(chan struct{}, perUser)}
		t.users[user] = u
	}
	u.asked++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if u.asked--; u.asked == 0 {
			delete(t.users, user)
		}
	}
	select {
	case u.slots <- struct{}{}:
		return func() { <-u.slots; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}

// inTurn answers when it is the turn of the caller.
func (s *server) inTurn(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		release, err := s.turns.take(r.Context(), callerOf(r).ID)
		if err != nil {
			return err
		}
		defer release()
		return h(w, r)
	}
}

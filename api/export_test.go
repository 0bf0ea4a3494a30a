package api

import (
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Pace says how long requests may take.
type Pace struct{ Body, Write, Event time.Duration }

// NewPaced is New without the cost of real password hashes and with other limits.
func NewPaced(cfg Config, p Pace) (http.Handler, error) {
	none, err := bcrypt.GenerateFromPassword([]byte("the password of nobody"), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	return newHandler(cfg, pace{bcrypt.MinCost, string(none), p.Body, p.Write, p.Event})
}

// Streams returns how many streams the hub feeds.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Operation is a row of the table of routes.
type Operation struct {
	Method, Path string
	Access       string // anybody, logged-in, viewer or admin
	Body, Lasts  bool
}

// Operations returns the table of routes.
func Operations() []Operation {
	var list []Operation
	for _, r := range (&server{}).routes() {
		list = append(list, Operation{r.method, r.path, r.access.String(), r.body != nil, r.lasts})
	}
	return list
}

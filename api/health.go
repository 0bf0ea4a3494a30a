package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Worker is the state of one part of the system, as it reports it itself. Only parts that
// were asked for are reported.
type Worker struct {
	Name     string
	Critical bool // its failure makes the whole system unhealthy
	Err      error
}

type component struct {
	Status string  `json:"status" enum:"ok,failing"`
	Detail *string `json:"detail" doc:"what is wrong"`
}

type healthAnswer struct {
	Status     string               `json:"status" enum:"healthy,degraded,unhealthy"`
	Components map[string]component `json:"components"`
}

func newComponent(err error) component {
	if err != nil {
		return component{"failing", present(err.Error())}
	}
	return component{"ok", nil}
}

// pingTime is how long the answer of the database is remembered.
const pingTime = time.Second

type pingCache struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (c *pingCache) check(ctx context.Context, now time.Time, ping func(context.Context) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.at) >= pingTime {
		// The answer is for everybody: one client that goes away does not spoil it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
		defer cancel()
		c.err, c.at = ping(ctx), now
	}
	return c.err
}

// workers are those of this interface and what Config.Health reports.
func (s *server) workers() []Worker {
	var list []Worker
	if s.Hub != nil {
		list = append(list, Worker{Name: "live_stream", Err: s.Hub.Err()})
	}
	if s.Jobs != nil {
		list = append(list, Worker{Name: "job_runner", Err: s.Jobs.Err()})
	}
	if s.Health != nil {
		list = append(list, s.Health()...)
	}
	return list
}

func (s *server) health(w http.ResponseWriter, r *http.Request) error {
	db := s.ping.check(r.Context(), s.Now(), s.Store.Ping)
	components := map[string]component{"database": newComponent(db)}
	status := "healthy"
	unhealthy := db != nil
	for _, worker := range s.workers() {
		components[worker.Name] = newComponent(worker.Err)
		if worker.Err != nil {
			status = "degraded"
			unhealthy = unhealthy || worker.Critical
		}
	}
	code := http.StatusOK
	if unhealthy {
		status, code = "unhealthy", http.StatusServiceUnavailable
	}
	return respond(w, r, code, healthAnswer{status, components})
}

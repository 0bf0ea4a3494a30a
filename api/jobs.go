package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// Operator changes what is deployed.
type Operator interface {
	// Plan returns the fleet that is to be once an INI document is added to last: deckies
	// of the same name are replaced. It changes nothing. What is wrong with the document
	// gives an error that wraps decnet.ErrSemantic and says so to people, and
	// decnet.ErrInvalid when it cannot be a document at all.
	Plan(ini []byte, last decnet.Fleet) (decnet.Fleet, error)
	// Deploy makes the deckies those of the fleet that plan returns when it is given what
	// is deployed. plan may be called more than once.
	Deploy(ctx context.Context, plan func(last decnet.Fleet) (decnet.Fleet, error)) (decnet.Fleet, error)
	// Mutate gives a decky other services and returns them; decnet.ErrNotFound when it is
	// not deployed, decnet.ErrConflict when it cannot have others.
	Mutate(ctx context.Context, decky string) ([]string, error)
	// SetInterval says how often a decky changes from now on, 0: never; decnet.ErrNotFound
	// when it is not deployed.
	SetInterval(ctx context.Context, decky string, every time.Duration) error
}

// Readiness is an add-on interface of an Operator that cannot change the fleet at all times.
type Readiness interface {
	// Ready says why nothing can be changed at present; nil: it can. It answers at once.
	Ready(ctx context.Context) error
}

// Bounds of the jobs that are remembered and of those that are not done.
const (
	jobsKept = 100
	jobsOpen = 16
)

// Jobs carries out what takes longer than a request: deployments and mutations. Make one
// with NewJobs; its methods are safe for concurrent use.
type Jobs struct {
	operator Operator
	hub      *Hub
	log      *slog.Logger
	now      func() time.Time
	queue    chan *job

	mu      sync.Mutex
	list    []*job // oldest first
	running bool
	ended   bool // no more are carried out
}

// NewJobs returns Jobs that operator carries out. Streams of hub, unless it is nil, tell how
// they go. A nil log discards, a nil now is time.Now.
func NewJobs(operator Operator, hub *Hub, log *slog.Logger, now func() time.Time) *Jobs {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return &Jobs{operator: operator, hub: hub, log: log, now: now, queue: make(chan *job, jobsOpen)}
}

// job is a change that is under way; its row is guarded by Jobs.mu.
type job struct {
	row  jobRow
	work func(ctx context.Context) (message string, err error)
	done chan struct{}
	err  error // read it when done is closed
}

type jobRow struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind" enum:"deploy,mutate"`
	State    string   `json:"state" enum:"waiting,running,done,failed"`
	Message  string   `json:"message" doc:"for people"`
	By       string   `json:"by" doc:"who asked for it"`
	Created  isoTime  `json:"created"`
	Finished *isoTime `json:"finished"`
}

// The states of a job.
const (
	jobWaiting = "waiting"
	jobRunning = "running"
	jobDone    = "done"
	jobFailed  = "failed"
)

// Run carries out jobs until ctx ends, which ends those that run too, and returns nil when
// all of them have ended. It is called once.
func (j *Jobs) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	j.mu.Lock()
	j.running = true
	j.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			j.mu.Lock()
			j.running, j.ended = false, true
			j.mu.Unlock()
			for {
				select {
				case one := <-j.queue:
					j.finish(one, "", ctx.Err())
				default:
					return nil
				}
			}
		case one := <-j.queue:
			running.Go(func() { j.carryOut(ctx, one) })
		}
	}
}

// Err says why no jobs are carried out at present; nil: they are.
func (j *Jobs) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return idle(j.running, j.ended)
}

// idle says why a part of the system does nothing.
func idle(running, ended bool) error {
	switch {
	case ended:
		return errors.New("stopped")
	case !running:
		return errors.New("not started")
	}
	return nil
}

func (j *Jobs) carryOut(ctx context.Context, one *job) {
	j.change(one, func(r *jobRow) { r.State = jobRunning })
	text, err := one.work(ctx)
	j.finish(one, text, err)
}

// finish says what has become of a job.
func (j *Jobs) finish(one *job, text string, err error) {
	one.err = err
	j.change(one, func(r *jobRow) {
		now := isoTime(j.now())
		r.State, r.Message, r.Finished = jobDone, text, &now
		if err != nil {
			j.log.Error("job failed", "job", r.ID, "kind", r.Kind, "error", err)
			r.State, r.Message = jobFailed, publicly(err)
		}
	})
	close(one.done)
}

// publicly words an error for people who do not run the system.
func publicly(err error) string {
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return refused.text
	case fleet.Explain(err) != "":
		return "It failed: " + fleet.Explain(err)
	case errors.Is(err, fleet.ErrImmutable):
		return "No other set of services is possible"
	case errors.Is(err, decnet.ErrNotFound):
		return "There is no such decky any more"
	case errors.Is(err, decnet.ErrConflict):
		return "It is not possible as things are"
	case errors.Is(err, context.Canceled):
		return "The system was stopped"
	}
	return "It failed; the log of the system says why"
}

func (j *Jobs) change(one *job, f func(*jobRow)) {
	j.mu.Lock()
	f(&one.row)
	row := one.row
	j.mu.Unlock()
	if j.hub != nil {
		j.hub.tell("job", row)
	}
}

// submit enters a job; errTooMany when too many are not done.
func (j *Jobs) submit(kind, by, text string, work func(context.Context) (string, error)) (*job, error) {
	one := &job{
		row:  jobRow{ID: rand.Text(), Kind: kind, State: jobWaiting, Message: text, By: by, Created: isoTime(j.now())},
		work: work, done: make(chan struct{}),
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ended {
		return nil, errNoOperator()
	}
	open := 0
	for _, o := range j.list {
		if o.row.Finished == nil {
			open++
		}
	}
	if open >= jobsOpen {
		return nil, errTooMany
	}
	j.list = append(j.list, one)
	if len(j.list) > jobsKept {
		old := slices.IndexFunc(j.list, func(o *job) bool { return o.row.Finished != nil })
		j.list = slices.Delete(j.list, old, old+1)
	}
	j.queue <- one // which has room for all that are open
	return one, nil
}

// rows returns the jobs, the newest first.
func (j *Jobs) rows() []jobRow {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows := []jobRow{}
	for _, one := range slices.Backward(j.list) {
		rows = append(rows, one.row)
	}
	return rows
}

func (s *server) jobs(w http.ResponseWriter, r *http.Request) error {
	if s.Jobs == nil {
		return respond(w, r, http.StatusOK, []jobRow{})
	}
	return respond(w, r, http.StatusOK, s.Jobs.rows())
}

func (s *server) job(w http.ResponseWriter, r *http.Request) error {
	if s.Jobs != nil {
		for _, row := range s.Jobs.rows() {
			if row.ID == r.PathValue("id") {
				return respond(w, r, http.StatusOK, row)
			}
		}
	}
	return decnet.ErrNotFound
}

type jobAnswer struct {
	Message string `json:"message" doc:"for people"`
	Job     string `json:"job" doc:"to be watched at /jobs/{id} and on the stream"`
}

// answer tells the client of a job, or of its end when the client prefers to wait for it and
// it ends in that time (RFC 7240 section 4.3).
func (s *server) answer(w http.ResponseWriter, r *http.Request, one *job) error {
	longest, wait := preferredWait(r)
	if !wait {
		return accept(w, r, one)
	}
	var over <-chan time.Time // nil: never
	if longest > 0 {
		timer := time.NewTimer(longest)
		defer timer.Stop()
		over = timer.C
	}
	w.Header().Set("Preference-Applied", "wait")
	select {
	case <-one.done:
	case <-over:
		return accept(w, r, one)
	case <-r.Context().Done():
		return r.Context().Err()
	}
	switch {
	case errors.Is(one.err, context.Canceled):
		return errNoOperator()
	case fleet.Explain(one.err) != "":
		status := http.StatusInternalServerError
		if errors.Is(one.err, decnet.ErrConflict) || errors.Is(one.err, decnet.ErrSemantic) {
			status = http.StatusConflict
		}
		return refuse(status, "%s", publicly(one.err))
	case one.err != nil:
		return one.err
	}
	s.Jobs.mu.Lock()
	text := one.row.Message
	s.Jobs.mu.Unlock()
	return respond(w, r, http.StatusOK, message{text})
}

// accept tells where the job is watched, relative to the path of the request, wherever all
// of this is mounted.
func accept(w http.ResponseWriter, r *http.Request, one *job) error {
	up := strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)
	w.Header().Set("Location", up+"jobs/"+one.row.ID)
	return respond(w, r, http.StatusAccepted, jobAnswer{"Accepted", one.row.ID})
}

// operable refuses what nobody can carry out at present.
func (s *server) operable(ctx context.Context) error {
	if s.Jobs == nil {
		return errNoOperator()
	}
	if r, ok := s.Jobs.operator.(Readiness); ok && r.Ready(ctx) != nil {
		return errNoOperator()
	}
	return nil
}

// errNoOperator is answered where nothing can be changed.
func errNoOperator() error {
	return refuse(http.StatusServiceUnavailable, "No fleet can be changed here")
}

func deployedText(f decnet.Fleet) string {
	return fmt.Sprintf("%d deckies are deployed", len(f.Deckies))
}

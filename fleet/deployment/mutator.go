package deployment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
)

// MutatorOptions says how a Mutator works. The zero value is usable.
type MutatorOptions struct {
	// Sink takes the events decky_mutated. nil: mutations wait in the document for a
	// Mutator that has one.
	Sink decnet.Sink
	// Grace is how long a decky that somebody is connected to is put off, after its time
	// has come. 0: 10 minutes; negative: not at all. It needs a runtime that is a
	// fleet.SessionCounter; with others no decky is put off.
	Grace time.Duration
	// Poll is how often Run looks at the document. 0: 2 seconds.
	Poll time.Duration
	// Postponed is called when a decky is put off, once until it has changed. nil: nobody
	// is told.
	Postponed func(decky string, sessions int, until time.Time)
	// Seen is called with what is deployed, at first and when Run finds it changed, by
	// whomever. nil: nobody is told.
	Seen func(decnet.Fleet)
	// Retry is the wait after a mutation that failed. It doubles with every failure, up to
	// 64 times. 0: one minute.
	Retry time.Duration
}

// Mutator gives deckies other services. Make one with NewMutator; its methods are safe for
// concurrent use.
type Mutator struct {
	d   *Deployment
	reg *services.Registry
	opt MutatorOptions
	log *slog.Logger

	mu  sync.Mutex
	err error // of the last look of Run
}

// NewMutator returns a Mutator of what d has deployed, whose deckies get services of reg.
func NewMutator(d *Deployment, reg *services.Registry, opt MutatorOptions) *Mutator {
	opt.Grace = cmp.Or(opt.Grace, 10*time.Minute)
	opt.Poll = cmp.Or(opt.Poll, 2*time.Second)
	opt.Retry = cmp.Or(opt.Retry, time.Minute)
	if opt.Seen == nil {
		opt.Seen = func(decnet.Fleet) {}
	}
	if opt.Postponed == nil {
		opt.Postponed = func(string, int, time.Time) {}
	}
	return &Mutator{d: d, reg: reg, opt: opt, log: d.opt.Log}
}

// round is what Run keeps from one look at the document to the next.
type round struct {
	trials map[string]*trial
	seen   *decnet.Fleet
}

// trial is what Run knows of a decky that has not changed yet.
type trial struct {
	failures int
	next     time.Time // no earlier
	told     bool      // that it is put off
}

// Run mutates deckies when their time has come, and those that Request names, until ctx
// ends. What fails is logged and tried again. It returns nil.
func (m *Mutator) Run(ctx context.Context) error {
	tick := time.NewTicker(m.opt.Poll)
	defer tick.Stop()
	r := round{trials: make(map[string]*trial)}
	for {
		err := m.look(ctx, &r)
		if ctx.Err() != nil {
			return nil
		}
		m.mu.Lock()
		last := m.err
		m.err = err
		m.mu.Unlock()
		if err != nil && (last == nil || err.Error() != last.Error()) {
			m.log.Error("mutation", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Err says what Run failed at when it looked last; nil: nothing.
func (m *Mutator) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// candidate is a decky whose time to change has come.
type candidate struct {
	name    string
	since   time.Time // when it came
	trigger Trigger
	now     bool // whoever is connected
	request string
}

func (m *Mutator) look(ctx context.Context, r *round) error {
	doc, err := m.d.Document(ctx)
	if err != nil {
		return err
	}
	if r.seen == nil || !fleet.Compare(*r.seen, doc.Fleet).Empty() {
		r.seen = &doc.Fleet
		m.opt.Seen(doc.Fleet)
	}
	if m.opt.Sink != nil {
		if err := Tell(ctx, m.d.state, m.opt.Sink); err != nil {
			return err
		}
	}
	trials := r.trials
	for name := range trials {
		if doc.index(name) < 0 {
			delete(trials, name)
		}
	}
	now := m.d.opt.Now()
	every, err := intervalOf(ctx, m.d.state, doc.Fleet)
	if err != nil {
		return err
	}
	list := candidates(doc, every, now)
	if len(list) == 0 {
		return nil
	}
	open, err := m.sessions(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range list {
		if ctx.Err() != nil {
			return nil
		}
		t := trials[c.name]
		if t == nil {
			t = new(trial)
			trials[c.name] = t
		}
		if until := c.since.Add(m.opt.Grace); open[c.name] > 0 && now.Before(until) && !c.now {
			if !t.told {
				t.told = true
				m.log.Info("somebody is connected, the mutation is put off", "decky", c.name, "sessions", open[c.name], "until", until)
				m.opt.Postponed(c.name, open[c.name], until)
			}
			continue
		}
		if c.request == "" && now.Before(t.next) {
			continue
		}
		if _, err := m.mutate(ctx, c, t.failures); err != nil && !errors.Is(err, fleet.ErrImmutable) && !errors.Is(err, errDone) && ctx.Err() == nil {
			t.failures++
			t.next = now.Add(m.opt.Retry << min(t.failures-1, 6))
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
			continue
		}
		delete(trials, c.name)
	}
	return errors.Join(errs...)
}

// candidates returns the deckies that are asked for, and after them those that are due. every
// is the interval of deckies that have none of their own.
func candidates(doc Document, every time.Duration, now time.Time) []candidate {
	var list []candidate
	f := doc.Fleet
	f.MutateInterval = every
	for _, r := range doc.Requests {
		if r.Failed == "" {
			list = append(list, candidate{name: r.Decky, since: r.Since, trigger: Operator, now: r.Now, request: r.ID})
		}
	}
	due, _ := fleet.Due(f, now)
	for _, name := range due {
		if !slices.ContainsFunc(list, func(c candidate) bool { return c.name == name }) {
			d := doc.Deckies[doc.index(name)]
			list = append(list, candidate{name: name, since: d.LastMutated.Add(fleet.Interval(f, d)), trigger: Scheduled})
		}
	}
	return list
}

func (m *Mutator) sessions(ctx context.Context) (map[string]int, error) {
	if counter, ok := m.d.runtime.(fleet.SessionCounter); ok {
		return counter.Sessions(ctx)
	}
	return nil, nil
}

// Result is what has become of one decky that was to change: a Mutation, or an error that
// wraps decnet.ErrNotFound when it is not deployed, fleet.ErrImmutable when it cannot have
// other services, and that of [Deployment.Deploy] when the runtime failed.
type Result struct {
	Mutation
	Err error
}

// Due mutates the deckies whose time has come, in the way of Mutate.
func (m *Mutator) Due(ctx context.Context) ([]Result, error) {
	f, err := Current(ctx, m.d.state)
	if err != nil {
		return nil, err
	}
	names, _ := fleet.Due(f, m.d.opt.Now())
	return m.mutateAll(ctx, names, Scheduled)
}

// Mutate gives the named deckies other services: at once those that nobody is connected to,
// and the others when that is so or the grace time, which begins now, has passed. It waits
// until all have changed or failed. The error is that of ctx or of counting sessions, and
// comes with the results so far.
func (m *Mutator) Mutate(ctx context.Context, deckies ...string) ([]Result, error) {
	return m.mutateAll(ctx, deckies, Operator)
}

func (m *Mutator) mutateAll(ctx context.Context, deckies []string, trigger Trigger) ([]Result, error) {
	until := m.d.opt.Now().Add(m.opt.Grace)
	var results []Result
	for told := map[string]bool{}; len(deckies) > 0; {
		open, err := m.sessions(ctx)
		if err != nil {
			return results, err
		}
		var later []string
		for _, name := range deckies {
			if open[name] > 0 && m.d.opt.Now().Before(until) {
				later = append(later, name)
				if !told[name] {
					told[name] = true
					m.opt.Postponed(name, open[name], until)
				}
				continue
			}
			mutation, err := m.mutate(ctx, candidate{name: name, trigger: trigger}, 0)
			switch {
			case ctx.Err() != nil && err != nil:
				return results, err
			case errors.Is(err, errDone):
				continue
			}
			mutation.Decky = name
			results = append(results, Result{mutation, err})
		}
		if deckies = later; len(deckies) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return results, ctx.Err()
		case <-time.After(m.opt.Poll):
		}
	}
	return results, nil
}

// same reports whether o is the same reason for a mutation.
func (c candidate) same(o candidate) bool {
	return c.name == o.name && c.trigger == o.trigger && c.request == o.request
}

// errDone says that another mutator was faster.
var errDone = fmt.Errorf("deployment: it has changed meanwhile: %w", decnet.ErrConflict)

// mutate changes one decky. After failures it draws other services than at first.
func (m *Mutator) mutate(ctx context.Context, c candidate, failures int) (Mutation, error) {
	global, err := GlobalInterval(ctx, m.d.state)
	if err != nil {
		return Mutation{}, err
	}
	var mutation Mutation
	var refusal error
	o := order{what: "mutation"}
	o.plan = func(doc Document) (decnet.Fleet, error) {
		last := doc.Fleet
		i := doc.index(c.name)
		if i < 0 {
			return last, notFound(c.name)
		}
		reg, err := fleet.WithCustom(m.reg, last)
		if err != nil {
			return last, err
		}
		was := last.Deckies[i]
		if !slices.ContainsFunc(candidates(doc, cmp.Or(global, last.MutateInterval), m.d.opt.Now()), c.same) && (c.trigger == Scheduled || c.request != "") {
			return last, errDone
		}
		from := was
		from.LastMutated = was.LastMutated.Add(time.Duration(failures))
		now := m.d.opt.Now()
		next, err := fleet.Mutate(reg, from, now)
		if refusal = err; err != nil && !errors.Is(err, fleet.ErrImmutable) {
			return last, err
		}
		mutation = Mutation{Time: now.UTC(), Decky: c.name, Old: was.Services, New: next.Services, Trigger: c.trigger}
		last.Deckies = slices.Clone(last.Deckies)
		last.Deckies[i] = next
		return last, nil
	}
	o.apply = func(ctx context.Context, wanted decnet.Fleet) error {
		if refusal != nil {
			return nil // nothing but the time changes
		}
		return m.d.runtime.Apply(ctx, wanted)
	}
	o.also = func(doc *Document, _ Outcome) {
		doc.Requests = slices.DeleteFunc(doc.Requests, func(r Request) bool { return r.ID == c.request && refusal == nil })
		if refusal == nil {
			doc.Untold = append(doc.Untold, mutation)
			doc.Untold = doc.Untold[max(0, len(doc.Untold)-maxUntold):]
		}
	}
	_, err = m.d.change(ctx, o)
	if err = errors.Join(err, refusal); err != nil {
		return Mutation{}, errors.Join(err, m.answer(ctx, c.request, err))
	}
	m.log.Info("mutated", "decky", mutation.Decky, "old", mutation.Old, "new", mutation.New, "trigger", string(mutation.Trigger))
	if m.opt.Sink == nil {
		return mutation, nil
	}
	if err := Tell(ctx, m.d.state, m.opt.Sink); err != nil {
		m.log.Warn("a mutation is told of later", "err", err)
	}
	return mutation, nil
}

// Tell makes events of the mutations in the document that nobody has told of. It is for a
// process that has a sink and no Mutator.
func Tell(ctx context.Context, s store.State, sink decnet.Sink) error {
	doc, err := Read(ctx, s)
	if err != nil || len(doc.Untold) == 0 {
		return err
	}
	var told []Mutation
	if _, err := update(ctx, s, func(doc *Document) error {
		told, doc.Untold = doc.Untold, nil
		return nil
	}); err != nil {
		return err
	}
	for _, u := range told {
		sink.Emit(u.event())
	}
	return nil
}

// event is how the collector learns of a mutation.
func (u Mutation) event() decnet.Event {
	list := func(names []string) string {
		text, _ := json.Marshal(names) // strings always can be
		return string(text)
	}
	return decnet.Event{
		Time: u.Time, Decky: u.Decky, Service: "mutator", Type: "decky_mutated", Severity: decnet.SeverityNotice,
		Fields: []decnet.Field{
			decnet.F("old_services", list(u.Old)), decnet.F("new_services", list(u.New)), decnet.F("trigger", string(u.Trigger)),
		},
	}
}

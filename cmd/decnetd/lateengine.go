package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/docker"
)

// lateEngine is the runtime of an engine that may answer later than this process begins. It
// looks for it while Run or find runs; until then all else gives the reason why it is not there.
type lateEngine struct {
	dial  func() (*docker.Runtime, error)
	lacks string // said when there is none
	log   *slog.Logger

	mu  sync.Mutex
	rt  *docker.Runtime // nil: it is not there yet
	err error           // why
}

var (
	_ servingRuntime       = (*lateEngine)(nil)
	_ outlasting           = (*lateEngine)(nil)
	_ fleet.Inventory      = (*lateEngine)(nil)
	_ fleet.SessionCounter = (*lateEngine)(nil)
)

// lookAgain is the time between two looks for an engine that is not there.
const lookAgain = 5 * time.Second

// firstSign is how long an engine may take to answer that is looked for over and over. It is
// less than a process may take to end.
const firstSign = 2 * time.Second

// found returns the engine that was found, or why none was.
func (l *lateEngine) found() (*docker.Runtime, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rt == nil && l.err == nil {
		return nil, errors.New("the container engine was not looked for yet")
	}
	return l.rt, l.err
}

// look looks for the engine unless it was found. One goroutine at a time may call it.
func (l *lateEngine) look() (*docker.Runtime, error) {
	if rt, err := l.found(); err == nil {
		return rt, nil
	}
	rt, err := l.dial()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rt, l.err = rt, err
	return rt, err
}

// find looks for the engine until it is there; nil: ctx has ended.
func (l *lateEngine) find(ctx context.Context) *docker.Runtime {
	for told := false; ; told = true {
		rt, err := l.look()
		if err == nil {
			if told {
				l.log.Info("the container engine answers")
			}
			return rt
		}
		if !told && ctx.Err() == nil {
			l.log.Warn(l.lacks, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAgain):
		}
	}
}

// Run finds the engine, and waits for the end of ctx: the deckies stay.
func (l *lateEngine) Run(ctx context.Context) error {
	l.find(ctx)
	<-ctx.Done()
	return nil
}

// Close ends the connections to the engine. The deckies stay.
func (l *lateEngine) Close() error {
	if rt, err := l.found(); err == nil {
		return rt.Close()
	}
	return nil
}

// Apply implements fleet.Runtime.
func (l *lateEngine) Apply(ctx context.Context, f decnet.Fleet) error {
	rt, err := l.found()
	if err != nil {
		return err
	}
	return rt.Apply(ctx, f)
}

// Down implements fleet.Runtime.
func (l *lateEngine) Down(ctx context.Context, deckies ...string) error {
	rt, err := l.found()
	if err != nil {
		return err
	}
	return rt.Down(ctx, deckies...)
}

// Status implements fleet.Runtime.
func (l *lateEngine) Status(ctx context.Context) ([]fleet.DeckyStatus, error) {
	rt, err := l.found()
	if err != nil {
		return nil, err
	}
	return rt.Status(ctx)
}

// StatusOf is that of docker.Runtime.
func (l *lateEngine) StatusOf(ctx context.Context, f decnet.Fleet) ([]fleet.DeckyStatus, error) {
	rt, err := l.found()
	if err != nil {
		return nil, err
	}
	return rt.StatusOf(ctx, f)
}

// Present implements fleet.Inventory.
func (l *lateEngine) Present(ctx context.Context) ([]fleet.DeckyStatus, error) {
	rt, err := l.found()
	if err != nil {
		return nil, err
	}
	return rt.Present(ctx)
}

// Sessions implements fleet.SessionCounter.
func (l *lateEngine) Sessions(ctx context.Context) (map[string]int, error) {
	rt, err := l.found()
	if err != nil {
		return nil, err
	}
	return rt.Sessions(ctx)
}

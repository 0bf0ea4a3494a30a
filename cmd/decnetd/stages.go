package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stopTime bounds how long all stages together may take to finish what they have begun.
const stopTime = 4 * time.Second

// stage is one long-running part of the assembly.
type stage struct {
	name string
	run  func(context.Context) error

	// finish is called after run has returned nil, for what is left to do within a time
	// that stages share. What it does not manage is found again at the next start. nil:
	// nothing is left.
	finish func(context.Context) error
}

// runStages runs every stage until ctx ends or one of them fails, then ends them one after
// the other, in order, each before the next: what an earlier one still produces, a later
// one still takes. It returns all failures.
func runStages(ctx context.Context, stages []stage) error {
	type running struct {
		stage
		cancel context.CancelFunc
		done   chan struct{}
		err    error
	}
	failed := make(chan struct{}, len(stages))
	all := make([]*running, len(stages))
	for i, s := range stages {
		stageCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{stage: s, cancel: cancel, done: make(chan struct{})}
		all[i] = r
		go func() {
			defer close(r.done)
			if r.err = s.run(stageCtx); r.err != nil {
				failed <- struct{}{}
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	var errs []error
	for _, r := range all {
		r.cancel()
		<-r.done
		if r.err == nil && r.finish != nil {
			if err := r.finish(ctx); ctx.Err() == nil {
				r.err = err
			}
		}
		if r.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, r.err))
		}
	}
	return errors.Join(errs...)
}

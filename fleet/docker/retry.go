package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"

	"github.com/decnet/decnet/fleet"
)

// attempts is how often a step is tried.
const attempts = 3

// final is an error that no repetition helps against.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// onlyOnce makes err final.
func onlyOnce(err error) error {
	if err == nil {
		return nil
	}
	return final{err}
}

// step does a step and tells of it.
func (r *Runtime) step(ctx context.Context, s Step, do func() error) error {
	r.say.tell(s, PhaseBegun, "", nil)
	if err := r.retry(ctx, s, do); err != nil {
		r.say.tell(s, PhaseFailed, "", err)
		return &stepError{s, err}
	}
	r.say.tell(s, PhaseDone, "", nil)
	return nil
}

// stepError says at which step something failed.
type stepError struct {
	step Step
	err  error
}

func (e *stepError) Error() string {
	return fmt.Sprintf("%s %s %s: %v", e.step.Action, e.step.Object, e.step.Name, e.err)
}

// Explain leaves out what the engine said, which is of its machine.
func (e *stepError) Explain() string {
	text := fmt.Sprintf("%s %s %s failed", e.step.Action, e.step.Object, e.step.Name)
	if why := fleet.Explain(e.err); why != "" {
		text += ": " + why
	}
	return text
}

func (e *stepError) Unwrap() error { return e.err }

// retry calls do, again after a failure that may pass.
func (r *Runtime) retry(ctx context.Context, s Step, do func() error) error {
	for n, wait := 1, r.opt.Retry; ; n, wait = n+1, 2*wait {
		err := ctx.Err()
		if err == nil {
			err = do()
		}
		if err == nil || n == attempts || ctx.Err() != nil || permanent(err) {
			return err
		}
		r.opt.Log.Warn("a step failed and is tried again", "step", s.String(), "err", err, "wait", wait)
		r.say.tell(s, PhaseRetry, "", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// permanent reports whether no repetition helps against err: it is of a kind, or the
// engine says one of the things that it has no kind for.
func permanent(err error) bool {
	if errors.As(err, new(final)) {
		return true
	}
	for _, kind := range []error{
		decnet.ErrNotFound, decnet.ErrInvalid, decnet.ErrSemantic, decnet.ErrForbidden, errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc([]string{
		"manifest unknown", "manifest for", "not found", "pull access denied", "repository does not exist",
	}, func(s string) bool { return strings.Contains(text, s) })
}

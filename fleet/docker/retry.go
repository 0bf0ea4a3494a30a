package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
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
		return fmt.Errorf("%s %s %s: %w", s.Action, s.Object, s.Name, err)
	}
	r.say.tell(s, PhaseDone, "", nil)
	return nil
}

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

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

// step does a step, again after a failure that may pass.
func (r *Runtime) step(ctx context.Context, s Step, do func() error) error {
	r.say.tell(s, PhaseBegun, "", nil)
	wait := r.opt.Retry
	for n := 1; ; n++ {
		err := ctx.Err()
		if err == nil {
			err = do()
		}
		if err == nil {
			r.say.tell(s, PhaseDone, "", nil)
			return nil
		}
		if n == attempts || ctx.Err() != nil || permanent(err) {
			r.say.tell(s, PhaseFailed, "", err)
			return fmt.Errorf("%s %s %s: %w", s.Action, s.Object, s.Name, err)
		}
		r.opt.Log.Warn("a step failed and is tried again", "step", s.String(), "err", err, "wait", wait)
		r.say.tell(s, PhaseRetry, "", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// permanent reports whether no repetition helps against err.
func permanent(err error) bool {
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

package docker

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// ApplyError says that Apply failed after it had begun to change containers, and what
// stands. Another Apply repairs it. It wraps the errors of the steps that failed.
type ApplyError struct {
	Errs []error // one for each step that failed

	// The deckies of the fleet by how they fare, in its order. Unknown is true where the
	// engine did not answer the question any more; there are no names then.
	Up, Degraded, Down []string
	Unknown            bool
}

// Error tells the first failure, and which deckies stand.
func (e *ApplyError) Error() string {
	return e.say(e.Errs[0].Error())
}

// Explain tells the first step that failed, and which deckies stand.
func (e *ApplyError) Explain() string {
	return e.say(cmp.Or(fleet.Explain(e.Errs[0]), "the log of the system says why"))
}

func (e *ApplyError) say(first string) string {
	var b strings.Builder
	b.WriteString(first)
	if n := len(e.Errs) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	if e.Unknown {
		b.WriteString("; the engine does not say what stands")
		return b.String()
	}
	for _, part := range []struct {
		word  string
		names []string
	}{{"up", e.Up}, {"degraded", e.Degraded}, {"down", e.Down}} {
		if len(part.names) > 0 {
			fmt.Fprintf(&b, "; %s: %s", part.word, strings.Join(part.names, ", "))
		}
	}
	return b.String()
}

// Unwrap returns the failures.
func (e *ApplyError) Unwrap() []error { return e.Errs }

// afterwards bounds how long an engine is asked what a failure left.
const afterwards = 10 * time.Second

// failure says what stands of f after errs, also when ctx has ended.
func (r *Runtime) failure(ctx context.Context, f decnet.Fleet, errs []error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	e := &ApplyError{Errs: errs}
	list, err := r.StatusOf(ctx, f)
	if err != nil {
		e.Unknown = true
		return e
	}
	for _, d := range list {
		switch d.State() {
		case fleet.StateUp:
			e.Up = append(e.Up, d.Name)
		case fleet.StateDegraded:
			e.Degraded = append(e.Degraded, d.Name)
		default:
			e.Down = append(e.Down, d.Name)
		}
	}
	return e
}

package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/decnet/decnet/fingerprint"
)

// JARMResult is what a JARM scan found.
type JARMResult struct {
	Hash string // 62 hexadecimal digits; all zero for a server that answered no hello
	// Results holds the answers that were hashed, "cipher|version|alpn|extensions" each,
	// "|||" without a ServerHello.
	Results [fingerprint.JARMProbes]string
}

// Raw returns the ten results joined by commas.
func (r *JARMResult) Raw() string { return strings.Join(r.Results[:], ",") }

// JARM sends the ten hellos of a JARM scan to target (HOST:PORT), each over a connection
// of its own and with fresh random bytes, and hashes what came back. The host as it is
// written in target is the server name in the hellos, an IP address too.
//
// The scan ends with the first connection that times out, and all ten results count as
// "|||" then, as in the scanner of JARM's authors. The error says why when a connection
// timed out (os.ErrDeadlineExceeded or context.DeadlineExceeded), ctx ended, or no
// connection brought a single byte; the result is valid all the same, and its Hash is
// zero. A target that is not HOST:PORT gives decnet.ErrInvalid.
func JARM(ctx context.Context, target string, cfg Config) (JARMResult, error) {
	cfg = cfg.complete()
	var r JARMResult
	host, err := hostOf(ctx, target)
	if err != nil {
		return noAnswer(), fmt.Errorf("probe: jarm: %w", err)
	}
	hellos, err := fingerprint.JARMHellos(host, cfg.Rand)
	if err != nil {
		return noAnswer(), fmt.Errorf("probe: jarm %s: %w", target, err)
	}
	var errs [fingerprint.JARMProbes]error
	scan, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, cfg.Parallel)
	var wg sync.WaitGroup
	for i := range r.Results {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.Results[i], errs[i] = cfg.jarm(scan, target, hellos[i])
			if scan.Err() == nil && timedOut(errs[i]) {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case scan.Err() != nil:
		err = context.Cause(scan)
	case !slices.Contains(errs[:], nil):
		err = errs[0]
	}
	if err != nil {
		return noAnswer(), fmt.Errorf("probe: jarm %s: %w", target, err)
	}
	r.Hash = fingerprint.JARM(r.Results)
	return r, nil
}

// jarm sends one hello. Its error is nil when there was an answer of any kind.
func (c *Config) jarm(ctx context.Context, target string, hello []byte) (string, error) {
	answer, err := c.exchange(ctx, target, hello, fingerprint.JARMAnswerSize, fingerprint.JARMAnswered)
	if len(answer) > 0 {
		err = nil
	}
	return fingerprint.JARMResult(answer), err
}

// noAnswer returns the result of a server that says nothing.
func noAnswer() (r JARMResult) {
	for i := range r.Results {
		r.Results[i] = fingerprint.JARMResult(nil)
	}
	r.Hash = fingerprint.JARM(r.Results)
	return r
}

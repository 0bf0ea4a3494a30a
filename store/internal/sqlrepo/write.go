package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// commitError is an error of COMMIT.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

const (
	// attempts is how often a transaction is run that others roll back.
	attempts = 8
	// firstPause is before the second attempt; it doubles from one to the next.
	firstPause = 10 * time.Millisecond
	// maxPause is between two looks for what became of a transaction.
	maxPause = 2 * time.Second
)

// write runs f in one transaction, the only one that writes: all of it or nothing.
func (r *Repo) write(ctx context.Context, op string, f func(*sql.Tx) error) error {
	return r.writeAlways(ctx, op, func(tx *sql.Tx) error {
		if err := complete(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// writeAlways is write for a store that is being filled, too.
func (r *Repo) writeAlways(ctx context.Context, op string, f func(*sql.Tx) error) error {
	return r.begin(ctx, op, func(tx *sql.Tx) error {
		if r.Dialect.Lock() != "" {
			if _, err := r.lock(ctx, tx); err != nil {
				return err
			}
		}
		return f(tx)
	})
}

const lockTotals = "SELECT last_record FROM totals"

// lock makes tx the only transaction that writes, and returns the ID of the last record.
func (r *Repo) lock(ctx context.Context, tx *sql.Tx) (last int64, err error) {
	err = tx.QueryRowContext(ctx, lockTotals+r.Dialect.Lock()).Scan(&last)
	return last, err
}

// begin runs f, which begins with lock, in one transaction. It runs f again when the
// transaction was rolled back because of others, or the connection broke before it was
// committed.
func (r *Repo) begin(ctx context.Context, op string, f func(*sql.Tx) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for n := 1; ; n++ {
		err := r.transact(ctx, r.Writer, nil, f)
		again := err != nil && (r.Dialect.RolledBack(err) || r.Dialect.Lost(err)) && !r.inDoubt(err)
		if !again || n == attempts || !pause(ctx, firstPause<<(n-1)) {
			return r.fail(ctx, op, err)
		}
	}
}

// inDoubt reports whether the transaction that err ended may have been committed.
func (r *Repo) inDoubt(err error) bool {
	var c *commitError
	return errors.As(err, &c) && r.Dialect.Lost(err)
}

// settle finds out what became of a transaction whose end is in doubt because of err. It waits
// until the database answers, and there until it is the only one that writes, for then the
// other has come to its end; and runs run when that was not kept. It returns an error with
// the doubt only when ctx has ended or the store is closed.
func (r *Repo) settle(ctx context.Context, op string, err error, kept func(*sql.Tx) (bool, error), run func(*sql.Tx) error) error {
	doubt := true
	for wait := firstPause; doubt && !errors.Is(err, errClosed) && pause(ctx, wait); wait = min(2*wait, maxPause) {
		err = r.write(ctx, op, func(tx *sql.Tx) error {
			if yes, err := kept(tx); err != nil || yes {
				return err
			}
			doubt = false
			return run(tx)
		})
		if err == nil {
			return nil
		}
		doubt = doubt || r.inDoubt(err)
	}
	return err
}

// pause waits for between half of d and d. It returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

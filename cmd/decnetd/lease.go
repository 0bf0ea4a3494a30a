package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/lease"
)

// onlyHere calls f while this is the only decnetd up on the database, whatever their data
// directories and machines are: each has a spool, a fleet and positions of its own there.
func onlyHere(ctx context.Context, db store.Repository, place, data string, show *progress, f func(context.Context) error) error {
	opts := lease.Options{Holder: holder(data), Process: thisProcess(), Alive: alive, Waiting: func(holder string) {
		show.say(fmt.Sprintf("database %s: waiting to see whether it is still in use by %s", place, holder))
	}}
	err := lease.Hold(ctx, db, opts, func(ctx context.Context) error {
		lost := func() bool { return errors.Is(context.Cause(ctx), lease.ErrLost) }
		closed := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(closed)
			if lost() {
				_ = db.Close() // what still runs writes nothing more
			}
		})
		err := f(ctx)
		if !stop() {
			<-closed
		}
		if lost() {
			return nil // whatever failed then is no news
		}
		return err
	})
	var held *lease.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("database %s is %w: stop that one or give another --db", place, held)
	case errors.Is(err, lease.ErrLost):
		return fmt.Errorf("database %s: %w", place, err)
	}
	return err
}

// holder says who has the database, to people who look for it.
func holder(data string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	if path, err := filepath.Abs(data); err == nil {
		data = path
	}
	return fmt.Sprintf("the decnetd up on %s, process %d, data directory %s", host, os.Getpid(), data)
}

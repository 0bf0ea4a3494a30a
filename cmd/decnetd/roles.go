package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/lease"
)

// The roles, of which each has one process at a time, on a data directory and on a database.
const (
	roleFleet   = "fleet"   // has deckies of its own, and mutates when it is time
	roleCollect = "collect" // writes the spool
	roleProfile = "profile" // folds records into profiles
	roleAPI     = "api"     // brings the spool into the database, and answers
)

var allRoles = []string{roleFleet, roleCollect, roleProfile, roleAPI}

// alone opens the database and calls f while no other decnetd has any of the roles on the data
// directory, or on the database, whatever the data directories and machines of others are:
// each has a spool, a fleet and positions of its own there.
func (s *state) alone(ctx context.Context, command string, roles []string, show *progress, f func(context.Context, store.Repository) error) (err error) {
	if err := makeData(s.data); err != nil {
		return err
	}
	who := holder(command)
	lock, err := lockRoles(s.data, who, roles)
	if err != nil {
		return err
	}
	defer lock.Close()
	src, err := s.source()
	if err != nil {
		return err
	}
	db, err := patiently(ctx, src.Open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	place := src.String()
	opts := lease.Options{
		Roles: roles, Holder: who + ", data directory " + absolute(s.data), Process: thisProcess(), Alive: alive,
		Waiting: func(holder string) {
			show.say(fmt.Sprintf("database %s: waiting to see whether it is still in use by %s", place, holder))
		},
	}
	err = lease.Hold(ctx, db, opts, func(ctx context.Context) error { return whileOurs(ctx, db, f) })
	var held *lease.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("database %s is %w: stop that one or give another --db", place, held)
	case errors.Is(err, lease.ErrLost):
		return fmt.Errorf("database %s: %w", place, err)
	}
	return err
}

// A server of a database that starts together with this process may answer a little later.
const (
	openTries = 5
	openPause = 500 * time.Millisecond
)

// patiently opens a database, and tries again while its server cannot be reached.
func patiently(ctx context.Context, open func(context.Context) (store.Repository, error)) (store.Repository, error) {
	for try := 1; ; try++ {
		db, err := open(ctx)
		var network *net.OpError
		if !errors.As(err, &network) || try == openTries {
			return db, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(openPause):
		}
	}
}

// whileOurs calls f, and closes the database when a lease was lost, so that what still runs
// writes nothing more.
func whileOurs(ctx context.Context, db store.Repository, f func(context.Context, store.Repository) error) error {
	lost := func() bool { return errors.Is(context.Cause(ctx), lease.ErrLost) }
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		if lost() {
			_ = db.Close()
		}
	})
	err := f(ctx, db)
	if !stop() {
		<-closed
	}
	if lost() {
		return nil // whatever failed then is no news
	}
	return err
}

// holder says who has a role, to people who look for it.
func holder(command string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	return fmt.Sprintf("the decnetd %s on %s, process %d", command, host, os.Getpid())
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// lockData makes this process the only one with the data directory, for what nobody may work
// beside. The lock ends with the process.
func lockData(dir string) (io.Closer, error) {
	f, err := lockFile(dir, "lock", unix.LOCK_EX)
	if errors.Is(err, unix.EWOULDBLOCK) {
		who := "another decnetd"
		if found := holders(dir, allRoles...); len(found) > 0 {
			who = strings.Join(found, " and by ")
		}
		return nil, inUse(dir, who)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// lockRoles makes this process the only one that has the roles on a data directory, and tells
// others who has them. The locks end with the process.
func lockRoles(dir, who string, roles []string) (io.Closer, error) {
	var held files
	f, err := lockFile(dir, "lock", unix.LOCK_SH)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, inUse(dir, "another decnetd")
	}
	if err != nil {
		return nil, err
	}
	held = append(held, f)
	for _, role := range roles {
		f, err := lockFile(dir, "lock-"+role, unix.LOCK_EX)
		if err == nil {
			held = append(held, f)
			err = says(f, who)
		}
		if err == nil {
			continue
		}
		_ = held.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, inUse(dir, holderOf(dir, role))
		}
		return nil, err
	}
	return held, nil
}

// holders returns who has any of the roles on a data directory.
func holders(dir string, roles ...string) (list []string) {
	for _, role := range roles {
		if _, err := os.Stat(filepath.Join(dir, "lock-"+role)); err != nil {
			continue
		}
		f, err := lockFile(dir, "lock-"+role, unix.LOCK_SH)
		switch {
		case err == nil:
			f.Close()
		case errors.Is(err, unix.EWOULDBLOCK):
			if who := holderOf(dir, role); !slices.Contains(list, who) {
				list = append(list, who)
			}
		}
	}
	return list
}

// holderOf is what the one who has a role says of itself.
func holderOf(dir, role string) string {
	text, err := os.ReadFile(filepath.Join(dir, "lock-"+role))
	if who := plain(strings.TrimSpace(string(text))); err == nil && who != "" {
		return who
	}
	return "another decnetd"
}

func says(f *os.File, who string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(who+"\n"), 0)
	return err
}

func inUse(dir, who string) error {
	return fmt.Errorf("data directory %s is in use by %s: stop it or give another --data", dir, who)
}

// lockFile locks a file of the data directory; unix.EWOULDBLOCK: it is locked.
func lockFile(dir, name string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// files are closed together.
type files []*os.File

// Close closes all.
func (f files) Close() error {
	var errs []error
	for _, one := range f {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

package pot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/egress"
	"github.com/decnet/decnet/fleet/internal/look"
	"github.com/decnet/decnet/internal/privilege"
)

// lockName is the abstract name of the socket that says that the namespace is locked. What
// is locked can be seen by whoever gets a real shell in a container of the decky, so it is
// called as that of a daemon which many servers run.
const lockName = "@/org/kernel/linux/storage/multipathd"

const (
	lockTime  = time.Minute           // how long a honeypot waits for the lock
	lockRetry = 20 * time.Millisecond // how often it looks
	grace     = 5 * time.Second       // how long a holder has to come back
	watchers  = 256                   // connections to the holder
)

var errUnlocked = errors.New("the holder of the network has ended")

// Hold locks the network of a decky, gives its packets the look of its OS family, and holds
// it until ctx ends. Then it returns nil. What the lock drops is reported. It gives up all
// its privileges as soon as the lock is in force, so the lock can no longer be changed from here.
func Hold(ctx context.Context, p fleet.Persona, opt Options) error {
	opt = opt.complete()
	if p.Service != "" {
		return fmt.Errorf("the persona is that of a service, whose command is %s: %w", fleet.PotServe, decnet.ErrInvalid)
	}
	exits, err := fleet.ParseExits(p.Egress)
	if err != nil {
		return err
	}
	reporter, err := egress.NewReporter(opt.Sink, time.Now)
	if err != nil {
		return fmt.Errorf("egress lock: %w", err)
	}
	defer reporter.Close()
	if _, err := reporter.Lock(egress.Options{Decky: p.Decky, Exits: exits}); err != nil {
		return fmt.Errorf("egress lock: %w", err)
	}
	if err := wearMAC(p); err != nil {
		return fmt.Errorf("hardware address %s: %w", p.MAC, err)
	}
	if err := look.Wear(p.OSFamily); err != nil {
		return fmt.Errorf("look of %s: %w", p.OSFamily, err)
	}
	if err := privilege.Keep(); err != nil {
		return err
	}
	return tell(ctx)
}

// tell lets the other containers see the lock until ctx ends.
func tell(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "unix", lockName)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, watchers)
	for {
		free <- struct{}{}
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		running.Go(func() {
			defer func() { <-free }()
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			_, _ = io.Copy(io.Discard, c) // ends with the peer
		})
	}
}

func dialLock(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", lockName)
}

// checkLock says why the network is not known to be locked.
func checkLock(ctx context.Context) error {
	c, err := dialLock(ctx)
	if err != nil {
		return fmt.Errorf("the egress lock is not in force: %w", err)
	}
	return c.Close()
}

// awaitLock waits for the lock and returns a context that ends with errUnlocked some time
// after its holder.
func awaitLock(ctx context.Context) (locked context.Context, stop func(), err error) {
	var c net.Conn
	for until := time.Now().Add(lockTime); ; {
		if c, err = dialLock(ctx); err == nil {
			break
		}
		if time.Now().After(until) {
			return nil, nil, fmt.Errorf("the egress lock is not in force after %s: %w", lockTime, err)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(lockRetry):
		}
	}
	locked, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		_, _ = io.Copy(io.Discard, c) // ends with the holder, or by stop
		select {
		case <-locked.Done():
		case <-time.After(grace):
			cancel(errUnlocked)
		}
	})
	return locked, func() { cancel(nil); c.Close(); running.Wait() }, nil
}

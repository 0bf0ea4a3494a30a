package shell

import (
	"context"
	"time"
)

// interrupt makes programs in the foreground read the end of their input, or no longer.
func (t *terminal) interrupt(on bool) {
	t.mu.Lock()
	t.ended = on
	t.mu.Unlock()
	t.wake()
}

// keyWithin returns the next byte typed to a program that reads single keys, or that none
// was typed for d. It returns an error when the connection or ctx has ended.
func (t *terminal) keyWithin(ctx context.Context, d time.Duration) (b byte, pressed bool, err error) {
	late := false
	timer := time.AfterFunc(d, func() {
		t.mu.Lock()
		late = true
		t.mu.Unlock()
		t.wake()
	})
	defer timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 {
		switch {
		case t.closed:
			return 0, false, errLogout
		case ctx.Err() != nil:
			return 0, false, ctx.Err()
		case late:
			return 0, false, nil
		}
		t.more.Wait()
	}
	b = t.queue[0]
	t.queue = t.queue[1:]
	t.more.Broadcast()
	return b, true, nil
}

// isSilent reports whether echo is off.
func (t *terminal) isSilent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silent
}

// resize sets the width, or the height.
func (t *terminal) resize(width bool, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch n = min(n, 9999); {
	case width:
		t.width = n
	default:
		t.height = n
	}
}

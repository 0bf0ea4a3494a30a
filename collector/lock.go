package collector

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/decnet/decnet"
)

// lock makes this process the only writer of a spool until the file is closed. It gives
// decnet.ErrConflict when there is another.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("collector: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("collector: %s is held by another process: %w", path, decnet.ErrConflict)
	}
	return nil, fmt.Errorf("collector: lock %s: %w", path, err)
}

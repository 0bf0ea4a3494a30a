//go:build !linux

package probe

import (
	"context"
	"errors"
	"fmt"
)

// TCP needs Linux: the error wraps errors.ErrUnsupported.
func TCP(_ context.Context, target string, _ Config) (TCPResult, error) {
	return TCPResult{}, fmt.Errorf("probe: tcp %s: %w", target, errors.ErrUnsupported)
}

// CanTCP returns the error that TCP gives.
func CanTCP() error { return fmt.Errorf("probe: tcp: %w", errors.ErrUnsupported) }

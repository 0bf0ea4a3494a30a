//go:build !linux

package lan

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/decnet/decnet"
)

// Probe always gives an error that wraps errors.ErrUnsupported.
func Probe(context.Context, decnet.Fleet, []string, time.Duration) error {
	return fmt.Errorf("lan: probes need Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

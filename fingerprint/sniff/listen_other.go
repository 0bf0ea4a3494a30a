//go:build !linux

package sniff

import (
	"context"
	"fmt"
	"runtime"

	"github.com/decnet/decnet"
)

// Listen captures live on Linux only; here it returns an error that wraps
// decnet.ErrForbidden.
func (s *Sniffer) Listen(context.Context, Interface) error {
	return fmt.Errorf("sniff: live capture needs Linux, this is %s; capture files work: %w", runtime.GOOS, decnet.ErrForbidden)
}

//go:build !linux

package pot

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/decnet/decnet/fleet"
)

var errUnlocked = fmt.Errorf("deckies of containers need Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Hold always gives an error that wraps errors.ErrUnsupported.
func Hold(context.Context, fleet.Persona, Options) error { return errUnlocked }

func checkLock(context.Context) error { return errUnlocked }

func awaitLock(context.Context) (context.Context, func(), error) { return nil, nil, errUnlocked }

func tune() {}

func reap() {}

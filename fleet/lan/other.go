//go:build !linux

package lan

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/internal/inprocess"
)

// network refuses every decky.
type network struct{}

func newNetwork(Options) *network { return new(network) }

func (*network) path(decky string) (string, error) {
	return "", fmt.Errorf("lan: decky %q: %w", decky, decnet.ErrNotFound)
}

func (*network) Plan(f decnet.Fleet) (inprocess.Change, error) {
	if len(f.Deckies) > 0 {
		return nil, fmt.Errorf("deckies on the LAN need Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	return nothing{}, nil
}

// Detect always gives an error that wraps errors.ErrUnsupported.
func Detect(string) (Surroundings, error) {
	return Surroundings{}, fmt.Errorf("lan: detection needs Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// nothing is the change from no deckies to none.
type nothing struct{}

func (nothing) Place(string) inprocess.Place { return nil }

func (nothing) Prepare(context.Context) error { return nil }

func (nothing) Switch() error { return nil }

func (nothing) Finish() {}

func (nothing) Abandon() {}

//go:build !linux

package capture

import (
	"context"
	"errors"
)

// watch needs fanotify.
func (w *Watcher) watch(context.Context, Container) error {
	return errors.New("capture: only Linux tells what is written in a container")
}

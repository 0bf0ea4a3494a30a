//go:build !linux

package privilege

// Keep does nothing: other systems have no capabilities to drop.
func Keep(...int) error { return nil }

package lan

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// currentNamespace opens the network namespace of the calling thread.
func currentNamespace() (*os.File, error) { return os.Open("/proc/thread-self/ns/net") }

// elsewhere calls f on a thread that enter has moved to another network namespace, and
// brings the thread back to home. A thread that cannot be brought back is given up.
func elsewhere(home *os.File, enter, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := enter()
		if err == nil {
			err = f()
			if back := setNamespace(home); back != nil {
				done <- errors.Join(err, back)
				return // still locked: the thread ends with the goroutine
			}
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

func setNamespace(ns *os.File) error {
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", privilege(err))
	}
	return nil
}

func newNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("this kernel has no network namespaces (CONFIG_NET_NS): %w", errors.ErrUnsupported)
		}
		if errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("no more network namespaces may be made; raise the limit (sysctl user.max_net_namespaces): %w", err)
		}
		return fmt.Errorf("new network namespace: %w", privilege(err))
	}
	return nil
}

// privilege makes a refusal of the kernel say what is needed.
func privilege(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("deckies on the LAN need root, or CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE: %w", decnet.ErrForbidden)
	}
	return err
}

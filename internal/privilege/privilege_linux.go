package privilege

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Keep gives up every capability but those of capabilities(7) that are named, in all threads
// and for good, and keeps what this process starts from gaining others. What the process
// does not have it must not name. In a binary that was built with cgo the error wraps
// errors.ErrUnsupported.
func Keep(capabilities ...int) error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == unix.ENOTSUP {
		return fmt.Errorf("privileges cannot be dropped in a binary that was built with cgo; build it with CGO_ENABLED=0: %w", errors.ErrUnsupported)
	}
	var set [2]unix.CapUserData
	for _, c := range capabilities {
		set[c/32].Effective |= 1 << (c % 32)
		set[c/32].Permitted |= 1 << (c % 32)
	}
	for c := range unix.CAP_LAST_CAP + 1 {
		if errno != 0 {
			break
		}
		if !slices.Contains(capabilities, c) {
			_, _, errno = syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0, 0)
		}
		// Without CAP_SETPCAP the bounding set stays, and PR_SET_NO_NEW_PRIVS does instead.
		// A kernel that does not know the capability says EINVAL.
		if errno == unix.EPERM || errno == unix.EINVAL {
			errno = 0
		}
	}
	if errno == 0 {
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		_, _, errno = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&set[0])), 0)
	}
	if errno != 0 {
		return fmt.Errorf("dropping privileges: %w", errno)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// kept are the capabilities that deckies on the LAN need for as long as they are there.
var kept = []int{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}

// dropPrivileges gives up every capability but those in kept, in all threads and for good,
// and keeps what this process starts from gaining others.
func dropPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == unix.ENOTSUP {
		return fmt.Errorf("privileges cannot be dropped in a binary that was built with cgo; build it with CGO_ENABLED=0: %w", errors.ErrUnsupported)
	}
	var set [2]unix.CapUserData
	for _, c := range kept {
		set[c/32].Effective |= 1 << (c % 32)
		set[c/32].Permitted |= 1 << (c % 32)
	}
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if errno != 0 {
			break
		}
		if set[c/32].Permitted&(1<<(c%32)) == 0 {
			_, _, errno = syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0)
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

// checkOwner refuses a data directory that root alone can write only by a privilege that
// will be dropped.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("--data: %s belongs to user %d, and this process is user %d without the privilege to write there: %w", dir, stat.Uid, os.Geteuid(), decnet.ErrForbidden)
	}
	return nil
}

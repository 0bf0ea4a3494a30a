package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/privilege"
)

// dropPrivileges gives up every capability but those that deckies on the LAN need for as
// long as they are there.
func dropPrivileges() error {
	return privilege.Keep(unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE)
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

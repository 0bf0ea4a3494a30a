package docker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// killOrphans ends the processes of containers that the engine says do not run. There are
// some after an engine was killed while it started a container: the engine that follows
// knows nothing of them, and they keep the address.
func killOrphans(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if err := killOrphan(pid, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// killOrphan ends a process when it is one of a container, whose control group has the ID
// of the container in its name.
func killOrphan(pid int, ids []string) error {
	fd, err := unix.PidfdOpen(pid, 0) // what is looked at is then what is killed
	if err != nil {
		return nil // it has ended
	}
	defer unix.Close(fd)
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil // it has ended
	}
	for _, id := range ids {
		if !bytes.Contains(groups, []byte(id)) {
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d of container %.12s, which its engine has lost: %w", pid, id, needsRoot(err))
		}
	}
	return nil
}

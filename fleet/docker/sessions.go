package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Sessions returns how many TCP connections are established with each decky that has any.
// It reads what the kernel tells of the network of each, for which the engine must be on
// this machine and the process be allowed to look at those of others; otherwise nobody is
// known to be connected.
func (r *Runtime) Sessions(ctx context.Context) (map[string]int, error) {
	open := make(map[string]int)
	if !r.engine.local() {
		return open, nil
	}
	seen, err := r.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	for decky, containers := range seen {
		holder, ok := containers[""]
		if !ok || !holder.running || holder.pid == 0 {
			continue
		}
		n := 0
		for _, table := range []string{"tcp", "tcp6"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", holder.pid, table))
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EINVAL):
				continue // it has just ended, is another's, or knows no IPv6
			case err != nil:
				return nil, fmt.Errorf("docker: %s: %w", decky, err)
			}
			n += established(text)
		}
		if n > 0 {
			open[decky] = n
		}
	}
	return open, nil
}

// established counts the connections in a table of proc(5), /proc/net/tcp or tcp6, that are
// established with another machine.
func established(table []byte) int {
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || f[3] != "01" { // TCP_ESTABLISHED
			continue
		}
		if local, remote := addressOf(f[1]), addressOf(f[2]); local != remote {
			n++
		}
	}
	return n
}

// addressOf returns the address of an endpoint without its port.
func addressOf(endpoint string) string {
	addr, _, _ := strings.Cut(endpoint, ":")
	return addr
}

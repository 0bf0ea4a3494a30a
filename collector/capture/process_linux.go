package capture

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxAncestors bounds the way from a writer to its daemon.
const maxAncestors = 20

// look reads what there is of a process. One that has ended has a pid alone.
func look(pid int) process {
	dir := "/proc/" + strconv.Itoa(pid)
	p := process{pid: pid}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p
	}
	p.comm = string(stat[open+1 : end])
	if f := strings.Fields(string(stat[end+1:])); len(f) > 1 {
		p.parent, _ = strconv.Atoi(f[1])
	}
	p.title = strings.TrimSpace(strings.ReplaceAll(titleOf(dir, 4<<10), "\x00", " "))
	if id, err := os.ReadFile(dir + "/loginuid"); err == nil {
		p.loginUID = strings.TrimSpace(string(id))
	}
	status, err := os.ReadFile(dir + "/status")
	if err == nil {
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "Uid:" {
				p.uid = f[2] // the effective one
			}
		}
	}
	return p
}

// titleOf returns the beginning of the arguments of a process, each with a zero byte after it.
// They can be megabytes.
func titleOf(dir string, most int64) string {
	f, err := os.Open(dir + "/cmdline")
	if err != nil {
		return ""
	}
	defer f.Close()
	title, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	return string(title)
}

// daemonOf returns the nearest ancestor of a process that serves a connection, with a zero
// pid when there is none below the first process of the container.
func daemonOf(writer process, service string, first int) process {
	p := writer
	for range maxAncestors {
		if p.pid <= 1 || p.pid == first {
			break
		}
		if user, ok := serves(service, p.title); ok {
			p.user = user
			return p
		}
		p = look(p.parent)
	}
	return process{}
}

// socketsOf returns the inodes of the sockets that a process has open.
func socketsOf(pid int) []string {
	names, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	if err != nil {
		return nil
	}
	var inodes []string
	for _, name := range names {
		link, err := os.Readlink(name)
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

// maxServers bounds how many processes are looked at for those that serve connections.
const maxServers = 1000

// serversOf returns the processes that serve connections somebody has logged in on, by the inodes
// of their sockets: of several with the same, such as those between which sshd divides its
// privileges, that which is nearest to the session. Only what descends from the first process of a
// container through processes of the daemon is looked at, and not what intruders run.
func serversOf(first int, service string) map[string]int {
	servers := make(map[string]int)
	queue := childrenOf(first)
	for i := 0; i < len(queue) && i < maxServers; i++ {
		p := look(queue[i])
		_, serving := serves(service, p.title)
		if serving {
			for _, inode := range socketsOf(p.pid) {
				servers[inode] = p.pid
			}
		}
		if serving || strings.HasPrefix(p.comm, "sshd") || strings.HasSuffix(p.comm, "inetd") {
			queue = append(queue, childrenOf(p.pid)...)
		}
	}
	return servers
}

// childrenOf returns the children of a process, none where the kernel does not tell.
func childrenOf(pid int) []int {
	names, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// peersOf returns who is connected to a port of the network that a process is in.
func peersOf(pid int, port uint16) []peer {
	var peers []peer
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/net/" + table)
		if err == nil { // a machine may have no IPv6
			peers = append(peers, parsePeers(string(text), port)...)
		}
	}
	return peers
}

// maxUtmp bounds what is read of a file that an intruder can write.
const maxUtmp = 64 << 10

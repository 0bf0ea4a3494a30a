package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// peer is an established connection to the daemon of a container.
type peer struct {
	addr  netip.AddrPort
	inode string
	pid   int // of the process that serves it, once somebody has logged in; 0: not known
}

// parsePeers reads /proc/<pid>/net/tcp or tcp6 and returns who is connected to a local port,
// ordered by inode, which is the order in which they came. A line that is none is passed over.
func parsePeers(table string, port uint16) []peer {
	const established = "01"
	var peers []peer
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != established {
			continue
		}
		local, ok := parseEndpoint(f[1])
		remote, ok2 := parseEndpoint(f[2])
		if ok && ok2 && local.Port() == port {
			peers = append(peers, peer{addr: remote, inode: f[9]})
		}
	}
	slices.SortFunc(peers, func(a, b peer) int {
		n, _ := strconv.ParseUint(a.inode, 10, 64)
		m, _ := strconv.ParseUint(b.inode, 10, 64)
		switch {
		case n < m:
			return -1
		case n > m:
			return 1
		}
		return 0
	})
	return peers
}

// parseEndpoint reads "0100007F:0016": the address in words of the machine's byte order.
func parseEndpoint(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

// login is someone whom utmp knows.
type login struct {
	User string    `json:"user"`
	TTY  string    `json:"tty"`
	At   time.Time `json:"login_at"`
	From string    `json:"src_ip"`
}

// parseUtmp reads the users of utmp(5), as 64-bit Linux has it.
func parseUtmp(data []byte) []login {
	const (
		size, userProcess       = 384, 7
		atLine, atUser, atHost  = 8, 44, 76
		lineLen, userLen, atSec = 32, 32, 340
		hostLen                 = 256
	)
	text := func(b []byte) string {
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		return string(b)
	}
	var list []login
	for r := range slices.Chunk(data, size) {
		if len(r) < size || binary.NativeEndian.Uint16(r) != userProcess {
			continue
		}
		list = append(list, login{
			User: text(r[atUser : atUser+userLen]), TTY: text(r[atLine : atLine+lineLen]), From: text(r[atHost : atHost+hostLen]),
			At: time.Unix(int64(binary.NativeEndian.Uint32(r[atSec:])), 0).UTC(),
		})
	}
	return list
}

// serves reports whether a process is the daemon of one connection, from its title, and who
// has logged in there.
func serves(service, title string) (user string, ok bool) {
	switch service {
	case "ssh":
		rest, ok := strings.CutPrefix(title, "sshd: ")
		if !ok {
			return "", false
		}
		if name, _, at := strings.Cut(rest, "@"); at {
			return name, true
		}
		name, _, priv := strings.Cut(rest, " [priv]")
		return name, priv
	case "telnet":
		program, _, _ := strings.Cut(title, " ")
		return "", strings.HasSuffix(program, "telnetd")
	}
	return "", false
}

// portOf is where the daemon of a service listens.
func portOf(service string) uint16 {
	if service == "telnet" {
		return 23
	}
	return 22
}

// process is what /proc tells of one.
type process struct {
	pid, parent         int
	comm, title         string
	uid, loginUID, user string // user: who has logged in, for the daemon of a connection
}

// Attributions: how the address behind a file was found.
const (
	pidChain    = "pid-chain"
	ssOnly      = "ss-only"
	ssAmbiguous = "ss-ambiguous"
	utmpOnly    = "utmp-only"
	unknown     = "unknown"
)

// origin is who is behind a file.
type origin struct {
	how  string
	from netip.AddrPort // port 0: not known
	user string
	pid  int // of the daemon; 0: not known
}

// attribute finds who is behind a file: daemon is the ancestor of the writer that serves a
// connection, with the inodes of its sockets.
func attribute(daemon process, sockets []string, peers []peer, logins []login) origin {
	if daemon.pid != 0 {
		for _, p := range peers {
			if slices.Contains(sockets, p.inode) {
				return origin{pidChain, p.addr, daemon.user, daemon.pid}
			}
		}
	}
	switch {
	case len(peers) == 1:
		return origin{how: ssOnly, from: peers[0].addr, user: daemon.user, pid: daemon.pid}
	case len(peers) > 1:
		return origin{how: ssAmbiguous, from: peers[0].addr, user: daemon.user, pid: daemon.pid}
	}
	for _, l := range logins {
		if a, err := netip.ParseAddr(l.From); err == nil {
			return origin{how: utmpOnly, from: netip.AddrPortFrom(a.Unmap(), 0), user: l.User}
		}
	}
	return origin{how: unknown}
}

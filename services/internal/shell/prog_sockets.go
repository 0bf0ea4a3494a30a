package shell

import (
	"fmt"
	"strconv"
	"strings"
)

// owner names the process that listens on a port.
func (m *Machine) owner(port int) (name string, pid int) {
	if port == 22 {
		return "sshd", m.sshdPID()
	}
	names := map[int]string{80: "nginx", 443: "nginx", 3306: "mariadbd", 6379: "redis-server", 21: "vsftpd", 25: "master", 23: "inetd"}
	if n, ok := names[port]; ok {
		return n, 900 + port%977
	}
	return "server", 900 + port%977
}

func progSs(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("")
	listen, all := has(opts, "-l", "--listening"), has(opts, "-a", "--all")
	procs := has(opts, "-p", "--processes") && c.cred.uid == 0
	udpOnly := has(opts, "-u", "--udp") && !has(opts, "-t", "--tcp")
	if has(opts, "-s") {
		c.print("Total: 118\nTCP:   4 (estab 1, closed 0, orphaned 0, timewait 0)\n\nTransport Total     IP        IPv6\nRAW\t  0         0         0        \nUDP\t  1         1         0        \nTCP\t  4         3         1        \nINET\t  5         4         1        \nFRAG\t  0         0         0        \n\n")
		return 0
	}
	netid := !(has(opts, "-t") != has(opts, "-u"))
	type row struct{ state, local, lport, peer, pport, proc string }
	var rows []row
	add := func(state string, local, peer string, proc string) {
		i, j := strings.LastIndexByte(local, ':'), strings.LastIndexByte(peer, ':')
		if !procs {
			proc = ""
		}
		rows = append(rows, row{state, local[:i], local[i+1:], peer[:j], peer[j+1:], proc})
	}
	if (listen || all) && !udpOnly {
		for _, p := range m.ports() {
			name, pid := m.owner(p)
			proc := fmt.Sprintf("users:((\"%s\",pid=%d,fd=3))", name, pid)
			add("LISTEN", "0.0.0.0:"+strconv.Itoa(p), "0.0.0.0:*", proc)
			if p == 22 || p == 80 {
				add("LISTEN", "[::]:"+strconv.Itoa(p), "[::]:*", proc)
			}
		}
	}
	if !listen && !udpOnly && c.sh.from.IsValid() {
		add("ESTAB", c.sh.local().String(), c.sh.from.String(), fmt.Sprintf("users:((\"sshd\",pid=%d,fd=4))", c.sh.pid))
	}
	head := row{"State", "Local Address", "Port", "Peer Address", "Port", "Process"}
	var ws, wl, wlp, wp, wpp, wx int
	for _, r := range append(rows, head) {
		ws, wl, wlp = max(ws, len(r.state)), max(wl, len(r.local)), max(wlp, len(r.lport))
		wp, wpp, wx = max(wp, len(r.peer)), max(wpp, len(r.pport)), max(wx, len(r.proc))
	}
	for i, r := range append([]row{head}, rows...) {
		id, recv, send, gap := "tcp   ", "0", "0", " "
		if r.state == "LISTEN" {
			send = "128"
		}
		if i == 0 {
			id, recv, send = "Netid ", "Recv-Q", "Send-Q"
			if procs {
				gap = ""
			}
		}
		if !netid {
			id = ""
		}
		c.printf("%s%-*s %-6s %-6s %*s:%-*s %*s:%-*s%s%-*s\n", id, ws, r.state, recv, send, wl, r.local, wlp, r.lport, wp, r.peer, wpp, r.pport, gap, wx, r.proc)
	}
	return 0
}

func progNetstat(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("")
	if has(opts, "-r", "--route") {
		return progRoute(c)
	}
	if has(opts, "-i") {
		rx, rp, tx, tp := m.traffic()
		_, _ = rx, tx
		c.printf("Kernel Interface table\nIface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n%-8s  1500 %8d      0      0 0      %8d      0      0      0 BMRU\nlo       65536 %8d      0      0 0      %8d      0      0      0 LRU\n", m.hw.nic, rp, tp, rp/500, rp/500)
		return 0
	}
	listen, all, prog := has(opts, "-l", "--listening"), has(opts, "-a", "--all"), has(opts, "-p", "--program", "--programs")
	title := "(w/o servers)"
	if listen {
		title = "(only servers)"
	} else if all {
		title = "(servers and established)"
	}
	extra := ""
	if prog {
		extra = "    PID/Program name    "
	}
	c.printf("Active Internet connections %s\nProto Recv-Q Send-Q Local Address           Foreign Address         State      %s\n", title, extra)
	line := func(proto, local, peer, state, who string) {
		if !prog {
			who = ""
		} else if c.cred.uid != 0 {
			who = " -                   "
		} else {
			who = fmt.Sprintf(" %-20s", who)
		}
		c.printf("%-5s      0      0 %-23s %-23s %-11s%s\n", proto, local, peer, state, who)
	}
	if (listen || all) && !(has(opts, "-u") && !has(opts, "-t")) {
		for _, p := range m.ports() {
			name, pid := m.owner(p)
			line("tcp", "0.0.0.0:"+strconv.Itoa(p), "0.0.0.0:*", "LISTEN", fmt.Sprintf("%d/%s", pid, name))
		}
	}
	if !listen && c.sh.from.IsValid() {
		line("tcp", c.sh.local().String(), c.sh.from.String(), "ESTABLISHED", fmt.Sprintf("%d/sshd: %s", c.sh.pid, c.sh.user.name))
	}
	if listen || all {
		line("tcp6", ":::22", ":::*", "LISTEN", fmt.Sprintf("%d/sshd", m.sshdPID()))
	}
	return 0
}

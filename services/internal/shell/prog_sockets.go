package shell

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

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
	type row struct{ state, send, local, lport, peer, pport, proc string }
	var rows []row
	add := func(state string, send int, local, peer string, proc string) {
		i, j := strings.LastIndexByte(local, ':'), strings.LastIndexByte(peer, ':')
		if !procs {
			proc = ""
		}
		rows = append(rows, row{state, strconv.Itoa(send), local[:i], local[i+1:], peer[:j], peer[j+1:], proc})
	}
	if (listen || all) && !udpOnly {
		for _, l := range m.listeners("tcp") {
			at := l.address()
			add("LISTEN", l.server.backlog, at+":"+strconv.Itoa(int(l.port.Number)), at+":*", fmt.Sprintf("users:((\"%s\",pid=%d,fd=%d))", l.server.comm, l.server.pid, l.server.fd))
		}
	}
	if !listen && !udpOnly && c.sh.from.IsValid() {
		holder := c.sh.holder("")
		add("ESTAB", 0, c.sh.local().String(), c.sh.from.String(), fmt.Sprintf("users:((\"%s\",pid=%d,fd=4))", holder.comm(), holder.pid))
	}
	head := row{"State", "Send-Q", "Local Address", "Port", "Peer Address", "Port", "Process"}
	var ws, wl, wlp, wp, wpp, wx int
	for _, r := range append(rows, head) {
		ws, wl, wlp = max(ws, len(r.state)), max(wl, len(r.local)), max(wlp, len(r.lport))
		wp, wpp, wx = max(wp, len(r.peer)), max(wpp, len(r.pport)), max(wx, len(r.proc))
	}
	for i, r := range append([]row{head}, rows...) {
		id, recv, gap := "tcp   ", "0", " "
		if i == 0 {
			id, recv = "Netid ", "Recv-Q"
			if procs {
				gap = ""
			}
		}
		if !netid {
			id = ""
		}
		c.printf("%s%-*s %-6s %-6s %*s:%-*s %*s:%-*s%s%-*s\n", id, ws, r.state, recv, r.send, wl, r.local, wlp, r.lport, wp, r.peer, wpp, r.pport, gap, wx, r.proc)
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
		for _, l := range m.listeners("tcp") {
			if !l.v6 {
				line("tcp", "0.0.0.0:"+strconv.Itoa(int(l.port.Number)), "0.0.0.0:*", "LISTEN", fmt.Sprintf("%d/%s", l.server.pid, l.server.title()))
			}
		}
	}
	if !listen && c.sh.from.IsValid() {
		holder := c.sh.holder("")
		who, _, _ := strings.Cut(holder.cmd, "@")
		line("tcp", c.sh.local().String(), c.sh.from.String(), "ESTABLISHED", fmt.Sprintf("%d/%.14s", holder.pid, path.Base(who)))
	}
	if (listen || all) && !(has(opts, "-u") && !has(opts, "-t")) {
		for _, l := range m.listeners("tcp") {
			if l.v6 {
				line("tcp6", ":::"+strconv.Itoa(int(l.port.Number)), ":::*", "LISTEN", fmt.Sprintf("%d/%s", l.server.pid, l.server.title()))
			}
		}
	}
	return 0
}

// title is what netstat shows of a server, which is the start of its command line.
func (s *server) title() string {
	words := strings.Fields(s.processes[0].cmd)
	name := path.Base(words[0])
	if strings.HasSuffix(words[0], ":") { // a process title
		name = words[0] + " " + words[1]
	}
	return name[:min(len(name), 14)]
}

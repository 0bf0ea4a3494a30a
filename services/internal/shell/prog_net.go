package shell

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (m *Machine) linkLocal() string {
	h := strings.Split(m.hw.mac, ":")
	first, _ := strconv.ParseUint(h[0], 16, 8)
	a, err := netip.ParseAddr(fmt.Sprintf("fe80::%02x%s:%sff:fe%s:%s%s", first^2, h[1], h[2], h[3], h[4], h[5]))
	if err != nil {
		return "fe80::1"
	}
	return a.String()
}

func (m *Machine) broadcast() string {
	a := m.hw.addr.Addr()
	if !a.Is4() {
		return ""
	}
	b := a.As4()
	host := ^uint32(0) >> m.hw.addr.Bits()
	for i := range b {
		b[i] |= byte(host >> (24 - 8*i))
	}
	return netip.AddrFrom4(b).String()
}

func (m *Machine) netmask() string {
	mask := ^uint32(0) << (32 - m.hw.addr.Bits())
	return netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()
}

func progIP(c *call) int {
	m := c.sh.m
	var args []string
	brief, only4, only6 := false, false, false
	for _, a := range c.args[1:] {
		switch a {
		case "-br", "-brief", "--brief":
			brief = true
		case "-4":
			only4 = true
		case "-6":
			only6 = true
		case "-o", "-c", "-s", "-d", "-color", "-oneline", "-details":
		case "-V", "-Version":
			c.print("ip utility, iproute2-6.1.0, libbpf 1.1.0\n")
			return 0
		default:
			args = append(args, a)
		}
	}
	if len(args) == 0 {
		c.errln("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n       ip [ -force ] -batch filename\nwhere  OBJECT := { address | addrlabel | fou | help | ila | ioam | l2tp | link |\n                   macsec | maddress | monitor | mptcp | mroute | mrule |\n                   neighbor | neighbour | netconf | netns | nexthop | ntable |\n                   ntbl | route | rule | sr | stats | tap | tcpmetrics |\n                   token | tunnel | tuntap | vrf | xfrm }\n       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |\n                    -h[uman-readable] | -iec | -j[son] | -p[retty] |\n                    -f[amily] { inet | inet6 | mpls | bridge | link } |\n                    -4 | -6 | -M | -B | -0 |\n                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |\n                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |\n                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |\n                    -c[olor]}")
		return 255
	}
	changes := len(args) > 1 && slices.Contains([]string{"add", "del", "set", "flush", "replace", "change", "delete"}, args[1])
	if changes {
		if c.cred.uid != 0 {
			c.errln("RTNETLINK answers: Operation not permitted")
			return 2
		}
		return 0
	}
	object := func(name string, least int) bool { return len(args[0]) >= least && strings.HasPrefix(name, args[0]) }
	lo, nic := "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN", "2: "+m.hw.nic+": <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP"
	wantLo, wantNIC := true, true
	if dev := args[len(args)-1]; len(args) > 1 {
		if dev == m.hw.nic {
			wantLo = false
		} else if dev == "lo" {
			wantNIC = false
		} else if slices.Contains(args, "dev") || len(args) > 2 && (args[1] == "show" || args[1] == "list") {
			c.errln("Device \"" + dev + "\" does not exist.")
			return 1
		}
	}
	switch {
	case object("address", 1) || object("addr", 1):
		if brief {
			if wantLo {
				c.print("lo               UNKNOWN        127.0.0.1/8 ::1/128 \n")
			}
			if wantNIC {
				c.printf("%-16s UP             %s %s/64 \n", m.hw.nic, m.hw.addr, m.linkLocal())
			}
			return 0
		}
		if wantLo {
			c.print(lo + " group default qlen 1000\n")
			if !only4 && !only6 {
				c.print("    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n")
			}
			if !only6 {
				c.print("    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n")
			}
			if !only4 {
				c.print("    inet6 ::1/128 scope host noprefixroute \n       valid_lft forever preferred_lft forever\n")
			}
		}
		if wantNIC {
			c.print(nic + " group default qlen 1000\n")
			if !only4 && !only6 {
				c.printf("    link/ether %s brd ff:ff:ff:ff:ff:ff\n", m.hw.mac)
			}
			if !only6 && m.hw.addr.Addr().Is4() {
				c.printf("    inet %s brd %s scope global %s\n       valid_lft forever preferred_lft forever\n", m.hw.addr, m.broadcast(), m.hw.nic)
			}
			if !only4 {
				c.printf("    inet6 %s/64 scope link \n       valid_lft forever preferred_lft forever\n", m.linkLocal())
			}
		}
	case object("link", 1):
		if wantLo {
			c.print(lo + " mode DEFAULT group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n")
		}
		if wantNIC {
			c.print(nic + " mode DEFAULT group default qlen 1000\n    link/ether " + m.hw.mac + " brd ff:ff:ff:ff:ff:ff\n")
		}
	case object("route", 1):
		if len(args) > 2 && args[1] == "get" {
			c.printf("%s via %s dev %s src %s uid %d \n    cache \n", args[2], m.hw.gateway, m.hw.nic, m.hw.addr.Addr(), c.cred.uid)
			return 0
		}
		c.printf("default via %s dev %s onlink \n%s dev %s proto kernel scope link src %s \n", m.hw.gateway, m.hw.nic, m.hw.addr.Masked(), m.hw.nic, m.hw.addr.Addr())
	case object("neighbour", 1) || object("neighbor", 1):
		c.printf("%s dev %s lladdr %s REACHABLE\n", m.hw.gateway, m.hw.nic, m.gatewayMAC())
		if a := c.sh.from.Addr(); m.hw.addr.Contains(a) && a != m.hw.gateway {
			h := m.id.Hex("mac "+a.String(), 6)
			c.printf("%s dev %s lladdr 00:0c:29:%s:%s:%s REACHABLE\n", a, m.hw.nic, h[:2], h[2:4], h[4:])
		}
	case object("rule", 2):
		c.print("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n")
	case object("netns", 2), object("maddress", 2), object("tunnel", 2):
	default:
		c.errln("Object \"" + args[0] + "\" is unknown, try \"ip help\".")
		return 1
	}
	return 0
}

func progIfconfig(c *call) int {
	m := c.sh.m
	rx, rp, tx, tp := m.traffic()
	amount := func(n int64) string {
		v, u := float64(n), ""
		for _, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
			if v < 1024 {
				break
			}
			v, u = v/1024, unit
		}
		if u == "" {
			return fmt.Sprintf("%.1f B", v)
		}
		return fmt.Sprintf("%.1f %s", v, strings.Replace(u, "i", "i", 1))
	}
	_, operands := c.flags("")
	if len(operands) > 1 && c.cred.uid != 0 {
		c.errln("SIOCSIFFLAGS: Operation not permitted")
		return 255
	}
	want := func(n string) bool { return len(operands) == 0 || operands[0] == n }
	if len(operands) > 0 && !want("lo") && !want(m.hw.nic) {
		c.errln(operands[0] + ": error fetching interface information: Device not found")
		return 1
	}
	if want(m.hw.nic) {
		c.printf("%s: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n        inet %s  netmask %s  broadcast %s\n        inet6 %s  prefixlen 64  scopeid 0x20<link>\n        ether %s  txqueuelen 1000  (Ethernet)\n        RX packets %d  bytes %d (%s)\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets %d  bytes %d (%s)\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
			m.hw.nic, m.hw.addr.Addr(), m.netmask(), m.broadcast(), m.linkLocal(), m.hw.mac, rp, rx, amount(rx), tp, tx, amount(tx))
	}
	if want("lo") {
		c.printf("lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n        inet 127.0.0.1  netmask 255.0.0.0\n        inet6 ::1  prefixlen 128  scopeid 0x10<host>\n        loop  txqueuelen 1000  (Local Loopback)\n        RX packets %d  bytes %d (%s)\n        RX errors 0  dropped 0  overruns 0  frame 0\n        TX packets %d  bytes %d (%s)\n        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0\n\n",
			rp/500, rx/900, amount(rx/900), rp/500, rx/900, amount(rx/900))
	}
	return 0
}

func progRoute(c *call) int {
	m := c.sh.m
	c.print("Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n")
	gw := m.hw.gateway.String()
	first := "default"
	if opts, _ := c.flags(""); has(opts, "-n") || c.name == "netstat" {
		first = "0.0.0.0"
	}
	c.printf("%-15s %-15s %-15s UG    0      0        0 %s\n", first, gw, "0.0.0.0", m.hw.nic)
	c.printf("%-15s %-15s %-15s U     0      0        0 %s\n", m.hw.addr.Masked().Addr(), "0.0.0.0", m.netmask(), m.hw.nic)
	return 0
}

func progArp(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("i")
	if has(opts, "-a") {
		c.printf("? (%s) at %s [ether] on %s\n", m.hw.gateway, m.gatewayMAC(), m.hw.nic)
		return 0
	}
	c.print("Address                  HWtype  HWaddress           Flags Mask            Iface\n")
	c.printf("%-24s ether   %-19s C                     %s\n", m.hw.gateway, m.gatewayMAC(), m.hw.nic)
	return 0
}

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

// target splits what a client is given into a URL and its parts.
func target(raw string) (full, host, port, file string) {
	full = raw
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return full, "", "", ""
	}
	host, port = u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "ftp": "21", "ftps": "990", "tftp": "69"}[u.Scheme]
		if port == "" {
			port = "80"
		}
	}
	file = path.Base(u.Path)
	if file == "." || file == "/" {
		file = "index.html"
	}
	return full, host, port, file
}

// netWait is how long a program waits for an answer that does not come, shortened.
const netWait = 3 * time.Second

func progWget(c *call) int {
	opts, operands := c.flags("OPotTUeiaAwQlRDX", "--output-document", "--directory-prefix", "--tries", "--timeout", "--user-agent", "--header", "--post-data", "--post-file", "--input-file")
	if has(opts, "-V", "--version") {
		c.print("GNU Wget 1.21.3 built on linux-gnu.\n")
		return 0
	}
	if len(operands) == 0 {
		if c.busybox() {
			c.errln(c.busyboxUsage("wget", "[-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]\n\t[--post-data STR | --post-file FILE] [-Y on/off]\n\t[--no-check-certificate] [-P DIR] [-U AGENT] URL...", "Retrieve files via HTTP or FTP\n\n\t--spider\tOnly check URL existence: $? is 0 if exists\n\t--header STR\tAdd STR (of form 'header: value') to headers\n\t--post-data STR\tSend STR using POST method\n\t--post-file FILE\tSend FILE using POST method\n\t--no-check-certificate\tDon't validate the server's certificate\n\t-c\t\tContinue retrieval of aborted transfer\n\t-q\t\tQuiet\n\t-P DIR\t\tSave to DIR (default .)\n\t-S    \t\tShow server response\n\t-O FILE\t\tSave to FILE ('-' for stdout)\n\t-o LOGFILE\tLog messages to FILE\n\t-U STR\t\tUse STR for User-Agent header\n\t-Y on/off\tUse proxy"))
			return 1
		}
		c.errln("wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.")
		return 1
	}
	output, _ := valueOf(opts, "-O", "--output-document")
	quiet := has(opts, "-q", "--quiet") || slices.ContainsFunc(opts, func(o option) bool { return o.name == "-q" })
	status := 0
	for _, raw := range operands {
		full, host, port, file := target(raw)
		out := output
		if out == "" {
			out = file
			if dir, ok := valueOf(opts, "-P", "--directory-prefix"); ok {
				out = path.Join(dir, file)
			}
		}
		c.sh.download(full, "wget", out)
		if output != "" && output != "-" {
			// wget makes the file before it connects.
			if err := c.create(output, nil, 0o666); err != nil {
				c.errln(output + ": " + reason(err))
				return 1
			}
		}
		if c.busybox() {
			status = 1
			if !isIP(host) && !c.sh.m.isSelf(host) {
				c.errln("wget: bad address '" + host + "'")
				continue
			}
			if !quiet {
				c.errln(fmt.Sprintf("Connecting to %s (%s:%s)", joinPort(host, port), host, port))
			}
			c.connectFails(host, port, func(why string) { c.errln("wget: can't connect to remote host (" + host + "): " + why) })
			continue
		}
		status = 4
		say := func(s string) {
			if !quiet {
				c.errln(s)
			}
		}
		stamp := clock(c.sh.m.now(), "2006-01-02 15:04:05")
		say("--" + stamp + "--  " + full)
		if !isIP(host) && !c.sh.m.isSelf(host) {
			say("Resolving " + host + " (" + host + ")... failed: Temporary failure in name resolution.")
			if !quiet {
				c.errln("wget: unable to resolve host address ‘" + host + "’")
			}
			continue
		}
		c.connectFails(host, port, func(why string) { say("Connecting to " + host + ":" + port + "... failed: " + why + ".") })
	}
	return status
}

func joinPort(host, port string) string {
	if port == "80" {
		return host
	}
	return host + ":" + port
}

// connectFails pretends to connect and says why it does not succeed.
func (c *call) connectFails(host, port string, say func(why string)) {
	c.flush()
	if c.sh.m.isSelf(host) {
		say("Connection refused")
		return
	}
	c.sleepFor(netWait / 10)
	say("Network is unreachable")
}

func progCurl(c *call) int {
	opts, operands := c.flags("oHdXAeubmTxFrwKCDEQtyYz", "--output", "--header", "--data", "--request", "--user-agent", "--user", "--max-time", "--connect-timeout", "--url", "--proxy", "--retry", "--data-raw", "--data-binary", "--form", "--cookie", "--socks5", "--write-out", "--output-dir")
	if has(opts, "-V", "--version") {
		c.print("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.15 zlib/1.2.13 brotli/1.0.9 zstd/1.5.4 libidn2/2.3.3 libpsl/0.21.2 (+libidn2/2.3.3) libssh2/1.10.0 nghttp2/1.52.0 librtmp/2.3 OpenLDAP/2.5.13\nRelease-Date: 2023-02-20, security patched: 7.88.1-10+deb12u8\nProtocols: dict file ftp ftps gopher gophers http https imap imaps ldap ldaps mqtt pop3 pop3s rtmp rtsp scp sftp smb smbs smtp smtps telnet tftp\nFeatures: alt-svc AsynchDNS brotli GSS-API HSTS HTTP2 HTTPS-proxy IDN IPv6 Kerberos Largefile libz NTLM NTLM_WB PSL SPNEGO SSL threadsafe TLS-SRP UnixSockets zstd\n")
		return 0
	}
	for _, o := range opts {
		if o.name == "--url" {
			operands = append(operands, o.value)
		}
	}
	if len(operands) == 0 {
		c.errln("curl: try 'curl --help' or 'curl --manual' for more information")
		return 2
	}
	output, _ := valueOf(opts, "-o", "--output")
	silent := has(opts, "-s", "--silent") && !has(opts, "-S", "--show-error")
	status := 0
	for _, raw := range operands {
		full, host, port, file := target(raw)
		out := output
		if has(opts, "-O", "--remote-name") {
			out = file
		}
		if local, ok := strings.CutPrefix(raw, "file://"); ok {
			b, err := c.contents(local)
			if err != nil {
				if !silent {
					c.errln("curl: (37) Couldn't open file " + local)
				}
				status = 37
				continue
			}
			c.printBytes(b)
			continue
		}
		if !isIP(host) && strings.ContainsAny(host, " <>\"'`") || host == "" {
			if !silent {
				c.errln("curl: (3) URL using bad/illegal format or missing URL")
			}
			status = 3
			continue
		}
		c.sh.download(full, "curl", out)
		if (out != "" || !c.terminal()) && !has(opts, "-s", "--silent", "-#") {
			c.errln("  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed")
			c.interp.write(2, "\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0")
		}
		if !isIP(host) && !c.sh.m.isSelf(host) {
			if !silent {
				c.errln("curl: (6) Could not resolve host: " + host)
			}
			status = 6
			continue
		}
		status = 7
		c.connectFails(host, port, func(why string) {
			if !silent {
				if why == "Network is unreachable" {
					c.errln("curl: (7) Failed to connect to " + host + " port " + port + " after 3 ms: Couldn't connect to server")
				} else {
					c.errln("curl: (7) Failed to connect to " + host + " port " + port + " after 0 ms: Couldn't connect to server")
				}
			}
		})
	}
	return status
}

func progFetch(c *call) int {
	opts, operands := c.flags("lrbcugpPoT")
	switch c.name {
	case "tftp":
		file, _ := valueOf(opts, "-r")
		output, _ := valueOf(opts, "-l")
		host := ""
		for i, o := range operands {
			if i == 0 {
				host = o
			}
		}
		if g, ok := valueOf(opts, "-g"); ok && g != "" && !strings.HasPrefix(g, "-") && host == "" {
			host = g
		}
		// The flags -g and -c are followed by words of the other kinds.
		for i, a := range c.args {
			switch {
			case a == "-g" && i+1 < len(c.args) && c.args[i+1] == "-r" && i+2 < len(c.args):
				file = c.args[i+2]
				if i+3 < len(c.args) && !strings.HasPrefix(c.args[i+3], "-") {
					host = c.args[i+3]
				}
			case a == "get" && i+1 < len(c.args):
				file = c.args[i+1]
			case isIP(a):
				host = a
			}
		}
		if host == "" {
			c.errln(c.busyboxUsage("tftp", "[OPTIONS] HOST [PORT]", "Transfer a file from/to tftp server"))
			return 1
		}
		if output == "" {
			output = path.Base(file)
		}
		c.sh.download("tftp://"+host+"/"+strings.TrimPrefix(file, "/"), "tftp", output)
		c.flush()
		c.sleepFor(netWait)
		c.errln("tftp: timeout")
		return 1
	case "ftpget", "ftpput":
		if len(operands) < 2 {
			c.errln(c.busyboxUsage(c.name, "[OPTIONS] HOST [LOCAL_FILE] REMOTE_FILE", "Download a file via FTP"))
			return 1
		}
		remote := operands[len(operands)-1]
		c.sh.download("ftp://"+operands[0]+"/"+strings.TrimPrefix(remote, "/"), c.name, operands[1])
		if !isIP(operands[0]) {
			c.errln(c.name + ": bad address '" + operands[0] + "'")
			return 1
		}
		c.connectFails(operands[0], "21", func(why string) {
			c.errln(c.name + ": can't connect to remote host (" + operands[0] + "): " + why)
		})
		return 1
	}
	return 1
}

// progClient is any client that cannot reach anything: ssh, telnet, nc, ftp, scp and so on.
func progClient(c *call) int {
	opts, operands := c.flags("pPlioLRDFbcmwexsqOWISJBEQ")
	port := map[string]string{"ssh": "22", "scp": "22", "sftp": "22", "rsync": "873", "telnet": "23", "ftp": "21", "mysql": "3306", "redis-cli": "6379", "psql": "5432", "mongo": "27017"}[c.name]
	if p, ok := valueOf(opts, "-p", "-P"); ok && p != "" {
		port = p
	}
	host := ""
	switch c.name {
	case "scp", "rsync":
		for _, o := range operands {
			if h, file, ok := strings.Cut(o, ":"); ok && !strings.HasPrefix(o, "/") {
				host = h[strings.LastIndexByte(h, '@')+1:]
				c.sh.download("scp://"+h+"/"+strings.TrimPrefix(file, "/"), c.name, operands[len(operands)-1])
			}
		}
		if host == "" {
			if len(operands) > 1 {
				return progCp(c)
			}
			c.errln("usage: scp [-346ABCOpqRrsTv] [-c cipher] [-D sftp_server_path] [-F ssh_config]\n           [-i identity_file] [-J destination] [-l limit] [-o ssh_option]\n           [-P port] [-S program] [-X sftp_option] source ... target")
			return 1
		}
	default:
		if h, ok := valueOf(opts, "-h"); ok && h != "" {
			host = h
		}
		if len(operands) > 0 {
			host = operands[0][strings.LastIndexByte(operands[0], '@')+1:]
		}
		if len(operands) > 1 && (c.name == "telnet" || c.name == "nc" || c.name == "ncat" || c.name == "netcat" || c.name == "ftp") {
			port = operands[1]
		}
	}
	if host == "" {
		return c.clientUsage(opts)
	}
	if c.name == "nc" || c.name == "ncat" || c.name == "netcat" {
		return c.netcat(opts, operands, host, port)
	}
	c.sh.reach("connect_attempt", host, port, c.name, "tcp")
	label := map[string]string{"scp": "ssh", "sftp": "ssh", "rsync": "ssh"}[c.name]
	if label == "" {
		label = c.name
	}
	status := 255
	if !isIP(host) && !c.sh.m.isSelf(host) {
		switch label {
		case "telnet":
			c.errln("telnet: could not resolve " + host + "/" + port + ": Temporary failure in name resolution")
			status = 1
		case "ftp":
			c.errln("ftp: Can't lookup `" + host + ":" + port + "': Temporary failure in name resolution")
			status = 1
		default:
			c.errln(label + ": Could not resolve hostname " + host + ": Temporary failure in name resolution")
		}
	} else {
		if label == "telnet" {
			c.print("Trying " + host + "...\n")
			status = 1
		}
		c.connectFails(host, port, func(why string) {
			switch label {
			case "telnet":
				c.errln("telnet: Unable to connect to remote host: " + why)
			case "ftp":
				c.errln("ftp: Can't connect to `" + host + ":" + port + "': " + why)
				status = 1
			default:
				c.errln(label + ": connect to host " + host + " port " + port + ": " + why)
			}
		})
	}
	switch c.name {
	case "scp":
		c.errln("scp: Connection closed")
	case "sftp":
		c.errln("Connection closed.  \nConnection closed")
	case "rsync":
		c.errln("rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]\nrsync error: unexplained error (code 255) at io.c(231) [Receiver=3.2.7]")
	}
	return status
}

func (c *call) clientUsage(opts []option) int {
	switch c.name {
	case "ssh":
		if has(opts, "-V") {
			c.errln(c.sh.m.id.Pick("openssh", c.sh.m.release.OpenSSH...) + ", OpenSSL 3.0.15 3 Sep 2024")
			return 0
		}
		c.errln("usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]\n           [-b bind_address] [-c cipher_spec] [-D [bind_address:]port]\n           [-E log_file] [-e escape_char] [-F configfile] [-I pkcs11]\n           [-i identity_file] [-J [user@]host[:port]] [-L address]\n           [-l login_name] [-m mac_spec] [-O ctl_cmd] [-o option] [-p port]\n           [-Q query_option] [-R address] [-S ctl_path] [-W host:port]\n           [-w local_tun[:remote_tun]] destination [command [argument ...]]")
		return 255
	case "nc", "netcat", "ncat":
		if has(opts, "-l") {
			c.flush()
			c.sleepFor(maxCommandT)
			return 0
		}
		c.errln("usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]\n\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]\n\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]\n\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]\n\t  [destination] [port]")
		return 1
	case "telnet", "ftp":
		c.print(c.name + "> ")
		c.flush()
		for {
			line, ok := c.readLine(0, true)
			if !ok || line == "quit" || line == "exit" || line == "bye" {
				return 0
			}
			c.print("?Invalid command\n" + c.name + "> ")
			c.flush()
		}
	}
	c.errln("usage: " + c.name + " [options] [user@]host")
	return 1
}

func (c *call) netcat(opts []option, operands []string, host, port string) int {
	if len(operands) < 2 {
		c.errln("nc: missing port number")
		return 1
	}
	proto := "tcp"
	if has(opts, "-u") {
		proto = "udp"
	}
	c.sh.reach("connect_attempt", host, port, c.name, proto)
	if !isIP(host) && !c.sh.m.isSelf(host) {
		c.errln("nc: getaddrinfo for host \"" + host + "\" port " + port + ": Temporary failure in name resolution")
		return 1
	}
	if c.sh.m.isSelf(host) && c.sh.m.listens(port) {
		if has(opts, "-v") {
			c.errln("Connection to " + host + " " + port + " port [tcp/*] succeeded!")
		}
		return 0
	}
	c.connectFails(host, port, func(why string) {
		if has(opts, "-v") || why == "Network is unreachable" {
			c.errln("nc: connect to " + host + " port " + port + " (" + proto + ") failed: " + why)
		}
	})
	return 1
}

func progPing(c *call) int {
	opts, operands := c.flags("cIiswWtQlmMpS")
	if len(operands) == 0 {
		c.errln("ping: usage error: Destination address required")
		return 1
	}
	host := operands[len(operands)-1]
	c.sh.reach("connect_attempt", host, "", "ping", "icmp")
	if !isIP(host) && !c.sh.m.isSelf(host) {
		if c.busybox() {
			c.errln("ping: bad address '" + host + "'")
			return 1
		}
		c.errln("ping: " + host + ": Temporary failure in name resolution")
		return 2
	}
	if !c.sh.m.isSelf(host) && host != c.sh.m.hw.gateway.String() {
		c.errln("ping: connect: Network is unreachable")
		return 2
	}
	count := 1 << 20
	if s, ok := valueOf(opts, "-c"); ok {
		count, _ = strconv.Atoi(s)
	}
	c.printf("PING %s (%s) 56(84) bytes of data.\n", host, host)
	r := c.sh.m.id.Rand("ping " + strconv.FormatInt(c.sh.m.now().UnixNano(), 10))
	var sum float64
	n := 0
	for i := range min(count, 600) {
		if i > 0 {
			c.flush()
			c.sleepFor(time.Second)
		}
		ms := 0.03 + float64(r.IntN(400))/1000
		sum += ms
		n++
		c.printf("64 bytes from %s: icmp_seq=%d ttl=64 time=%.3f ms\n", host, i+1, ms)
	}
	avg := sum / float64(max(n, 1))
	c.printf("\n--- %s ping statistics ---\n%d packets transmitted, %d received, 0%% packet loss, time %dms\nrtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", host, n, n, (n-1)*1012, avg*0.9, avg, avg*1.2, avg/10)
	return 0
}

func progLookup(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		return 1
	}
	host := operands[0]
	c.sh.reach("connect_attempt", host, "53", c.name, "udp")
	c.flush()
	c.sleepFor(netWait)
	server := c.sh.m.hw.dns
	switch c.name {
	case "dig":
		c.printf(";; communications error to %s#53: timed out\n;; communications error to %s#53: timed out\n;; communications error to %s#53: timed out\n\n; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> %s\n;; global options: +cmd\n;; no servers could be reached\n\n", server, server, server, host)
		return 9
	case "host":
		c.print(";; communications error to " + server + "#53: timed out\n;; communications error to " + server + "#53: timed out\n;; no servers could be reached\n\n")
		return 1
	}
	c.print(";; communications error to " + server + "#53: timed out\n;; no servers could be reached\n\n")
	return 1
}

func progIptables(c *call) int {
	if c.cred.uid != 0 {
		c.errln(c.name + " v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)")
		return 4
	}
	opts, _ := c.flags("tApjsdiomDINPFXRE")
	switch {
	case has(opts, "-L", "--list"):
		for i, chain := range []string{"INPUT", "FORWARD", "OUTPUT"} {
			if i > 0 {
				c.print("\n")
			}
			if has(opts, "-v") {
				c.printf("Chain %s (policy ACCEPT 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination         \n", chain)
			} else {
				c.printf("Chain %s (policy ACCEPT)\ntarget     prot opt source               destination         \n", chain)
			}
		}
	case has(opts, "-S"):
		c.print("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n")
	case len(opts) == 0:
		c.errln(c.name + " v1.8.9 (nf_tables): no command specified\nTry `" + c.name + " -h' or '" + c.name + " --help' for more information.")
		return 2
	}
	return 0
}

func progIptablesSave(c *call) int { return 0 }

func progUfw(c *call) int {
	if c.cred.uid != 0 {
		c.errln("ERROR: You need to be root to run this script")
		return 1
	}
	if len(c.args) < 2 {
		c.errln("ERROR: not enough args")
		return 1
	}
	switch c.args[1] {
	case "status":
		c.print("Status: inactive\n")
	case "disable":
		c.print("Firewall stopped and disabled on system startup\n")
	case "enable":
		c.print("Firewall is active and enabled on system startup\n")
	case "allow", "deny", "delete", "reject":
		c.print("Rules updated\nRules updated (v6)\n")
	default:
		c.errln("ERROR: Invalid syntax")
		return 1
	}
	return 0
}

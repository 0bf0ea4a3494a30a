package shell

import (
	"strconv"
	"strings"
	"time"
)

// progClient is any client that cannot reach anything: ssh, telnet, nc, ftp, scp and so on.
func progClient(c *call) int {
	valued := "pPlioLRDFbcmwexsqOWISJBEQ"
	if c.name == "nc" || c.name == "netcat" {
		valued = "IiMmOPpqsTVWwXxec"
	}
	opts, operands := c.flags(valued)
	port := map[string]string{"ssh": "22", "scp": "22", "sftp": "22", "rsync": "873", "telnet": "23", "ftp": "21", "mysql": "3306", "redis-cli": "6379", "psql": "5432", "mongo": "27017"}[c.name]
	if p, ok := valueOf(opts, "-p", "-P"); ok && p != "" {
		port = p
	}
	host := ""
	switch c.name {
	case "nc", "netcat":
		if has(opts, "-l") {
			return c.netcatListens(opts, operands, port)
		}
	}
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
			if why == wasReset {
				c.cutOff(label, host, port)
				return
			}
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

// cutOff says what a client does whose connection ends as soon as it is there.
func (c *call) cutOff(client, host, port string) {
	switch client {
	case "telnet":
		c.print("Connected to " + host + ".\nEscape character is '^]'.\n")
		c.errln("Connection closed by foreign host.")
	case "ftp":
		c.errln("421 Service not available, remote server has closed connection.")
	case "ssh":
		c.errln("kex_exchange_identification: read: " + wasReset + "\nConnection reset by " + host + " port " + port)
	default:
		c.errln(client + ": " + wasReset)
	}
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

// netcatListens waits for a caller who never comes.
func (c *call) netcatListens(opts []option, operands []string, port string) int {
	host := "0.0.0.0"
	switch len(operands) {
	case 0:
	case 1:
		port = operands[0]
	default:
		host, port = operands[0], operands[1]
	}
	n, err := strconv.Atoi(port)
	switch {
	case port == "":
		c.errln("nc: missing port number")
		return 1
	case err != nil:
		c.errln("nc: service \"" + port + "\" unknown")
		return 1
	case n < 1 || n > 65535:
		c.errln("nc: port number " + map[bool]string{true: "too small: ", false: "too large: "}[n < 1] + port)
		return 1
	case c.sh.m.listens(port) && !has(opts, "-u"):
		c.errln("nc: Address already in use")
		return 1
	case n < 1024 && c.cred.uid != 0:
		c.errln("nc: Permission denied")
		return 1
	}
	if has(opts, "-v") {
		c.errln(map[bool]string{true: "Bound", false: "Listening"}[has(opts, "-u")] + " on " + host + " " + port)
	}
	c.flush()
	c.sleepFor(maxCommandT)
	return 0
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

package shell

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

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

const curlSchemes = "dict file ftp ftps gopher gophers http https imap imaps ldap ldaps mqtt pop3 pop3s rtmp rtsp scp sftp smb smbs smtp smtps telnet tftp"

// unsupported returns the scheme of a URL that is not among schemes.
func unsupported(raw, schemes string) (scheme string, ok bool) {
	scheme, _, ok = strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	return scheme, ok && scheme != "" && !strings.ContainsAny(scheme, "/?#.:") && !slices.Contains(strings.Fields(schemes), scheme)
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
		if scheme, ok := unsupported(raw, "http https ftp ftps"); ok {
			status = 1
			if c.busybox() {
				c.errln("wget: not an http or ftp url: " + raw)
			} else {
				c.errln(raw + ": Unsupported scheme ‘" + scheme + "’.")
			}
			continue
		}
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
		c.connectFails(host, port, func(why string) {
			if why == wasReset {
				say("Connecting to " + host + ":" + port + "... connected.\nHTTP request sent, awaiting response... Read error (" + why + ") in headers.\nGiving up.\n")
				return
			}
			say("Connecting to " + host + ":" + port + "... failed: " + why + ".")
		})
	}
	return status
}

func joinPort(host, port string) string {
	if port == "80" {
		return host
	}
	return host + ":" + port
}

// wasReset is how a connection to one of the machine's own services ends.
const wasReset = "Connection reset by peer"

// connectFails pretends to connect and says why it does not succeed.
func (c *call) connectFails(host, port string, say func(why string)) {
	c.flush()
	if c.sh.m.isSelf(host) {
		if c.sh.m.listens(port) {
			say(wasReset)
			return
		}
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
		if scheme, ok := unsupported(raw, curlSchemes); ok {
			if status = 1; !silent {
				c.errln("curl: (1) Protocol \"" + scheme + "\" not supported or disabled in libcurl")
			}
			continue
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
			if why == wasReset {
				status = 56
			}
			if !silent {
				if why == wasReset {
					c.errln("curl: (56) Recv failure: " + why)
				} else if why == "Network is unreachable" {
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

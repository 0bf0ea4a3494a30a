package web

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

// testService is the honeypot that the tests of this package run.
type testService struct{}

var (
	plainPort  = services.Port{Network: "tcp", Number: 80}
	securePort = services.Port{Network: "tcp", Number: 443}
)

func (testService) Info() services.Info {
	return services.Info{Name: "http", Title: "web", Ports: []services.Port{plainPort, securePort}, Keys: TLSKeys()}
}

func (s testService) New(env services.Env, cfg services.Config) (services.Server, error) {
	srv, err := New(env, cfg, s.Info())
	if err != nil {
		return nil, err
	}
	return srv, nil
}

// twin is a real server that is asked the same as ours.
type twin struct {
	plain, secure string // addresses
	server        string // its Server header
	ours          *servicetest.Decky
	lock          string // a directory that needs credentials
}

const twinHost = "Host: web01.corp.example\r\n"

// startTwin runs a real product with configuration on two free ports, and a decky with the
// same files and the same locked directory.
func startTwin(t *testing.T, program, version string, configure func(dir, root, lock, realm, plain, secure string) []string) twin {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) { // its workers run as another user
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "root")
	files := map[string]string{
		"index.html": "<html><body>" + strings.Repeat("start page ", 40) + "</body></html>\n",
		"page.html":  "<html>test</html>\n", "small.txt": "x", "data.bin2": "unknown type", "dir/a.txt": "a\n", ".htaccess": "",
		"s68.html": strings.Repeat("a", 68), "s69.html": strings.Repeat("a", 69), "s19.html": strings.Repeat("a", 19), "s20.html": strings.Repeat("a", 20),
	}
	day := time.Date(2024, 11, 5, 10, 0, 0, 123456000, time.UTC)
	for name, content := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, day, day); err != nil {
			t.Fatal(err)
		}
	}
	server := version
	env := services.Env{Decky: "decky-01", Identity: servicetest.Identity(1)}
	env.Identity.Hostname, env.Identity.Domain = "web01", "corp.example"
	app := appApache
	if program == "nginx" {
		app = appNginx
	}
	cfg := services.Config{"server_header": server, "fake_app": app, "files": root}
	p, err := newPersona(env, services.Config{"server_header": server, "fake_app": app})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSite(p, "")
	if err != nil {
		t.Fatal(err)
	}
	tw := twin{server: server}
	realm := ""
	for path, res := range s.paths {
		if res.realm != "" && !strings.HasSuffix(path, "/") {
			tw.lock, realm = path, res.realm
		}
	}
	tw.plain, tw.secure = freeAddr(t), freeAddr(t)
	key := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", filepath.Join(dir, "key.pem"),
		"-out", filepath.Join(dir, "cert.pem"), "-days", "10", "-subj", "/CN=web01")
	if out, err := key.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte("nobody:$apr1$x$y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, configure(dir, root, tw.lock, realm, tw.plain, tw.secure)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.DialTimeout("tcp", tw.plain, time.Second)
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", program, err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen: %v\n%s", program, err, log.String())
		}
	}
	tw.ours = servicetest.Start(t, testService{}, cfg, 1, env)
	return tw
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func startApache(t *testing.T) twin {
	out, err := exec.Command("/usr/sbin/apache2", "-v").Output()
	if err != nil {
		t.Skip("apache2 is not installed")
	}
	version := regexp.MustCompile(`Apache/[0-9.]+ \(\w+\)`).FindString(string(out))
	return startTwin(t, "apache2", version, func(dir, root, lock, realm, plain, secure string) []string {
		modules := ""
		enabled, _ := filepath.Glob("/etc/apache2/mods-enabled/*")
		for _, suffix := range []string{".load", ".conf"} {
			for _, m := range enabled {
				if strings.HasSuffix(m, suffix) && !strings.Contains(m, "ssl") && !strings.Contains(m, "mods-enabled/status") {
					modules += "Include " + m + "\n"
				}
			}
		}
		conf := filepath.Join(dir, "apache.conf")
		write(t, conf, `ServerRoot /etc/apache2
DefaultRuntimeDir `+dir+`
PidFile `+dir+`/pid
Mutex file:`+dir+` default
User www-data
Group www-data
KeepAlive On
MaxKeepAliveRequests 100
KeepAliveTimeout 5
ErrorLog `+dir+`/error.log
`+modules+`
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen `+plain+`
Listen `+secure+`
<Directory />
	AllowOverride None
	Require all denied
</Directory>
<Directory `+root+`>
	Options -Indexes
	AllowOverride None
	Require all granted
</Directory>
<FilesMatch "^\.ht">
	Require all denied
</FilesMatch>
<Location `+lock+`>
	AuthType Basic
	AuthName "`+realm+`"
	AuthUserFile `+dir+`/htpasswd
	Require valid-user
</Location>
<Location /server-status>
	Require all denied
</Location>
ServerTokens OS
ServerSignature On
TraceEnable Off
ServerName web01.corp.example
DocumentRoot `+root+`
<VirtualHost `+plain+`>
	ServerName web01.corp.example
</VirtualHost>
<VirtualHost `+secure+`>
	ServerName web01.corp.example
	SSLEngine on
	SSLCertificateFile `+dir+`/cert.pem
	SSLCertificateKeyFile `+dir+`/key.pem
</VirtualHost>
`)
		return []string{"-X", "-f", conf}
	})
}

func startNginx(t *testing.T) twin {
	out, err := exec.Command("/usr/sbin/nginx", "-v").CombinedOutput()
	if err != nil {
		t.Skip("nginx is not installed")
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx version: ")
	return startTwin(t, "nginx", version, func(dir, root, lock, realm, plain, secure string) []string {
		server := `		root ` + root + `;
		index index.html;
		port_in_redirect off;
		location / { try_files $uri $uri/ =404; }
		location ` + lock + ` { auth_basic "` + realm + `"; auth_basic_user_file ` + dir + `/htpasswd; }
`
		conf := filepath.Join(dir, "nginx.conf")
		write(t, conf, `user www-data;
daemon off;
master_process off;
worker_processes 1;
pid `+dir+`/pid;
error_log `+dir+`/error.log;
events { worker_connections 768; }
http {
	sendfile on;
	tcp_nopush on;
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	access_log off;
	client_body_temp_path `+dir+`/body;
	proxy_temp_path `+dir+`/proxy;
	fastcgi_temp_path `+dir+`/fastcgi;
	uwsgi_temp_path `+dir+`/uwsgi;
	scgi_temp_path `+dir+`/scgi;
	gzip on;
	server {
		listen `+plain+`;
`+server+`	}
	server {
		listen `+secure+` ssl;
		ssl_certificate `+dir+`/cert.pem;
		ssl_certificate_key `+dir+`/key.pem;
`+server+`	}
}
`)
		return []string{"-c", conf, "-e", filepath.Join(dir, "start.log")}
	})
}

// overTLS are the requests whose answers differ between the two ports.
func overTLS() []rawRequest {
	return []rawRequest{
		{name: "TLS missing", send: get("/missing"), tls: true},
		{name: "TLS directory", send: get("/dir"), tls: true},
		{name: "TLS close", send: get("/small.txt", "Connection: close"), tls: true},
		{name: "TLS no host", send: "GET / HTTP/1.1\r\n\r\n", tls: true},
		{name: "TLS absolute", send: "GET https://a.example/missing HTTP/1.1\r\nHost: b\r\n\r\n", tls: true},
		{name: "TLS absolute http", send: "GET http://a.example/missing HTTP/1.1\r\nHost: b\r\n\r\n", tls: true},
		{name: "TLS host port", send: "GET /dir HTTP/1.1\r\nHost: b:443\r\n\r\n", tls: true},
		{name: "TLS 1.0", send: "GET /dir HTTP/1.0\r\n\r\n", tls: true},
		{name: "TLS pipeline", send: strings.Repeat(get("/small.txt"), 3), tls: true},
	}
}

// rawRequest is what is sent over one connection.
type rawRequest struct {
	name, send string
	shut       bool // the client ends its side afterwards
	tls        bool
	skip       string
}

// converse sends raw to addr and returns what comes back within a moment of silence, and
// how the connection was left.
func converse(addr string, raw rawRequest, quiet time.Duration) (string, error) {
	c, err := net.DialTimeout("tcp", addr, 20*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if raw.tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := c.Write([]byte(raw.send)); err != nil {
		return "", err
	}
	if raw.shut {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	var got bytes.Buffer
	buf := make([]byte, 64<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(quiet))
		n, err := c.Read(buf)
		got.Write(buf[:n])
		var ne net.Error
		switch {
		case errors.As(err, &ne) && ne.Timeout():
			return got.String() + "\n[open]", nil
		case err != nil:
			return got.String() + "\n[closed]", nil
		}
	}
}

var (
	dateLine   = regexp.MustCompile(`\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n`)
	allowLine  = regexp.MustCompile(`\r\nAllow: [A-Z]+,[A-Z,]+\r\n`)
	lengthLine = regexp.MustCompile(`Content-Length: \d+`)
	boundary   = regexp.MustCompile(`boundary=(\w+)`)
	zipStart   = []byte{0x1f, 0x8b, 8}
)

// mask replaces what may differ between two servers of one product: the date, the
// boundary of parts, how densely a page is compressed, and where the list of methods
// begins, which httpd draws anew with every start.
func mask(s string) string {
	s = allowLine.ReplaceAllStringFunc(s, func(line string) string {
		list := strings.TrimSuffix(strings.TrimPrefix(line, "\r\nAllow: "), "\r\n")
		i := strings.Index(list, "GET,")
		if i < 0 {
			i = strings.Index(list, "GET")
		}
		return "\r\nAllow: " + strings.Trim(list[i:]+","+list[:i], ",") + "\r\n"
	})
	s = dateLine.ReplaceAllString(s, "\r\nDate: *\r\n")
	if m := boundary.FindStringSubmatch(s); m != nil { // of fifteen or sixteen digits in httpd
		s = lengthLine.ReplaceAllString(strings.ReplaceAll(s, m[1], "b"), "Content-Length: *")
	}
	if head, body, ok := strings.Cut(s, "\r\n\r\n"); ok && strings.Contains(head, "Content-Encoding: gzip") {
		i := bytes.Index([]byte(body), zipStart)
		if i < 0 {
			return lengthLine.ReplaceAllString(head, "Content-Length: *") + "\r\n\r\n" + body
		}
		z, err := gzip.NewReader(strings.NewReader(body[i:]))
		if err == nil {
			z.Multistream(false)
			text, _ := io.ReadAll(z)
			head = lengthLine.ReplaceAllString(head, "Content-Length: *")
			s = head + "\r\n\r\n" + fmt.Sprintf("%x", body[i:i+10]) + string(text) + body[strings.LastIndexByte(body, '['):]
		}
	}
	return s
}

// get is a GET request with further field lines.
func get(target string, lines ...string) string {
	head := "GET " + target + " HTTP/1.1\r\n" + twinHost
	for _, line := range lines {
		head += line + "\r\n"
	}
	return head + "\r\n"
}

func withMethod(method, target string, lines ...string) string {
	return strings.Replace(get(target, lines...), "GET", method, 1)
}

func repeated(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// compare asks both servers everything in the table.
func compare(t *testing.T, theirs, ours string, table []rawRequest) {
	t.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 24)
	for _, raw := range table {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var want, got string
			// Silence is how an answer ends, and on a busy machine it takes longer to tell.
			for _, quiet := range []time.Duration{400 * time.Millisecond, 1200 * time.Millisecond, 4 * time.Second} {
				var err error
				if want, err = converse(theirs, raw, quiet); err != nil {
					t.Errorf("%s: the twin: %v", raw.name, err)
					return
				}
				if got, err = converse(ours, raw, quiet); err != nil {
					t.Errorf("%s: %v", raw.name, err)
					return
				}
				if want, got = mask(want), mask(got); got == want {
					return
				}
			}
			t.Errorf("%s\n%.200q\n%s", raw.name, raw.send, cmp.Diff(strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")))
		})
	}
	wg.Wait()
}

func twinTable(lock string) []rawRequest {
	const crlf = "\r\n"
	return []rawRequest{
		{name: "missing", send: get("/missing")},
		{name: "index", send: get("/")},
		{name: "index by name", send: get("/index.html")},
		{name: "text", send: get("/small.txt")},
		{name: "unknown type", send: get("/data.bin2")},
		{name: "no host", send: "GET / HTTP/1.1\r\n\r\n"},
		{name: "no host 1.0", send: "GET /missing HTTP/1.0\r\n\r\n"},
		{name: "1.0", send: "GET /small.txt HTTP/1.0\r\n\r\n"},
		{name: "1.0 keep-alive", send: "GET /missing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
		{name: "close", send: get("/missing", "Connection: close")},
		{name: "keep-alive", send: get("/small.txt", "Connection: keep-alive") + get("/small.txt", "Connection: keep-alive")},
		{name: "keep-alive, te", send: get("/small.txt", "Connection: Keep-Alive, TE")},
		{name: "close, keep-alive", send: "GET /missing HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"},
		{name: "0.9", send: "GET /missing\r\n"},
		{name: "0.9 LF", send: "GET /missing\n"},
		{name: "0.9 found", send: "GET /small.txt\r\n"},
		{name: "0.9 post", send: "POST /missing\r\n"},
		{name: "0.9 head", send: "HEAD /small.txt\r\n"},
		{name: "0.9 unknown", send: "FOO /small.txt\r\n"},
		{name: "garbage", send: "hello\r\n\r\n"},
		{name: "TLS hello", send: "\x16\x03\x01\x00\x05aaaaa\r\n\r\n"},
		{name: "blank lines", send: "\r\n\r\n"},
		{name: "blank first", send: "\r\n" + get("/missing")},
		{name: "blank 10", send: strings.Repeat(crlf, 10) + get("/small.txt")},
		{name: "blank 11", send: strings.Repeat(crlf, 11) + get("/small.txt")},
		{name: "LF only", send: "GET /missing HTTP/1.1\nHost: a\n\n"},
		{name: "CR in line", send: "GET /missing HTTP/1.1\r\r\nHost: a\r\n\r\n"},
		{name: "version 9.9", send: "GET /missing HTTP/9.9\r\n" + twinHost + crlf},
		{name: "version 2.0", send: "GET /missing HTTP/2.0\r\n" + twinHost + crlf},
		{name: "version 3.0", send: "GET /missing HTTP/3.0\r\n\r\n"},
		{name: "version 1.2", send: "GET /missing HTTP/1.2\r\n" + twinHost + crlf},
		{name: "version 1.10", send: "GET /missing HTTP/1.10\r\n" + twinHost + crlf},
		{name: "version 0.9", send: "GET /missing HTTP/0.9\r\n\r\n"},
		{name: "version 11", send: "GET /missing HTTP/11\r\n\r\n"},
		{name: "version 1.", send: "GET /missing HTTP/1.\r\n\r\n"},
		{name: "version 1", send: "GET /missing HTTP/1\r\n\r\n"},
		{name: "version 1.1x", send: "GET /missing HTTP/1.1x\r\n\r\n"},
		{name: "protocol FOO", send: "GET / FOO/1.1\r\n" + twinHost + crlf},
		{name: "protocol http", send: "GET / http/1.1\r\n" + twinHost + crlf},
		{name: "double spaces", send: "GET  /missing  HTTP/1.1\r\n" + twinHost + crlf},
		{name: "tabs", send: "GET\t/missing\tHTTP/1.1\r\n" + twinHost + crlf},
		{name: "space in target", send: "GET /mis sing HTTP/1.1\r\n" + twinHost + crlf},
		{name: "leading space", send: " GET /missing HTTP/1.1\r\n" + twinHost + crlf},
		{name: "trailing space", send: "GET /missing HTTP/1.1 \r\n" + twinHost + crlf},
		{name: "method alone", send: "GET\r\n\r\n"},
		{name: "method and space", send: "GET \r\n\r\n"},
		{name: "options", send: withMethod("OPTIONS", "/")},
		{name: "options keep-alive", send: withMethod("OPTIONS", "/", "Connection: keep-alive")},
		{name: "options text", send: withMethod("OPTIONS", "/small.txt")},
		{name: "options missing", send: withMethod("OPTIONS", "/missing")},
		{name: "options star", send: withMethod("OPTIONS", "*")},
		{name: "options star 1.0", send: "OPTIONS * HTTP/1.0\r\n\r\n"},
		{name: "get star", send: withMethod("GET", "*")},
		{name: "trace", send: withMethod("TRACE", "/")},
		{name: "trace missing with body", send: withMethod("TRACE", "/missing", "Content-Length: 3") + "abc"},
		{name: "track", send: withMethod("TRACK", "/")},
		{name: "head", send: withMethod("HEAD", "/")},
		{name: "head text", send: withMethod("HEAD", "/small.txt")},
		{name: "head missing", send: withMethod("HEAD", "/missing")},
		{name: "head close", send: withMethod("HEAD", "/small.txt", "Connection: close")},
		{name: "head bad", send: withMethod("HEAD", "/%zz")},
		{name: "put", send: withMethod("PUT", "/x", "Content-Length: 3") + "abc"},
		{name: "put found", send: withMethod("PUT", "/small.txt", "Content-Length: 3") + "abc"},
		{name: "put keep-alive", send: withMethod("PUT", "/", "Connection: keep-alive", "Content-Length: 3") + "abc"},
		{name: "put 1.0", send: "PUT / HTTP/1.0\r\n\r\n"},
		{name: "delete", send: withMethod("DELETE", "/small.txt")},
		{name: "patch", send: withMethod("PATCH", "/small.txt", "Content-Length: 0")},
		{name: "propfind", send: withMethod("PROPFIND", "/")},
		{name: "post found", send: withMethod("POST", "/small.txt", "Content-Length: 3") + "abc"},
		{name: "post index", send: withMethod("POST", "/", "Content-Length: 3") + "abc"},
		{name: "post missing", send: withMethod("POST", "/missing", "Content-Length: 3") + "abc"},
		{name: "post without length", send: withMethod("POST", "/missing")},
		{name: "unknown method", send: withMethod("FOO", "/")},
		{name: "unknown method missing", send: withMethod("FOO", "/missing")},
		{name: "unknown method body", send: withMethod("FOO", "/", "Content-Length: 3") + "abc"},
		{name: "lower case method", send: withMethod("get", "/missing")},
		{name: "bad method", send: withMethod("G@T", "/")},
		{name: "underscore method", send: withMethod("G_T", "/")},
		{name: "long method", send: withMethod(strings.Repeat("A", 300), "/")},
		{name: "connect", send: "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"},
		{name: "connect slash", send: "CONNECT / HTTP/1.1\r\nHost: a.example:443\r\n\r\n"},
		{name: "absolute", send: "GET http://a.example/missing HTTP/1.1\r\nHost: b.example\r\n\r\n"},
		{name: "absolute without host", send: "GET http://a.example/missing HTTP/1.1\r\n\r\n"},
		{name: "absolute https", send: "GET https://a.example/missing HTTP/1.1\r\nHost: b.example\r\n\r\n"},
		{name: "absolute ftp", send: "GET ftp://a.example/missing HTTP/1.1\r\nHost: b.example\r\n\r\n"},
		{name: "absolute port", send: "GET http://a.example:99/missing HTTP/1.1\r\nHost: b\r\n\r\n"},
		{name: "absolute user", send: "GET http://u:p@a.example/missing HTTP/1.1\r\nHost: b\r\n\r\n"},
		{name: "absolute no path", send: "GET http://a.example HTTP/1.1\r\nHost: b\r\n\r\n"},
		{name: "absolute query", send: "GET http://a.example?x HTTP/1.1\r\nHost: b\r\n\r\n"},
		{name: "relative", send: withMethod("GET", "missing")},
		{name: "query only", send: withMethod("GET", "?x")},
		{name: "range", send: get("/index.html", "Range: bytes=0-9")},
		{name: "range suffix", send: get("/page.html", "Range: bytes=-4")},
		{name: "range open", send: get("/page.html", "Range: bytes=5-")},
		{name: "range two", send: get("/page.html", "Range: bytes=0-1,4-5")},
		{name: "range outside", send: get("/small.txt", "Range: bytes=10-20")},
		{name: "range outside keep-alive", send: get("/small.txt", "Connection: keep-alive", "Range: bytes=10-20")},
		{name: "range outside close", send: get("/small.txt", "Connection: close", "Range: bytes=10-20")},
		{name: "range outside 1.0", send: "GET /small.txt HTTP/1.0\r\nRange: bytes=10-20\r\n\r\n"},
		{name: "range outside head", send: withMethod("HEAD", "/small.txt", "Range: bytes=10-20")},
		{name: "range head", send: withMethod("HEAD", "/page.html", "Range: bytes=1-2")},
		{name: "range junk", send: get("/small.txt", "Range: foo=10-20")},
		{name: "range reversed", send: get("/small.txt", "Range: bytes=1-0")},
		{name: "range letters", send: get("/small.txt", "Range: bytes=a-b")},
		{name: "if-range", send: get("/index.html", "Range: bytes=0-1,3-4", `If-Range: "zz"`)},
		{name: "if-modified-since", send: get("/index.html", "If-Modified-Since: Tue, 05 Nov 2024 10:00:00 GMT")},
		{name: "if-modified-since old", send: withMethod("HEAD", "/index.html", "If-Modified-Since: Mon, 04 Nov 2024 10:00:00 GMT")},
		{name: "if-none-match", send: get("/index.html", "If-None-Match: *")},
		{name: "if-none-match keep-alive", send: get("/small.txt", "Connection: keep-alive", "If-None-Match: *")},
		{name: "if-none-match gzip", send: get("/index.html", "Accept-Encoding: gzip", "If-None-Match: *")},
		{name: "if-match", send: get("/index.html", `If-Match: "abc"`)},
		{name: "if-match head", send: withMethod("HEAD", "/index.html", `If-Match: "abc"`)},
		{name: "if-unmodified-since", send: withMethod("HEAD", "/index.html", "If-Unmodified-Since: Mon, 04 Nov 2019 10:00:00 GMT")},
		{name: "expect", send: withMethod("POST", "/missing", "Content-Length: 3", "Expect: 100-continue") + "abc"},
		{name: "expect waits", send: withMethod("POST", "/missing", "Content-Length: 3", "Expect: 100-continue")},
		{name: "expect put waits", send: withMethod("PUT", "/x", "Content-Length: 3", "Expect: 100-continue")},
		{name: "expect 401", send: withMethod("POST", lock, "Content-Length: 3", "Expect: 100-continue")},
		{name: "expect 1.0", send: "POST /missing HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"},
		{name: "expect without body", send: get("/missing", "Expect: 100-continue")},
		{name: "expect other", send: withMethod("POST", "/missing", "Content-Length: 3", "Expect: foo<") + "abc"},
		{name: "body waits", send: withMethod("PUT", "/x", "Content-Length: 3")},
		{name: "body cut", send: "POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", shut: true},
		{name: "chunked", send: withMethod("POST", "/missing", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + get("/small.txt", "Connection: close")},
		{name: "chunked with trailer", send: withMethod("POST", "/missing", "Transfer-Encoding: chunked") + "3;ext=1\r\nabc\r\n0\r\nX: y\r\n\r\n" + get("/small.txt")},
		{name: "chunked capital", send: withMethod("POST", "/missing", "Transfer-Encoding: Chunked") + "0\r\n\r\n"},
		{name: "chunk bad", send: withMethod("POST", "/missing", "Transfer-Encoding: chunked") + "zz\r\nabc\r\n0\r\n\r\n"},
		{name: "chunk bad found", send: withMethod("POST", "/small.txt", "Connection: keep-alive", "Transfer-Encoding: chunked") + "zz\r\n"},
		{name: "chunk bad get", send: get("/small.txt", "Transfer-Encoding: chunked") + "zz\r\n"},
		{name: "chunk bad put", send: withMethod("PUT", "/x", "Transfer-Encoding: chunked") + "zz\r\n"},
		{name: "encoding foo", send: withMethod("POST", "/missing", "Transfer-Encoding: foo") + "abc"},
		{name: "encoding identity", send: withMethod("POST", "/missing", "Transfer-Encoding: identity")},
		{name: "encoding gzip, chunked", send: withMethod("POST", "/missing", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"},
		{name: "encoding twice", send: withMethod("POST", "/missing", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n"},
		{name: "encoding and length", send: withMethod("POST", "/missing", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n"},
		{name: "encoding 1.0", send: "POST /missing HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{name: "length letters", send: withMethod("POST", "/missing", "Content-Length: abc")},
		{name: "length negative", send: withMethod("POST", "/missing", "Content-Length: -1")},
		{name: "length plus", send: withMethod("POST", "/missing", "Content-Length: +3") + "abc"},
		{name: "length huge", send: withMethod("POST", "/missing", "Content-Length: 99999999999999999999")},
		{name: "length 2 GB", send: withMethod("POST", "/missing", "Content-Length: 2000000000") + "abc"},
		{name: "length 2 MB", send: withMethod("POST", "/missing", "Content-Length: 2000000") + "abc"},
		{name: "length twice", send: withMethod("POST", "/missing", "Content-Length: 3", "Content-Length: 3") + "abc"},
		{name: "lengths differ", send: withMethod("POST", "/missing", "Content-Length: 3", "Content-Length: 4") + "abcd"},
		{name: "get with body", send: get("/missing", "Content-Length: 3") + "abc" + get("/small.txt", "Connection: close")},
		{name: "pipeline", send: strings.Repeat(get("/missing"), 3)},
		{name: "100 requests", send: strings.Repeat(get("/small.txt"), 103)},
		{name: "field without colon", send: get("/missing", "foo")},
		{name: "field space colon", send: get("/missing", "foo : bar")},
		{name: "field folded", send: get("/missing", "foo: bar", " baz")},
		{name: "field folded first", send: "GET /missing HTTP/1.1\r\n foo: bar\r\n" + twinHost + crlf},
		{name: "field bad name", send: get("/missing", "fo(o: bar")},
		{name: "field underscore", send: get("/missing", "fo_o: bar")},
		{name: "field empty name", send: get("/missing", ": bar")},
		{name: "field control", send: get("/missing", "foo: b\x01r")},
		{name: "field NUL", send: get("/missing", "foo: b\x00r")},
		{name: "field CR", send: get("/missing", "foo: b\rr")},
		{name: "field 8 bit", send: get("/missing", "foo: \xff")},
		{name: "two hosts", send: get("/missing", strings.TrimSpace(twinHost))},
		{name: "host with space", send: "GET /missing HTTP/1.1\r\nHost: a b\r\n\r\n"},
		{name: "host with slash", send: "GET /missing HTTP/1.1\r\nHost: a/b\r\n\r\n"},
		{name: "host with angle", send: "GET /missing HTTP/1.1\r\nHost: <x>\r\n\r\n"},
		{name: "host empty", send: "GET /missing HTTP/1.1\r\nHost: \r\n\r\n"},
		{name: "host port", send: "GET /missing HTTP/1.1\r\nHost: foo.example:8081\r\n\r\n"},
		{name: "host address", send: "GET /missing HTTP/1.1\r\nHost: 1.2.3.4:99\r\n\r\n"},
		{name: "host IPv6", send: "GET /missing HTTP/1.1\r\nHost: [::1]\r\n\r\n"},
		{name: "host port letters", send: "GET /missing HTTP/1.1\r\nHost: foo:bar\r\n\r\n"},
		{name: "host port 0", send: "GET /missing HTTP/1.1\r\nHost: foo:0\r\n\r\n"},
		{name: "host dots", send: "GET /missing HTTP/1.1\r\nHost: foo..bar\r\n\r\n"},
		{name: "host trailing dot", send: "GET /missing HTTP/1.1\r\nHost: Foo.Example.\r\n\r\n"},
		{name: "host underscore", send: "GET /missing HTTP/1.1\r\nHost: foo_bar\r\n\r\n"},
		{name: "long target", send: get("/" + strings.Repeat("a", 9000))},
		{name: "longer target", send: get("/" + strings.Repeat("a", 40000))},
		{name: "long segment", send: get("/" + strings.Repeat("a", 300)), skip: "nginx"},
		{name: "line 8190", send: get("/" + strings.Repeat("a", 8190-14)), skip: "nginx"},
		{name: "line 8191", send: get("/" + strings.Repeat("a", 8191-14))},
		{name: "line 8192", send: get("/" + strings.Repeat("a", 8192-14))},
		{name: "field 8190", send: get("/missing", "X: "+strings.Repeat("a", 8190-3))},
		{name: "field 8191", send: get("/missing", "X: "+strings.Repeat("a", 8191-3))},
		{name: "field 8192", send: get("/missing", "X: "+strings.Repeat("a", 8192-3))},
		{name: "field 40000", send: get("/missing", "X: "+strings.Repeat("a", 40000))},
		{name: "field name 9000", send: get("/missing", strings.Repeat("X", 9000)+": a")},
		{name: "100 fields", send: "GET /missing HTTP/1.1\r\n" + twinHost + repeated("X%d: a\r\n", 99) + crlf},
		{name: "102 fields", send: "GET /missing HTTP/1.1\r\n" + twinHost + repeated("X%d: a\r\n", 101) + crlf},
		{name: "3 long fields", send: "GET /missing HTTP/1.1\r\n" + twinHost + repeated("X%d: "+strings.Repeat("a", 8000)+"\r\n", 3) + crlf},
		{name: "5 fields of one name", send: "GET /missing HTTP/1.1\r\n" + twinHost + strings.Repeat("X: "+strings.Repeat("a", 3000)+"\r\n", 5) + crlf},
		{name: "dot-dot", send: get("/../../etc/passwd")},
		{name: "dot-dot inside", send: get("/dir/../small.txt")},
		{name: "dot-dot escaped", send: get("/%2e%2e/%2e%2e/etc/passwd")},
		{name: "dot-dot after slashes", send: get("//evil.example/%2e%2e")},
		{name: "escaped slash", send: get("/a%2fb")},
		{name: "escaped NUL", send: get("/a%00b")},
		{name: "escape bad", send: get("/a%zz")},
		{name: "escape short", send: get("/a%")},
		{name: "escaped percent", send: get("/%7e%41/%2541")},
		{name: "8 bit", send: get("/\xff\xfe")},
		{name: "control", send: get("/\x01")},
		{name: "NUL", send: get("/\x00")},
		{name: "markup", send: get(`/<script>"'&`)},
		{name: "query", send: get("/missing?a=b")},
		{name: "fragment", send: get("/small.txt#foo")},
		{name: "backslash", send: get(`/a\b`)},
		{name: "double slash", send: get("//small.txt")},
		{name: "directory", send: get("/dir")},
		{name: "directory query", send: get("/dir?a=<b>")},
		{name: "directory port", send: "GET /dir HTTP/1.1\r\nHost: foo:80\r\n\r\n"},
		{name: "directory slash", send: get("/dir/")},
		{name: "htaccess", send: get("/.htaccess"), skip: "nginx"},
		{name: "below a file", send: get("/small.txt/foo")},
		{name: "slash after a file", send: get("/small.txt/")},
		{name: "locked", send: get(lock)},
		{name: "locked slash", send: get(lock + "/x")},
		{name: "locked put", send: withMethod("PUT", lock, "Content-Length: 0")},
		{name: "locked head", send: withMethod("HEAD", lock)},
		{name: "locked bad password", send: get(lock, "Authorization: Basic eDp5")},
		{name: "locked junk", send: get(lock, "Authorization: Basic !!!")},
		{name: "locked post", send: withMethod("POST", lock, "Content-Length: 3") + "abc" + get("/small.txt")},
		{name: "gzip head", send: withMethod("HEAD", "/", "Accept-Encoding: gzip")},
		{name: "gzip", send: get("/index.html", "Accept-Encoding: gzip, deflate")},
		{name: "gzip keep-alive", send: withMethod("HEAD", "/index.html", "Connection: keep-alive", "Accept-Encoding: gzip")},
		{name: "gzip 1.0", send: "GET /index.html HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"},
		{name: "gzip missing", send: get("/missing", "Accept-Encoding: gzip")},
		{name: "gzip refused", send: get("/index.html", "Accept-Encoding: gzip;q=0")},
		{name: "gzip small", send: get("/s68.html", "Accept-Encoding: gzip")},
		{name: "gzip not so small", send: get("/s69.html", "Accept-Encoding: gzip")},
		{name: "gzip 19", send: get("/s19.html", "Accept-Encoding: gzip")},
		{name: "gzip 20", send: get("/s20.html", "Accept-Encoding: gzip")},
		{name: "gzip directory", send: get("/dir", "Accept-Encoding: gzip")},
		{name: "gzip 405", send: withMethod("DELETE", "/", "Accept-Encoding: gzip")},
		{name: "gzip 401", send: get(lock, "Accept-Encoding: gzip")},
		{name: "gzip 416", send: get("/small.txt", "Accept-Encoding: gzip", "Range: bytes=10-20")},
		{name: "chrome", send: get("/missing", "User-Agent: Mozilla/5.0 (X11) Chrome/120.0")},
		{name: "chrome 301", send: get("/dir", "User-Agent: Mozilla/5.0 (X11) Chrome/120.0")},
		{name: "HTTP/2 preface", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		{name: "upgrade h2c", send: get("/missing", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")},
		{name: "upgrade websocket", send: get("/missing", "Connection: Upgrade", "Upgrade: websocket")},
		{name: "cut in head", send: "GET /missing HTTP/1.1\r\nHost: a\r\n", shut: true},
		{name: "cut in line", send: "GET /miss", shut: true},
	}
}

func without(table []rawRequest, product string) []rawRequest {
	var kept []rawRequest
	for _, raw := range table {
		if raw.skip != product {
			kept = append(kept, raw)
		}
	}
	return kept
}

var plainOnTLS = []rawRequest{
	{name: "plain get", send: get("/x")},
	{name: "plain junk", send: "hello\r\n\r\n"},
	{name: "plain zero", send: "\x00\x01\x02hello\r\n\r\n"},
	{name: "plain head", send: "HEAD / HTTP/1.0\r\n\r\n"},
	{name: "plain post", send: "POST /foo HTTP/1.1\r\nHost: zork\r\nContent-Length: 3\r\n\r\nabc"},
	{name: "plain put", send: "PUT / HTTP/1.1\r\n\r\n"},
	{name: "plain connect", send: "CONNECT / HTTP/1.1\r\n\r\n"},
	{name: "plain unknown", send: "FOO / HTTP/1.0\r\n\r\n"},
	{name: "plain four", send: "GETx"},
	{name: "plain cut", send: "GET x", shut: true},
	{name: "ssh", send: "SSH-2.0-Go\r\n"},
}

func TestAnswersAsApache(t *testing.T) {
	tw := startApache(t)
	compare(t, tw.plain, tw.ours.Addrs[plainPort].String(), without(twinTable(tw.lock), "apache"))
	compare(t, tw.secure, tw.ours.Addrs[securePort].String(), append(overTLS(), plainOnTLS...))
}

func TestAnswersAsNginx(t *testing.T) {
	tw := startNginx(t)
	compare(t, tw.plain, tw.ours.Addrs[plainPort].String(), without(twinTable(tw.lock), "nginx"))
	compare(t, tw.secure, tw.ours.Addrs[securePort].String(), append(overTLS(), plainOnTLS...))
}

package http_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/servicetest"
)

var (
	plain  = services.Port{Network: "tcp", Number: 80}
	secure = services.Port{Network: "tcp", Number: 443}
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	login := func(t *testing.T, c net.Conn) map[string]string {
		send(t, c, "GET /admin/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n")
		return map[string]string{"username": "aladdin", "password": "open sesame", "method": "basic", "outcome": "failure", "path": "/admin/"}
	}
	t.Run("apache", func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{
			Service: http.Service{}, Config: services.Config{"fake_app": "apache_default"},
			Truncated: []byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"),
			Login:     login,
			Bait:      etag,
		})
	})
	t.Run("nginx", func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{
			Service: http.Service{}, Config: services.Config{"fake_app": "nginx_default"},
			Truncated: []byte("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
			Login:     login,
			Bait:      etag,
		})
	})
	t.Run("wordpress", func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{
			Service: http.Service{}, Config: services.Config{"fake_app": "wordpress"},
			Login: func(t *testing.T, c net.Conn) map[string]string {
				const form = "log=admin&pwd=it%27s+%5D+a+%22test%22%0A&wp-submit=Log+In"
				send(t, c, "POST /wp-login.php HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "+itoa(len(form))+"\r\n\r\n"+form)
				return map[string]string{"username": "admin", "password": "it's ] a \"test\"\n", "method": "form", "path": "/wp-login.php"}
			},
			Bait: func(t *testing.T, c net.Conn) string {
				_, body := ask(t, c, "GET / HTTP/1.0\r\n\r\n")
				return title.FindString(body)
			},
		})
	})
	t.Run("tls", func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{Service: http.Service{}, Port: secure, Truncated: []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")})
	})
	t.Run("iis", func(t *testing.T) {
		servicetest.Run(t, servicetest.Case{
			Service: http.Service{}, Config: services.Config{"fake_app": "iis_default"},
			Truncated: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Login: login, Bait: etag,
		})
	})
}

var title = regexp.MustCompile(`<title>.*</title>`)

func etag(t *testing.T, c net.Conn) string {
	head, _ := ask(t, c, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	return regexp.MustCompile(`ETag: \S+`).FindString(head)
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// ask sends one request and reads until the server closes.
func ask(t testing.TB, c net.Conn, text string) (head, body string) {
	t.Helper()
	send(t, c, text)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%v after %q", err, all)
	}
	head, body, _ = strings.Cut(string(all), "\r\n\r\n")
	return head, body
}

// start runs the honeypot as decky n.
func start(t *testing.T, cfg services.Config, n byte) *servicetest.Decky {
	t.Helper()
	return servicetest.Start(t, http.Service{}, cfg, n, services.Env{})
}

func requestHeaders(e decnet.Event) (names []string, err error) {
	dec := json.NewDecoder(strings.NewReader(e.Value("headers")))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value string
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		names = append(names, name.(string)+"="+value)
	}
	return names, nil
}

func TestRequestEventKeepsOrderAndSpelling(t *testing.T) {
	d := start(t, services.Config{"fake_app": "apache_default"}, 1)
	body := "some text"
	ask(t, d.Dial(t, plain), "POST /a%20b?q=1 HTTP/1.1\r\nhOST: web\r\nX-b: 1\r\nx-A: \xe9\"\r\nX-b: 2\r\nUser-Agent: tester/1\r\nConnection: close\r\nContent-Length: 9\r\n\r\n"+body)
	e := d.Wait(t, "request", map[string]string{
		"method": "POST", "path": "/a%20b?q=1", "host": "web", "version": "HTTP/1.1", "user_agent": "tester/1",
		"body": body, "body_size": "9", "status": "404",
	})
	sum := sha256.Sum256([]byte(body))
	if got := e.Value("body_sha256"); got != hex.EncodeToString(sum[:]) {
		t.Errorf("body_sha256 is %s", got)
	}
	names, err := requestHeaders(e)
	if err != nil {
		t.Fatalf("headers %s: %v", e.Value("headers"), err)
	}
	want := "hOST=web|X-b=1, 2|x-A=é\"|User-Agent=tester/1|Connection=close|Content-Length=9"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("headers are\n%s, want\n%s", got, want)
	}
}

func TestMalformedRequestIsKept(t *testing.T) {
	d := start(t, services.Config{"fake_app": "nginx_default"}, 1)
	ask(t, d.Dial(t, plain), "\x16\x03\x01\x02\x00\x01\r\n\r\n")
	e := d.Wait(t, "request", map[string]string{"status": "400"})
	if !strings.HasPrefix(e.Value("raw"), "\x16\x03\x01") || e.Value("raw_b64") == "" {
		t.Errorf("raw is %q", e.Value("raw"))
	}
}

func TestUploadsBecomeArtifacts(t *testing.T) {
	d := start(t, services.Config{"fake_app": "apache_default"}, 1)
	shell := "<?php system($_GET['c']); ?>"
	binaryBody := append([]byte("\x7fELF\x02\x01\x01\x00"), bytes.Repeat([]byte{0xff, 0x00}, 3<<20)...)
	form := "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nroot\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\ntoor\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"up\"; filename=\"../../x.php\"\r\nContent-Type: image/gif\r\n\r\n" + shell + "\r\n--b--\r\n"
	ask(t, d.Dial(t, plain), "PUT /shell.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "+itoa(len(shell))+"\r\n\r\n"+shell)
	ask(t, d.Dial(t, plain), "POST /upload.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "+itoa(len(form))+"\r\n\r\n"+form)
	ask(t, d.Dial(t, plain), "POST /bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "+itoa(len(binaryBody))+"\r\n\r\n"+string(binaryBody))
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/shell.php", "sha256": sum([]byte(shell)), "method": "PUT"})
	d.Wait(t, "file_captured", map[string]string{"orig_path": "../../x.php", "sha256": sum([]byte(shell)), "field": "up"})
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/bin", "sha256": sum(binaryBody), "size": itoa(len(binaryBody))})
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "toor", "method": "form"})
	e := d.Wait(t, "request", map[string]string{"path": "/bin", "body_size": itoa(len(binaryBody)), "body_sha256": sum(binaryBody)})
	if n := len(e.Value("body")); n != 8<<10 {
		t.Errorf("%d bytes of the body are in the event", n)
	}
}

func TestFilesAreServedAndNothingElse(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.txt")
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for name, content := range map[string][]byte{
		outside: []byte("secret"), filepath.Join(dir, "page.html"): []byte("<p>mine</p>"), filepath.Join(dir, "big.iso"): big,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("page.html", filepath.Join(dir, "inside.html")); err != nil {
		t.Fatal(err)
	}
	d := start(t, services.Config{"files": dir, "fake_app": "apache_default"}, 1)
	get := func(path string) (string, string) {
		return ask(t, d.Dial(t, plain), "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	if head, body := get("/page.html"); body != "<p>mine</p>" || !strings.Contains(head, "Content-Type: text/html") {
		t.Errorf("page.html: %q %q", head, body)
	}
	if _, body := get("/inside.html"); body != "<p>mine</p>" {
		t.Errorf("a link inside the directory gives %q", body)
	}
	if head, body := get("/big.iso"); body != string(big) || !strings.Contains(head, "Content-Length: 1048576\r\n") {
		t.Errorf("big.iso: %q and %d bytes", head, len(body))
	}
	for _, path := range []string{"/link.txt", "/../" + filepath.Base(filepath.Dir(outside)) + "/secret.txt", "/%2e%2e/secret.txt", outside, "/page.html/..%2f..%2fsecret.txt", "/..\\secret.txt"} {
		if _, body := get(path); strings.Contains(body, "secret\n") || body == "secret" {
			t.Errorf("%s leads out of the directory", path)
		}
	}
	if _, body := get("/"); !strings.Contains(body, "It works") {
		t.Error("without an index file the persona's own page is gone")
	}
}

// The weakness tests name what they guard against.

func TestW20_HTTPCredentialsAreExtracted(t *testing.T) {
	d := start(t, services.Config{"fake_app": "wordpress"}, 1)
	post := func(path, ctype, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: " + ctype + "\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	}
	call := func(method string, params ...string) string {
		b := "<?xml version='1.0'?><methodCall><methodName>" + method + "</methodName><params>"
		for _, p := range params {
			b += "<param><value><string>" + p + "</string></value></param>"
		}
		return b + "</params></methodCall>"
	}
	sub := func(user, pass string) string {
		return "<value><struct><member><name>methodName</name><value><string>wp.getUsersBlogs</string></value></member><member><name>params</name><value><array><data><value><array><data><value><string>" +
			user + "</string></value><value><string>" + pass + "</string></value></data></array></value></data></array></value></member></struct></value>"
	}
	multi := "<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>" + sub("m1", "p&amp;1") + sub("m2", "p2") + "</data></array></value></param></params></methodCall>"
	for _, c := range []struct {
		request string
		want    map[string]string
	}{
		{"GET / HTTP/1.0\r\nAuthorization: basic " + "cm9vdDpwOnc=" + "\r\n\r\n", map[string]string{"username": "root", "password": "p:w", "method": "basic"}},
		{"GET / HTTP/1.0\r\nAuthorization: Bearer abc.def\r\n\r\n", map[string]string{"secret_kind": "http_bearer", "secret": "abc.def", "method": "bearer"}},
		{`GET /dir/index.html HTTP/1.0` + "\r\n" + `Authorization: Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"` + "\r\n\r\n",
			map[string]string{"username": "Mufasa", "realm": "testrealm@host.com", "secret_kind": "http_digest", "challenge": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
				"hashcat": "$sip$***Mufasa*testrealm@host.com*GET**/dir/index.html**dcd98b7102dd2f0e8b11d0f600bfb0c093*0a4f113b*00000001*auth*MD5*6629fae49393a05397450978507c4ef1"}},
		{post("/wp-login.php", "application/x-www-form-urlencoded", "log=editor&pwd=a%26b"), map[string]string{"username": "editor", "password": "a&b", "method": "form"}},
		{post("/api/login", "application/json", `{"user":{"email":"x@y.z","password":"s\u00e9\"cret"},"n":1}`), map[string]string{"username": "x@y.z", "password": "sé\"cret", "method": "json"}},
		{post("/index.php", "application/x-www-form-urlencoded", "data[User][username]=cake&data[User][password]=pie"), map[string]string{"username": "cake", "password": "pie"}},
		{"GET /login?user=q&pass=r HTTP/1.0\r\n\r\n", map[string]string{"username": "q", "password": "r", "method": "query"}},
		{post("/xmlrpc.php", "text/xml", call("wp.getUsersBlogs", "admin", "&lt;x&gt;")), map[string]string{"username": "admin", "password": "<x>", "method": "xmlrpc"}},
		{post("/xmlrpc.php", "text/xml", call("metaWeblog.getRecentPosts", "1", "bob", "pw", "10")), map[string]string{"username": "bob", "password": "pw", "method": "xmlrpc"}},
		{post("/xmlrpc.php", "text/xml", multi), map[string]string{"username": "m1", "password": "p&1"}},
		{post("/xmlrpc.php", "text/xml", multi), map[string]string{"username": "m2", "password": "p2"}},
	} {
		ask(t, d.Dial(t, plain), c.request)
		d.Wait(t, "auth_attempt", c.want)
	}
	ask(t, d.Dial(t, plain), post("/xmlrpc.php", "text/xml", call("pingback.ping", "http://203.0.113.9/x", "http://a/")))
	d.Wait(t, "download_attempt", map[string]string{"url": "http://203.0.113.9/x"})
}

func TestW24_EveryPersonaKeyHasAnEffect(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.txt"), []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		cfg        services.Config
		path       string
		head, body string
	}{
		"server_header": {services.Config{"server_header": "Apache/2.4.54 (Debian)", "fake_app": "apache_default"}, "/none", "Server: Apache/2.4.54 (Debian)", "<address>Apache/2.4.54 (Debian) Server at"},
		"other server":  {services.Config{"server_header": "lighttpd/1.4.69"}, "/none", "Server: lighttpd/1.4.69", "Not Found"},
		"response_code": {services.Config{"response_code": "403", "fake_app": "apache_default"}, "/none", "HTTP/1.1 403 Forbidden", "It works"},
		"response_code alone": {services.Config{"response_code": "503", "server_header": "Apache/2.4.62 (Debian)"}, "/", "HTTP/1.1 503 Service Unavailable",
			"temporarily unable to service"},
		"response_code 401": {services.Config{"response_code": "401", "server_header": "nginx/1.22.1"}, "/", "WWW-Authenticate: Basic", "401 Authorization Required"},
		"fake_app apache":   {services.Config{"fake_app": "apache_default"}, "/", "Server: Apache/2.4.62 (Debian)", "<title>Apache2 Debian Default Page: It works</title>"},
		"fake_app nginx":    {services.Config{"fake_app": "nginx_default"}, "/", "Server: nginx/1.22.1", "<title>Welcome to nginx!</title>"},
		"fake_app wp":       {services.Config{"fake_app": "wordpress"}, "/wp-login.php", "Set-Cookie: wordpress_test_cookie", `name="pwd"`},
		"fake_app pma":      {services.Config{"fake_app": "phpmyadmin"}, "/phpmyadmin/", "Set-Cookie: phpMyAdmin=", `name="pma_password"`},
		"fake_app iis":      {services.Config{"fake_app": "iis_default"}, "/", "Server: Microsoft-IIS/10.0", "IIS Windows Server"},
		"extra_headers":     {services.Config{"extra_headers": `{"X-Two":"2","X-One":"1"}`}, "/", "X-Two: 2\r\nX-One: 1\r\n", ""},
		"custom_body":       {services.Config{"custom_body": "<h1>hello</h1>"}, "/any/path", "HTTP/1.1 200 OK", "<h1>hello</h1>"},
		"files":             {services.Config{"files": dir}, "/x.txt", "HTTP/1.1 200 OK", "from a file"},
		"all of them": {services.Config{"files": dir, "custom_body": "b", "response_code": "418", "extra_headers": `{"A":"b"}`, "server_header": "nginx/1.0", "fake_app": "wordpress"},
			"/x.txt", "HTTP/1.1 418 I'm A Teapot\r\nServer: nginx/1.0\r\n", "from a file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := start(t, c.cfg, 1)
			head, body := ask(t, d.Dial(t, plain), "GET "+c.path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if !strings.Contains(head+"\r\n", c.head) {
				t.Errorf("no %q in\n%s", c.head, head)
			}
			if !strings.Contains(body, c.body) {
				t.Errorf("no %q in\n%s", c.body, body)
			}
		})
	}
	for _, cfg := range []services.Config{
		{"response_code": "99"}, {"response_code": "x"}, {"fake_app": "tomcat"}, {"extra_headers": "[]"}, {"extra_headers": `{"a b":"c"}`},
		{"extra_headers": `{"a":"b\r\nc: d"}`}, {"files": "/no/such/directory"}, {"files": filepath.Join(dir, "x.txt")}, {"server_header": "a\nb"}, {"tls_cn": "x"},
	} {
		if _, err := (http.Service{}).New(services.Env{Decky: "decky-01"}, cfg); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: got %v, want decnet.ErrSemantic", cfg, err)
		}
	}
}

func TestW44_DeckiesDiffer(t *testing.T) {
	page := func(app string, n byte) string {
		d := start(t, services.Config{"fake_app": app}, n)
		head, body := ask(t, d.Dial(t, plain), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		return regexp.MustCompile(`(?m)^(Date|Set-Cookie|Expires|Last-Modified: \w+, \d+ \w+ 202[6-9]).*\n`).ReplaceAllString(head, "") + body
	}
	for _, app := range []string{"apache_default", "nginx_default", "wordpress", "iis_default"} {
		if page(app, 1) == page(app, 2) {
			t.Errorf("%s looks the same on two deckies", app)
		}
		before := page(app, 3)
		if after := page(app, 3); after != before {
			t.Errorf("%s of one decky changes with a restart", app)
		}
	}
	seen := make(map[string]bool)
	for n := range byte(40) {
		d := start(t, nil, n)
		_, body := ask(t, d.Dial(t, plain), "GET / HTTP/1.0\r\n\r\n")
		seen[title.FindString(body)] = true
	}
	if len(seen) < 8 {
		t.Errorf("40 deckies without settings have %d titles: %v", len(seen), seen)
	}
}

func TestW49_ManyClientsAreServedAtOnceWithinLimits(t *testing.T) {
	d := start(t, services.Config{"fake_app": "apache_default"}, 1)
	for range 100 {
		send(t, d.Dial(t, plain), "GET / HTTP/1.1\r\nHost: a\r\n") // never ends
	}
	d.WaitCount(t, "connect", 100)
	began := time.Now()
	if head, _ := ask(t, d.Dial(t, plain), "GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Errorf("behind 100 slow clients: %q", head)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the 101st client waited %s", took)
	}
	// A body is read up to the limit, and no further.
	c := d.Dial(t, plain)
	send(t, c, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := "100000\r\n" + strings.Repeat("\x00", 1<<20) + "\r\n"
	go func() {
		for range 64 {
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	}()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	status, _ := bufio.NewReader(c).ReadString('\n')
	if !strings.HasPrefix(status, "HTTP/1.1 413") {
		t.Errorf("an endless body is answered with %q", status)
	}
	d.Wait(t, "request", map[string]string{"status": "413"})
}

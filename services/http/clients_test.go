package http_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //lint:ignore SA1019 NTLM hashes passwords with MD4

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

// client runs a real client, or skips the test when it is not installed.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %v does not end:\n%s", name, args, out)
	}
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

// locked finds the directory of d that needs credentials, by its robots.txt or by trying.
func locked(t *testing.T, d *servicetest.Decky) string {
	t.Helper()
	for _, dir := range []string{"/admin", "/backup", "/private", "/stats", "/internal", "/monitoring", "/reports", "/staging"} {
		if head, _ := ask(t, d.Dial(t, plain), "GET "+dir+"/ HTTP/1.0\r\n\r\n"); strings.Contains(head, " 401 ") {
			return dir + "/"
		}
	}
	t.Fatal("no directory needs credentials")
	return ""
}

func TestCurl(t *testing.T) {
	d := start(t, services.Config{"fake_app": "apache_default"}, 1)
	base := "http://" + d.Addrs[plain].String()
	upload := filepath.Join(t.TempDir(), "tool.sh")
	if err := os.WriteFile(upload, []byte("#!/bin/sh\nid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		output string
		event  string
		fields map[string]string
	}{
		"get":    {[]string{"-si", base + "/"}, "HTTP/1.1 200 OK", "request", map[string]string{"path": "/", "status": "200"}},
		"1.0":    {[]string{"-si0", base + "/robots"}, "404 Not Found", "request", map[string]string{"path": "/robots", "version": "HTTP/1.0"}},
		"basic":  {[]string{"-si", "-u", "bob:s3 cr:et", base + locked(t, d)}, "401 Unauthorized", "auth_attempt", map[string]string{"username": "bob", "password": "s3 cr:et"}},
		"bearer": {[]string{"-si", "--oauth2-bearer", "tok", base + "/api"}, "404", "auth_attempt", map[string]string{"secret": "tok", "secret_kind": "http_bearer"}},
		"put":    {[]string{"-si", "-T", upload, base + "/tool.sh"}, "405 Method Not Allowed", "file_captured", map[string]string{"orig_path": "/tool.sh", "size": "13"}},
		"form":   {[]string{"-si", "-F", "email=a@b.c", "-F", "passwd=x", "-F", "f=@" + upload, base + "/up"}, "404", "auth_attempt", map[string]string{"username": "a@b.c", "password": "x"}},
		"upload": {[]string{"-si", "-F", "f=@" + upload, base + "/up2"}, "404", "file_captured", map[string]string{"orig_path": "tool.sh", "path": "/up2"}},
		"json":   {[]string{"-si", "--json", `{"login":"me","password":"pw"}`, base + "/l"}, "404", "auth_attempt", map[string]string{"username": "me", "password": "pw", "method": "json"}},
		"gzip":   {[]string{"-s", "--compressed", base + "/"}, "It works", "request", map[string]string{"path": "/"}},
		"expect": {[]string{"-si", "-H", "Expect: 100-continue", "-d", "a=b", base + "/e"}, "HTTP/1.1 100 Continue", "request", map[string]string{"path": "/e", "body": "a=b"}},
		"two":    {[]string{"-sv", base + "/1", base + "/2"}, "Re-using existing connection", "request", map[string]string{"path": "/2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if out := client(t, "curl", c.args...); !strings.Contains(out, c.output) {
				t.Errorf("no %q in\n%s", c.output, out)
			}
			d.Wait(t, c.event, c.fields)
		})
	}
}

// digestDecky returns a decky whose locked directory asks for Digest authentication.
func digestDecky(t *testing.T) (d *servicetest.Decky, path string) {
	t.Helper()
	for n := byte(1); n < 60; n++ {
		d := start(t, services.Config{"fake_app": "apache_default"}, n)
		path := locked(t, d)
		if head, _ := ask(t, d.Dial(t, plain), "GET "+path+" HTTP/1.0\r\n\r\n"); strings.Contains(head, "WWW-Authenticate: Digest") {
			return d, path
		}
		d.Stop(t)
	}
	t.Fatal("no decky asks for Digest")
	return nil, ""
}

func TestCurlDigestCanBeCracked(t *testing.T) {
	d, path := digestDecky(t)
	client(t, "curl", "-si", "--digest", "-u", "alice:wonderland", "http://"+d.Addrs[plain].String()+path)
	e := d.Wait(t, "auth_attempt", map[string]string{"username": "alice", "secret_kind": "http_digest"})
	f := strings.Split(strings.TrimPrefix(e.Value("hashcat"), "$sip$*"), "*")
	if len(f) != 14 {
		t.Fatalf("hashcat line %q", e.Value("hashcat"))
	}
	hash := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	got := hash(hash(f[2]+":"+f[3]+":wonderland") + ":" + f[8] + ":" + f[10] + ":" + f[9] + ":" + f[11] + ":" + hash(f[4]+":"+f[6]))
	if got != f[13] {
		t.Errorf("with the right password the digest is %s, the line says %s", got, f[13])
	}
}

func TestCurlNTLMCanBeCracked(t *testing.T) {
	d := start(t, services.Config{"fake_app": "iis_default"}, 1)
	if out := client(t, "curl", "-V"); !strings.Contains(out, "NTLM") {
		t.Skip("curl was built without NTLM")
	}
	client(t, "curl", "-si", "--ntlm", "-u", `CORP\alice:wonderland`, "http://"+d.Addrs[plain].String()+locked(t, d))
	e := d.Wait(t, "auth_attempt", map[string]string{"username": "alice", "domain": "CORP", "secret_kind": "ntlmssp_v2"})
	f := strings.Split(e.Value("hashcat"), ":")
	if len(f) != 6 {
		t.Fatalf("hashcat line %q", e.Value("hashcat"))
	}
	wide := func(s string) (b []byte) {
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return b
	}
	nt := md4.New()
	nt.Write(wide("wonderland"))
	key := hmac.New(md5.New, nt.Sum(nil))
	key.Write(wide("ALICE" + f[2]))
	proof := hmac.New(md5.New, key.Sum(nil))
	for _, part := range []string{f[3], f[5]} {
		raw, err := hex.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		proof.Write(raw)
	}
	if got := hex.EncodeToString(proof.Sum(nil)); got != f[4] {
		t.Errorf("with the right password the proof is %s, the line says %s", got, f[4])
	}
}

func TestHydra(t *testing.T) {
	dir := t.TempDir()
	words := filepath.Join(dir, "words")
	if err := os.WriteFile(words, []byte("123456\nletmein\nqwerty ]\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(d *servicetest.Decky, args ...string) {
		t.Helper()
		addr := d.Addrs[plain]
		out := client(t, "hydra", append([]string{"-I", "-t", "1", "-l", "admin", "-P", words, "-s", fmt.Sprint(addr.Port()), addr.Addr().String()}, args...)...)
		t.Logf("%s", out)
		if !strings.Contains(out, "0 valid password") {
			t.Error("hydra found a password or failed")
		}
		for _, password := range []string{"123456", "letmein", `qwerty ]"`} {
			d.Wait(t, "auth_attempt", map[string]string{"username": "admin", "password": password, "outcome": "failure"})
		}
	}
	d := start(t, services.Config{"fake_app": "nginx_default"}, 1)
	run(d, "http-get", locked(t, d))
	run(start(t, services.Config{"fake_app": "wordpress"}, 1), "http-post-form", "/wp-login.php:log=^USER^&pwd=^PASS^:login_error")
	run(start(t, services.Config{"fake_app": "phpmyadmin"}, 1), "http-post-form", "/phpmyadmin/index.php:pma_username=^USER^&pma_password=^PASS^:Access denied")
}

func TestNmap(t *testing.T) {
	for app, want := range map[string][]string{
		"apache_default": {"Apache httpd 2.4.62 ((Debian))", "Apache2 Debian Default Page: It works", "Accept-Ranges: bytes"},
		"nginx_default":  {"nginx 1.22.1", "Welcome to nginx!"},
		"iis_default":    {"Microsoft IIS httpd 10.0", "IIS Windows Server"},
		"wordpress":      {"Apache httpd 2.4.62 ((Debian))", "WordPress 6."},
	} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			d := start(t, services.Config{"fake_app": app}, 1)
			out := client(t, "nmap", "-Pn", "-n", "-sT", "-sV", "--script", "http-headers,http-title,http-generator", "-p", fmt.Sprint(d.Addrs[plain].Port()), "127.0.0.1")
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("no %q in\n%s", w, out)
				}
			}
		})
	}
}

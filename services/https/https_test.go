package https_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/https"
	"github.com/decnet/decnet/services/servicetest"
)

var port = services.Port{Network: "tcp", Number: 443}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service: https.Service{}, Truncated: []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			ask(t, c, nil, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic cm9vdDpwdw==\r\n\r\n")
			return map[string]string{"username": "root", "password": "pw", "method": "basic", "outcome": "failure"}
		},
		Bait: func(t *testing.T, c net.Conn) string {
			return certificate(t, c).SerialNumber.String()
		},
	})
}

func certificate(t *testing.T, c net.Conn) *x509.Certificate {
	t.Helper()
	client := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0]
}

func ask(t *testing.T, c net.Conn, config *tls.Config, request string) string {
	t.Helper()
	if config == nil {
		config = &tls.Config{}
	}
	config.InsecureSkipVerify = true
	client := tls.Client(c, config)
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(client)
	if err != nil {
		t.Fatalf("%v after %q", err, answer)
	}
	return string(answer)
}

func start(t *testing.T, cfg services.Config, n byte) *servicetest.Decky {
	t.Helper()
	return servicetest.Start(t, https.Service{}, cfg, n, services.Env{})
}

func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
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

func TestCertificateIsThatOfADebianHost(t *testing.T) {
	c := certificate(t, start(t, nil, 1).Dial(t, port))
	name := servicetest.Identity(1).FQDN()
	switch {
	case c.Subject.String() != "CN="+name, c.Issuer.String() != "CN="+name:
		t.Errorf("subject %s, issuer %s", c.Subject, c.Issuer)
	case len(c.DNSNames) != 1 || c.DNSNames[0] != name:
		t.Errorf("names %v", c.DNSNames)
	case c.NotAfter.Sub(c.NotBefore) != 3650*24*time.Hour:
		t.Errorf("valid from %s to %s", c.NotBefore, c.NotAfter)
	case c.IsCA || c.SignatureAlgorithm != x509.SHA256WithRSA || c.PublicKeyAlgorithm != x509.RSA:
		t.Errorf("CA %v, %s, %s", c.IsCA, c.SignatureAlgorithm, c.PublicKeyAlgorithm)
	}
	if len(c.Extensions) != 3 {
		t.Errorf("%d extensions: %v", len(c.Extensions), c.Extensions)
	}
	plain := servicetest.Start(t, http.Service{}, nil, 1, services.Env{})
	if other := certificate(t, plain.Dial(t, port)); !other.Equal(c) {
		t.Error("http and https of one decky have different certificates")
	}
	named := certificate(t, start(t, services.Config{"tls_cn": "vpn.corp.example"}, 1).Dial(t, port))
	if named.Subject.CommonName != "vpn.corp.example" || named.VerifyHostname("vpn.corp.example") != nil {
		t.Errorf("tls_cn gives %s", named.Subject)
	}
	addressed := certificate(t, start(t, services.Config{"tls_cn": "10.0.0.7"}, 1).Dial(t, port))
	if addressed.VerifyHostname("10.0.0.7") != nil {
		t.Errorf("an address as tls_cn gives %v", addressed.IPAddresses)
	}
}

func TestW24_CertificateFilesHaveAnEffect(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if out := client(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=mine"); !fileExists(cert) {
		t.Fatal(out)
	}
	c := certificate(t, start(t, services.Config{"tls_cert": cert, "tls_key": key}, 1).Dial(t, port))
	if c.Subject.CommonName != "mine" {
		t.Errorf("subject %s", c.Subject)
	}
	for _, cfg := range []services.Config{{"tls_cert": cert}, {"tls_key": key}, {"tls_cert": key, "tls_key": cert}, {"tls_cert": "/none", "tls_key": key}} {
		if _, err := (https.Service{}).New(services.Env{Decky: "decky-01"}, cfg); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: got %v, want decnet.ErrSemantic", cfg, err)
		}
	}
}

func fileExists(name string) bool { _, err := os.Stat(name); return err == nil }

func TestSessionEventNamesTheClient(t *testing.T) {
	d := start(t, services.Config{"fake_app": "nginx_default"}, 1)
	ask(t, d.Dial(t, port), &tls.Config{ServerName: "shop.example", NextProtos: []string{"h2", "http/1.1"}}, "GET / HTTP/1.0\r\n\r\n")
	e := d.Wait(t, "session", map[string]string{"sni": "shop.example", "alpn": "h2,http/1.1", "tls_version": "TLS 1.3"})
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(e.Value("ja3")) {
		t.Errorf("ja3 is %q", e.Value("ja3"))
	}
	if !regexp.MustCompile(`^t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$`).MatchString(e.Value("ja4")) {
		t.Errorf("ja4 is %q", e.Value("ja4"))
	}
}

func TestW21_HeadersAreJSON(t *testing.T) {
	d := start(t, nil, 1)
	ask(t, d.Dial(t, port), nil, "GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: sqlmap/1.8\r\nX-Q: it's \"]\\ \xff\r\nConnection: close\r\n\r\n")
	e := d.Wait(t, "request", map[string]string{"path": "/x", "user_agent": "sqlmap/1.8"})
	var headers map[string]string
	if err := json.Unmarshal([]byte(e.Value("headers")), &headers); err != nil {
		t.Fatalf("headers %s: %v", e.Value("headers"), err)
	}
	if headers["User-Agent"] != "sqlmap/1.8" || headers["X-Q"] != "it's \"]\\ ÿ" {
		t.Errorf("headers %v", headers)
	}
	if e.Value("src_ip") != "127.0.0.77" || e.Attacker.String() != "127.0.0.77" {
		t.Errorf("attacker %s", e.Attacker)
	}
}

func TestW22_Port443OfHTTPIsServed(t *testing.T) {
	d := servicetest.Start(t, http.Service{}, services.Config{"fake_app": "apache_default"}, 1, services.Env{})
	for _, p := range (http.Service{}).Info().Ports {
		c := d.Dial(t, p)
		request := "GET / HTTP/1.0\r\n\r\n"
		var answer string
		if p == port {
			answer = ask(t, c, nil, request)
		} else {
			_, _ = io.WriteString(c, request)
			raw, _ := io.ReadAll(c)
			answer = string(raw)
		}
		if !strings.HasPrefix(answer, "HTTP/1.1 200 OK") || !strings.Contains(answer, "It works") {
			t.Errorf("port %s: %q", p, answer)
		}
	}
}

func TestCurlAndOpenSSL(t *testing.T) {
	d := start(t, services.Config{"fake_app": "phpmyadmin"}, 1)
	addr := d.Addrs[port].String()
	out := client(t, "curl", "-ksi", "-d", "pma_username=root&pma_password=pw&server=1", "https://"+addr+"/phpmyadmin/index.php")
	if !strings.Contains(out, "Access denied for user &#039;root&#039;@&#039;localhost&#039; (using password: YES)") || !strings.Contains(out, "; secure; HttpOnly") {
		t.Errorf("curl: %s", out)
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "pw", "method": "form"})
	out = client(t, "openssl", "s_client", "-connect", addr, "-servername", "x.example", "-alpn", "http/1.1", "-tls1_2", "-brief", "-ign_eof")
	if !strings.Contains(out, "TLSv1.2") || !strings.Contains(out, "ECDHE-RSA-AES256-GCM-SHA384") {
		t.Errorf("openssl: %s", out)
	}
	d.Wait(t, "session", map[string]string{"sni": "x.example", "alpn": "http/1.1", "tls_version": "TLS 1.2"})
	if out = client(t, "openssl", "s_client", "-connect", addr, "-tls1_1", "-brief"); !strings.Contains(out, "alert") && !strings.Contains(out, "error") {
		t.Errorf("TLS 1.1 is accepted: %s", out)
	}
}

func TestSSLScan(t *testing.T) {
	for app, preferred := range map[string]string{"apache_default": "ECDHE-RSA-AES256-GCM-SHA384", "nginx_default": "ECDHE-RSA-AES256-GCM-SHA384"} {
		d := start(t, services.Config{"fake_app": app}, 1)
		out := client(t, "sslscan", "--no-colour", d.Addrs[port].String())
		for _, want := range []string{
			"TLSv1.0   disabled", "TLSv1.1   disabled", "TLSv1.2   enabled", "TLSv1.3   enabled",
			"Session renegotiation not supported", "Server supports TLS Fallback SCSV",
			fmt.Sprintf("Preferred TLSv1.2  256 bits  %s", preferred), "RSA Key Strength:    2048",
			"Subject:  " + servicetest.Identity(1).FQDN(),
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", app, want, out)
			}
		}
	}
}

package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

// canned is a connection on which everything has been said.
type canned struct {
	io.Reader
	sent bytes.Buffer
}

func (c *canned) Write(p []byte) (int, error)      { return c.sent.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (c *canned) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 4} }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// hear lets a server of the persona hear input, and returns its answer and events.
func hear(t testing.TB, s *Server, input []byte) []byte {
	t.Helper()
	c := &canned{Reader: bytes.NewReader(input)}
	session := s.env.NewSession("http", services.NewConn(c, s.env.Limits))
	_ = s.plain(context.Background(), session)
	return c.sent.Bytes()
}

func fuzzServers(f *testing.F, sink decnet.Sink) []*Server {
	f.Helper()
	var list []*Server
	for _, app := range []string{appApache, appNginx, appIIS, appWordPress, appPHPMyAdmin} {
		s, err := New(services.Env{Decky: "decky-01", Identity: servicetest.Identity(1), Sink: sink}, services.Config{"fake_app": app}, testService{}.Info())
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// FuzzConversation feeds whole conversations to every product.
func FuzzConversation(f *testing.F) {
	for i, raw := range twinTable("/admin") {
		if len(raw.send) < 12<<10 {
			f.Add(byte(i%5), []byte(raw.send))
		}
	}
	f.Add(byte(3), []byte("POST /xmlrpc.php HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 76\r\n\r\n<methodCall><methodName>demo.sayHello</methodName><params></params></methodCall>"))
	f.Add(byte(0), []byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 90\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nabc\r\n--b--\r\n"))
	f.Add(byte(2), []byte("GET /admin/ HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"))
	var bad string
	servers := fuzzServers(f, decnet.SinkFunc(func(e decnet.Event) {
		if h, ok := e.Field("headers"); ok && !json.Valid([]byte(h)) {
			bad = h
		}
	}))
	f.Fuzz(func(t *testing.T, which byte, input []byte) {
		bad = ""
		out := hear(t, servers[int(which)%len(servers)], input)
		if bad != "" {
			t.Errorf("headers are no JSON: %q", bad)
		}
		if limit := 64<<10 + 64*len(input) + 8<<10*bytes.Count(input, []byte("\n")); len(out) > limit {
			t.Errorf("%d bytes are answered with %d", len(input), len(out))
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(`username="Mufasa", realm="testrealm@host.com", nonce="dcd98b", uri="/dir", qop=auth, nc=00000001, cnonce="0a4f", response="6629fae49393a05397450978507c4ef1"`)
	f.Add(`a="\"",b=,c`)
	f.Add(`username="`)
	f.Fuzz(func(t *testing.T, s string) {
		d := parseDigest(s)
		if len(d) > 30 {
			t.Errorf("%d parameters", len(d))
		}
		if line := d.hashcat("GET"); line != "" && (strings.ContainsAny(line, "\r\n") || strings.Count(line, "*") != 14) {
			t.Errorf("line %q", line)
		}
	})
}

func FuzzFormFields(f *testing.F) {
	f.Add("a=b&c=%41&d=%zz&&=", []byte(`{"a":{"b":["c",{"password":"x"}]},"n":1.5,"t":true}`))
	f.Add("log=x&pwd=y", []byte(`[[[[`))
	f.Fuzz(func(t *testing.T, form string, text []byte) {
		if n := len(urlFields(form)); n > maxFields {
			t.Errorf("%d fields of a form", n)
		}
		if n := len(jsonFields(text)); n > maxFields {
			t.Errorf("%d fields of JSON", n)
		}
	})
}

func FuzzParseCall(f *testing.F) {
	f.Add([]byte("<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value>u</value></param><param><value><string>p</string></value></param></params></methodCall>"))
	f.Add([]byte("<methodCall><methodName>system.multicall</methodName><params><param><value><array><data><value><struct><member><name>methodName</name><value>x</value></member></struct></value></data></array></value></param></params></methodCall>"))
	f.Add([]byte(strings.Repeat("<value>", 40)))
	f.Add([]byte("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><methodCall><methodName>&x;</methodName></methodCall>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		call, err := parseCall(text)
		if err == nil && call.method == "" && len(call.params) > 0 {
			t.Error("a call without a method is accepted")
		}
		_ = call.calls()
	})
}

func FuzzParseNTLM(f *testing.F) {
	type3, err := base64.StdEncoding.DecodeString("TlRMTVNTUAADAAAAGAAYAFIAAAAYABgAagAAABIAEgCCAAAADgAOAEAAAAAEAAQATgAAAAAAAAAAAAAABYKIogUBKAoAAAAP")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(type3)
	f.Add([]byte(ntlmSignature))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, ok := parseNTLM(raw)
		if ok && len(m.nt)+len(m.lm) > 2*len(raw) {
			t.Error("more than the message holds")
		}
		m.fields([]byte("12345678"))
	})
}

func FuzzRanges(f *testing.F) {
	f.Add("bytes=0-9,5-,-3", int64(10))
	f.Add("bytes=9223372036854775807-", int64(1))
	f.Fuzz(func(t *testing.T, v string, size int64) {
		if size < 0 {
			return
		}
		for _, strict := range []bool{true, false} {
			parts, ok := ranges(v, size, strict)
			if !ok {
				continue
			}
			for _, p := range parts {
				if p.start < 0 || p.length <= 0 || p.start+p.length > size {
					t.Errorf("%q of %d bytes gives %+v", v, size, p)
				}
			}
		}
	})
}

func FuzzTargetPath(f *testing.F) {
	f.Add("/a/../b//c/.%2e/")
	f.Add("/%2e%2e/%2e%2e/etc/passwd")
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") {
			return
		}
		decoded, ok, _, _ := unescape(target)
		if !ok {
			return
		}
		clean, ok := normalize(decoded)
		if !ok {
			return
		}
		if !strings.HasPrefix(clean, "/") {
			t.Errorf("%q becomes %q", target, clean)
		}
		for segment := range strings.SplitSeq(clean, "/") {
			if segment == ".." {
				t.Errorf("%q becomes %q", target, clean)
			}
		}
	})
}

func FuzzHeadersJSON(f *testing.F) {
	f.Add("Host", "a", "X-Y", "\xff\"\\\x00é")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		text, leftOut := headersJSON([]field{{a, b}, {c, d}, {a, d}})
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) || len(text) > headersSize+16 || leftOut > 2 {
			t.Errorf("%q, %d left out", text, leftOut)
		}
	})
}

func TestBodyFraming(t *testing.T) {
	s := fuzzServer(t)
	for _, c := range []struct{ name, framed, want string }{
		{"length", "Content-Length: 5\r\n\r\nhello", "hello"},
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2 ; x=y\r\nlo\r\n0\r\nA: b\r\n\r\n", "hello"},
		{"upper case size", "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
	} {
		var got string
		s.env.Sink = decnet.SinkFunc(func(e decnet.Event) {
			if e.Type == "request" && e.Value("method") == "POST" {
				got = e.Value("body")
			}
		})
		out := hear(t, s, []byte("POST /x HTTP/1.1\r\nHost: a\r\n"+c.framed+"GET /y HTTP/1.1\r\nHost: a\r\n\r\n"))
		if got != c.want {
			t.Errorf("%s: body %q, want %q", c.name, got, c.want)
		}
		if n := bytes.Count(out, []byte("HTTP/1.1 404")); n != 2 {
			t.Errorf("%s: %d answers to two requests", c.name, n)
		}
	}
}

func TestManyFieldsCostLittle(t *testing.T) {
	s, err := New(services.Env{Decky: "decky-01", Identity: servicetest.Identity(1)}, services.Config{"fake_app": appNginx}, testService{}.Info())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	hear(t, s, []byte("GET / HTTP/1.1\r\nHost: a\r\n"+strings.Repeat("a:b\r\n", 5500)+"\r\n"))
	hear(t, s, []byte("GET / HTTP/1.1\r\n"+strings.Repeat("Host: a\r\n", 3400)+"\r\n"))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("two requests with thousands of fields take %s", took)
	}
}

func TestLongHeadersStayJSON(t *testing.T) {
	s := fuzzServer(t)
	var e decnet.Event
	s.env.Sink = decnet.SinkFunc(func(got decnet.Event) { e = got })
	hear(t, s, []byte("GET / HTTP/1.1\r\nHost: a\r\n"+repeated("X%d: "+strings.Repeat("y", 3000)+"\r\n", 20)+"User-Agent: z\r\n\r\n"))
	var headers map[string]string
	if err := json.Unmarshal([]byte(e.Value("headers")), &headers); err != nil || headers["User-Agent"] != "z" || e.Value("headers_left_out") != "15" {
		t.Errorf("%v, %d fields, %s left out", err, len(headers), e.Value("headers_left_out"))
	}
}

func fuzzServer(t *testing.T) *Server {
	t.Helper()
	s, err := New(services.Env{Decky: "decky-01", Identity: servicetest.Identity(1)}, services.Config{"fake_app": appApache}, testService{}.Info())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(services.Env{Decky: "decky-01", Identity: servicetest.Identity(1)}, services.Config{"fake_app": appApache}, testService{}.Info()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPagesOfHTTPSysHaveTheirKnownSizes(t *testing.T) {
	s := &iis{}
	for detail, size := range map[string]int{badForm: 311, badVerb: 326, badURL: 324, badHost: 334} {
		if p := s.refuse(&request{}, badRequest(detail)); len(p.body) != size {
			t.Errorf("%s: %d bytes, want %d", detail, len(p.body), size)
		}
	}
}

package ingest

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet"
)

func made(service, typ string, keysAndValues ...string) decnet.Event {
	e := decnet.Event{Decky: "decky-01", Service: service, Type: typ, Attacker: netip.MustParseAddr("203.0.113.9"), Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9")}}
	for i := 0; i < len(keysAndValues); i += 2 {
		e.Fields = append(e.Fields, decnet.F(keysAndValues[i], keysAndValues[i+1]))
	}
	return e
}

var extractions = []struct {
	name  string
	event decnet.Event
	want  []string // "type payload"
}{
	{"1 user name and password", made("ftp", "auth_attempt", "username", "root", "password", `a"]b`),
		[]string{`credential {"username":"root","password":"a\"]b"}`}},
	{"1 empty password", made("ftp", "auth_attempt", "username", "root", "password", ""), []string{`credential {"username":"root","password":""}`}},
	{"1 empty user name", made("ftp", "auth_attempt", "username", "", "password", "x"), []string{`credential {"username":"","password":"x"}`}},
	{"1 both empty", made("ftp", "auth_attempt", "username", "", "password", ""), nil},
	{"1 user name alone", made("ftp", "auth_attempt", "username", "root"), nil},
	{"2 user agent in a field", made("http", "request", "method", "GET", "path", "/x", "user_agent", "curl/8"),
		[]string{`fingerprint {"fingerprint_type":"http_useragent","value":"curl/8","method":"GET","path":"/x"}`}},
	{"2 user agent in headers", made("http", "request", "headers", `{"Host":"h","USER-agent":["curl/8","b"]}`),
		[]string{`fingerprint {"fingerprint_type":"http_useragent","value":"curl/8","method":null,"path":null}`}},
	{"2 lower-case header", made("http", "request", "headers", `{"user-agent":"curl/8"}`),
		[]string{`fingerprint {"fingerprint_type":"http_useragent","value":"curl/8","method":null,"path":null}`}},
	{"2 headers that are no JSON", made("http", "request", "headers", `{'User-Agent': 'x'}`), nil},
	{"2 no user agent", made("http", "request", "headers", `{"Host":"h"}`, "user_agent", ""), nil},
	{"3 vnc client version", made("vnc", "version", "client_version", "RFB 003.008"), []string{`fingerprint {"fingerprint_type":"vnc_client_version","value":"RFB 003.008"}`}},
	{"3 vnc session", made("vnc", "session", "client_version", "RFB 003.008"), []string{`fingerprint {"fingerprint_type":"vnc_client_version","value":"RFB 003.008"}`}},
	{"3 client version of another service", made("ftp", "session", "client_version", "lftp"), []string{`fingerprint {"fingerprint_type":"client_version","value":"lftp"}`}},
	{"4 ssh banner and hassh", made("ssh", "session", "client_banner", "SSH-2.0-Go", "hassh", "abc", "hassh_raw", "k;e;m;c"),
		[]string{`fingerprint {"fingerprint_type":"ssh_client_banner","value":"SSH-2.0-Go"}`,
			`fingerprint {"fingerprint_type":"hassh","hash":"abc","raw":"k;e;m;c","ssh_banner":"SSH-2.0-Go"}`}},
	{"4 banner of another service", made("smtp", "session", "client_banner", "EHLO x"), []string{`fingerprint {"fingerprint_type":"client_banner","value":"EHLO x"}`}},
	{"5 ja3 and 7 resumption", made("sniffer", "tls_client_hello", "ja3", "a", "ja4", "b", "sni", "", "alpn", "h2", "dst_port", "443", "resumption", "ticket"),
		[]string{`fingerprint {"fingerprint_type":"ja3","ja3":"a","ja3s":null,"ja4":"b","ja4s":null,"tls_version":null,"sni":null,"alpn":"h2","dst_port":"443","raw_ciphers":null,"raw_extensions":null}`,
			`fingerprint {"fingerprint_type":"tls_resumption","mechanisms":"ticket"}`}},
	{"5 ja4 of a honeypot", made("https", "session", "ja4", "b"),
		[]string{`fingerprint {"fingerprint_type":"ja3","ja3":null,"ja3s":null,"ja4":"b","ja4s":null,"tls_version":null,"sni":null,"alpn":null,"dst_port":null,"raw_ciphers":null,"raw_extensions":null}`}},
	{"6 latency", made("sniffer", "tls_client_hello", "ja4l_rtt_ms", "1.5", "ja4l_client_ttl", "57"), []string{`fingerprint {"fingerprint_type":"ja4l","rtt_ms":"1.5","client_ttl":"57"}`}},
	{"8 certificate", made("sniffer", "tls_certificate", "subject_cn", "a", "issuer", "b", "self_signed", "true", "not_before", "c", "not_after", "d", "sni", "e"),
		[]string{`fingerprint {"fingerprint_type":"tls_certificate","subject_cn":"a","issuer":"b","self_signed":"true","not_before":"c","not_after":"d","sans":null,"sni":"e"}`}},
	{"6 to 8 need the sniffer", made("http", "request", "ja4l_rtt_ms", "1", "resumption", "x", "subject_cn", "y"), nil},
	{"9 jarm", made("prober", "jarm_fingerprint", "target_ip", "203.0.113.9", "target_port", "443", "jarm_hash", "j"),
		[]string{`fingerprint {"fingerprint_type":"jarm","hash":"j","target_ip":"203.0.113.9","target_port":"443"}`}},
	{"10 hassh of a server", made("prober", "hassh_fingerprint", "target_ip", "203.0.113.9", "target_port", "22", "hassh_server_hash", "h", "ssh_banner", "b"),
		[]string{`fingerprint {"fingerprint_type":"hassh_server","hash":"h","target_ip":"203.0.113.9","target_port":"22","ssh_banner":"b","kex_algorithms":null,"encryption_s2c":null,"mac_s2c":null,"compression_s2c":null}`}},
	{"11 tcp stack", made("prober", "tcpfp_fingerprint", "target_ip", "203.0.113.9", "target_port", "22", "tcpfp_hash", "h", "tcpfp_raw", "r", "ttl", "64"),
		[]string{`fingerprint {"fingerprint_type":"tcpfp","hash":"h","raw":"r","target_ip":"203.0.113.9","target_port":"22","ttl":"64","window_size":null,"df_bit":null,"mss":null,"window_scale":null,"sack_ok":null,"timestamp":null,"options_order":null}`}},
	{"9 to 11 need the prober", made("http", "request", "jarm_hash", "x", "hassh_server_hash", "y", "tcpfp_hash", "z"), nil},
	{"captured file", made("ssh", "file_captured", "stored_as", "s", "sha256", "h", "size", "3", "orig_path", "/tmp/x"),
		[]string{`artifact {"sha256":"h","size":"3","orig_path":"/tmp/x","stored_as":"s"}`}},
	{"file that was not kept", made("ssh", "file_captured", "sha256", "h", "size", "3", "orig_path", "/tmp/x"),
		[]string{`artifact {"sha256":"h","size":"3","orig_path":"/tmp/x","stored_as":null}`}},
	{"connect", made("ssh", "connect", "src_port", "4000"), nil},
}

func TestExtract(t *testing.T) {
	for _, c := range extractions {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, b := range Extract(&c.event) {
				got = append(got, b.Type+" "+string(b.Payload))
				if b.Decky != c.event.Decky || b.Service != c.event.Service || b.Attacker != c.event.Attacker || b.Count != 1 {
					t.Errorf("bounty %+v", b)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestProbedHostIsTheAttacker(t *testing.T) {
	e := made("prober", "jarm_fingerprint", "target_ip", "::ffff:198.51.100.7", "jarm_hash", "j")
	e.Attacker = netip.Addr{}
	if got := Extract(&e); len(got) != 1 || got[0].Attacker != netip.MustParseAddr("198.51.100.7") {
		t.Errorf("got %+v", got)
	}
}

func TestW20_EveryCredentialShapeIsABounty(t *testing.T) {
	for _, c := range []struct {
		name, service, want string
		fields              []string
	}{
		{"redis, password alone", "redis", `{"password":"foobared"}`, []string{"password", "foobared"}},
		{"mysql, hashed", "mysql", `{"username":"root","secret_kind":"mysql_native_password","secret":"aa","challenge":"bb","hashcat":"$mysqlna$bb*aa"}`,
			[]string{"username", "root", "method", "mysql_native_password", "secret_kind", "mysql_native_password", "secret", "aa", "challenge", "bb", "hashcat", "$mysqlna$bb*aa", "outcome", "failure"}},
		{"postgres, hashed", "postgres", `{"username":"postgres","secret_kind":"postgres_md5","secret":"md5aa","challenge":"01020304"}`,
			[]string{"username", "postgres", "secret_kind", "postgres_md5", "secret", "md5aa", "challenge", "01020304"}},
		{"vnc, no user name", "vnc", `{"secret_kind":"vnc_des","secret":"00ff","challenge":"11"}`, []string{"secret_kind", "vnc_des", "secret", "00ff", "challenge", "11"}},
		{"ssh, key", "ssh", `{"username":"git","secret_kind":"ssh_publickey","secret":"SHA256:abc"}`, []string{"username", "git", "secret_kind", "ssh_publickey", "secret", "SHA256:abc"}},
		{"http, bearer", "http", `{"secret_kind":"http_bearer","secret":"token"}`, []string{"method", "bearer", "secret_kind", "http_bearer", "secret", "token"}},
		{"telnet, raw bytes with their twin", "telnet", `{"username":"root","password":"\ufffd\u0000","password_b64":"/wA="}`,
			[]string{"username", "root", "password", "\xff\x00", "password_b64", "/wA="}},
		{"unprintable text with its twin", "ftp", `{"username":"a\u0007","username_b64":"YQc=","password":"x"}`,
			[]string{"username", "a\a", "username_b64", "YQc=", "password", "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := made(c.service, "auth_attempt", c.fields...)
			got := Extract(&e)
			if len(got) != 1 || got[0].Type != Credential || string(got[0].Payload) != c.want {
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}

func TestW43_OneVocabularyForAllServices(t *testing.T) {
	for _, key := range []string{"src_ip", "src", "client_ip", "remote_ip", "remote_addr"} {
		fields := []decnet.Field{decnet.F(key, "203.0.113.9"), decnet.F("username", "u"), decnet.F("password", "p")}
		e := decnet.Event{Service: "mqtt", Type: "auth", Fields: fields, Attacker: decnet.AttackerOf(fields)}
		if got := Extract(&e); len(got) != 1 || got[0].Attacker.String() != "203.0.113.9" {
			t.Errorf("%s: %+v", key, got)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("headers", `{"User-Agent":"x"}`, "username", "\xff")
	f.Add("password", "\"\\\n", "username", "")
	f.Add("secret", "\x00", "challenge", "\xc3")
	f.Add("headers", `{"User-Agent":[1,`, "hassh", "x")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		for _, service := range []string{"ssh", "sniffer", "prober"} {
			e := made(service, "session", key1, value1, key2, value2)
			for _, b := range Extract(&e) {
				var m map[string]*string
				if err := json.Unmarshal(b.Payload, &m); err != nil || len(m) == 0 {
					t.Fatalf("payload %q: %v", b.Payload, err)
				}
			}
		}
	})
}

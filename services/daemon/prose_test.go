package daemon

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want logLine
	}{
		{"<38>Nov 22 04:10:11 sshd[123]: Accepted password for root", logLine{4, 6, "sshd", 123, "Accepted password for root"}},
		{"<14>Nov  2 04:10:11 bash: CMD uid=0", logLine{1, 6, "bash", 0, "CMD uid=0"}},
		{"<14>Nov  2 04:10:11 no tag: here\n", logLine{1, 6, "", 0, "no tag: here"}},
		{"just text", logLine{1, 5, "", 0, "just text"}},
		{"<999999>x", logLine{1, 5, "", 0, "<999999>x"}},
		{"<38>Nov 22 04:10:11 sshd[-1]: x", logLine{4, 6, "sshd[-1]", 0, "x"}},
	} {
		if got := parseLine([]byte(c.raw)); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.raw, got, c.want)
		}
	}
}

func TestProseOfSSHD(t *testing.T) {
	var l sshdLog
	see := func(text string) string {
		typ, fields := l.observe(text)
		if typ == "" {
			return ""
		}
		for _, f := range fields {
			typ += " " + f.Key + "=" + f.Value
		}
		return typ
	}
	for _, c := range []struct{ text, want string }{
		{"debug1: Remote protocol version 2.0, remote software version libssh_0.9.6", ""},
		{"debug2: local server KEXINIT proposal [preauth]", ""},
		{"debug2: KEX algorithms: ours [preauth]", ""},
		{"debug2: compression stoc: none [preauth]", ""},
		{"debug2: peer client KEXINIT proposal [preauth]", ""},
		{"debug2: KEX algorithms: a,b [preauth]", ""},
		{"debug2: host key algorithms: h [preauth]", ""},
		{"debug2: ciphers ctos: c [preauth]", ""},
		{"debug2: ciphers stoc: other [preauth]", ""},
		{"debug2: MACs ctos: m [preauth]", ""},
		{"debug2: compression ctos: none [preauth]", ""},
		// HASSH is the MD5 of hassh_raw (printf 'a,b;c;m;none' | md5sum).
		{"debug2: compression stoc: none [preauth]", "session client_banner=SSH-2.0-libssh_0.9.6 hassh=e879290846ada353c032eab42f57cd65 hassh_raw=a,b;c;m;none " +
			`kex_algorithms=["a","b"] host_key_algorithms=["h"] ciphers=["c"] macs=["m"] compression=["none"]`},
		{"debug2: compression stoc: none [preauth]", ""},
		{"Starting session: subsystem 'sftp' for root from 1.2.3.4 port 5 id 0", "subsystem name=sftp"},
		{"Starting session: shell on pts/0 for root from 1.2.3.4 port 5 id 0", ""},
		{"Failed publickey for invalid user x from y from 1.2.3.4 port 5 ssh2: ED25519 SHA256:abc",
			"auth_attempt username=x from y method=publickey outcome=failure secret_kind=ssh_publickey secret=SHA256:abc key_type=ED25519"},
		{"Failed password for root from 1.2.3.4 port 5 ssh2", ""},
		{"debug1: server_request_direct_tcpip: originator 127.0.0.1 port 4000, target 10.0.0.5 port 80",
			"forward_request kind=direct-tcpip dst_host=10.0.0.5 dst_port=80 origin_host=127.0.0.1 origin_port=4000"},
	} {
		if got := see(c.text); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

func TestTransfers(t *testing.T) {
	for text, want := range map[string]string{
		`open "/tmp/x y" flags WRITE,CREATE,TRUNCATE mode 0644`: "open /tmp/x y",
		`rename old "/a" new "/b"`:                              "rename /a /b",
		`session opened for local user root from [1.2.3.4]`:     "",
		`close "/tmp/x" bytes read 0 written 6`:                 "",
		`open broken`:                                           "",
	} {
		typ, fields := transfer(text)
		var got []string
		for _, f := range fields {
			got = append(got, f.Value)
		}
		if strings.Join(got, " ") != want || (typ == "") != (want == "") {
			t.Errorf("%s: %s %q", text, typ, got)
		}
	}
}

func TestNameCache(t *testing.T) {
	ask := func(version, typ, size uint32, key string) (int32, string, error) {
		var b []byte
		for _, n := range []uint32{version, typ, size} {
			b = binary.NativeEndian.AppendUint32(b, n)
		}
		return question(strings.NewReader(string(b) + key))
	}
	if typ, name, err := ask(2, 0, 5, "root\x00"); typ != 0 || name != "root" || err != nil {
		t.Errorf("%d %q %v", typ, name, err)
	}
	for _, c := range []struct{ version, size uint32 }{{1, 5}, {2, 1 << 30}, {2, 6}} {
		if _, _, err := ask(c.version, 0, c.size, "root\x00"); err == nil {
			t.Errorf("version %d, size %d was taken", c.version, c.size)
		}
	}
	const passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nx:y:z:0:::\n"
	a, ok := accountOf(passwd, "root")
	if !ok || a.home != "/root" {
		t.Errorf("%+v", a)
	}
	for _, name := range []string{"", "broken", "x", "roo"} {
		if _, ok := accountOf(passwd, name); ok {
			t.Errorf("%q is an account", name)
		}
	}
	answer := a.answer()
	if len(answer) != 36+len("root\x00x\x00root\x00/root\x00/bin/bash\x00") || !strings.HasSuffix(string(answer), "/root\x00/bin/bash\x00") {
		t.Errorf("%q", answer)
	}
}

func FuzzProse(f *testing.F) {
	f.Add([]byte("<38>Nov 22 04:10:11 sshd[123]: Failed publickey for x from 1.2.3.4 port 5 ssh2: RSA SHA256:x"))
	f.Add([]byte(`<38>Nov 22 04:10:11 sftp-server[9]: rename old "/a" new "/b"`))
	f.Add([]byte("<39>Nov 22 04:10:11 sshd[123]: debug2: peer client KEXINIT proposal"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := parseLine(raw)
		if len(l.text) > len(raw) || l.pid < 0 || l.facility < 0 || l.severity < 0 || l.severity > 7 {
			t.Errorf("%+v", l)
		}
		transfer(l.text)
		log := sshdLog{peer: true}
		log.observe(l.text)
		_, _, _ = question(strings.NewReader(string(raw)))
		accountOf(string(raw), "root")
	})
}

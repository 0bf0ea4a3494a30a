package capture

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// tcpTable is what Linux shows, on a machine of little-endian words: a listener, two
// connections to port 22 in another order than they came, one to port 80, one that ends.
const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00630A:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000000000000000 100 0 0 10 0
   1: 0B00630A:0016 3300630A:C001 01 00000000:00000000 02:000AF9A2 00000000     0        0 220 2 0000000000000000 20 4 1 10 -1
   2: 0B00630A:0016 3200630A:C000 01 00000000:00000000 02:000AF9A2 00000000     0        0 110 2 0000000000000000 20 4 1 10 -1
   3: 0B00630A:0050 3200630A:C002 01 00000000:00000000 02:000AF9A2 00000000     0        0 330 2 0000000000000000 20 4 1 10 -1
   4: 0B00630A:0016 3400630A:C003 06 00000000:00000000 03:000AF9A2 00000000     0        0 0 2 0000000000000000 20 4 1 10 -1
`

func littleEndian(t testing.TB) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the sample is from a machine with little-endian words")
	}
}

func TestPeers(t *testing.T) {
	littleEndian(t)
	got := parsePeers(tcpTable, 22)
	if len(got) != 2 || got[0].addr != netip.MustParseAddrPort("10.99.0.50:49152") || got[0].inode != "110" ||
		got[1].addr != netip.MustParseAddrPort("10.99.0.51:49153") {
		t.Errorf("%v", got)
	}
	const v6 = "   0: 0000000000000000FFFF00000B00630A:0016 0000000000000000FFFF00003200630A:C000 01 0:0 0:0 0 0 0 7 2 0\n" +
		"   1: 000080FE00000000FF005250EEFF0012:0016 000080FE00000000FF005250EEFF0013:C001 01 0:0 0:0 0 0 0 8 2 0\n"
	got = parsePeers(v6, 22)
	if len(got) != 2 || got[0].addr.Addr() != netip.MustParseAddr("10.99.0.50") || got[1].addr.Addr() != netip.MustParseAddr("fe80::5052:ff:1300:ffee") {
		t.Errorf("%v", got)
	}
}

func TestAttributionLevels(t *testing.T) {
	littleEndian(t)
	both := parsePeers(tcpTable, 22)
	first, second := both[0], both[1]
	logins := []login{{User: "root", From: "gateway"}, {User: "root", From: "10.99.0.60"}}
	sshd := process{pid: 7, user: "root"}
	for _, c := range []struct {
		name    string
		daemon  process
		sockets []string
		peers   []peer
		logins  []login
		want    origin
	}{
		{"a daemon with one of two connections", sshd, []string{"1", "220"}, both, logins, origin{"pid-chain", second.addr, "root", 7}},
		{"a daemon whose connection is not known", sshd, []string{"1"}, both, logins, origin{"ss-ambiguous", first.addr, "root", 7}},
		{"one connection and a writer that nobody is behind", process{}, nil, both[:1], logins, origin{"ss-only", first.addr, "", 0}},
		{"two connections", process{}, []string{"220"}, both, nil, origin{"ss-ambiguous", first.addr, "", 0}},
		{"no connection and a log-in", process{}, nil, nil, logins, origin{"utmp-only", netip.MustParseAddrPort("10.99.0.60:0"), "root", 0}},
		{"nothing", process{}, nil, nil, logins[:1], origin{how: "unknown"}},
	} {
		if got := attribute(c.daemon, c.sockets, c.peers, c.logins); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTitlesOfDaemons(t *testing.T) {
	for _, c := range []struct {
		service, title, user string
		ok                   bool
	}{
		{"ssh", "sshd: root@pts/0", "root", true},
		{"ssh", "sshd: deploy@notty", "deploy", true},
		{"ssh", "sshd: deploy [priv]", "deploy", true},
		{"ssh", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "", false},
		{"ssh", "bash -c sshd: root@pts/0", "", false},
		{"telnet", "telnetd", "", true},
		{"telnet", "/usr/sbin/telnetd -h", "", true},
		{"telnet", "/bin/login -h telnetd", "", false},
	} {
		user, ok := serves(c.service, c.title)
		if ok != c.ok || ok && user != c.user {
			t.Errorf("%q: %q, %t", c.title, user, ok)
		}
	}
}

func TestLogins(t *testing.T) {
	record := func(typ uint16, user, line, host string) []byte {
		r := make([]byte, 384)
		binary.NativeEndian.PutUint16(r, typ)
		copy(r[8:], line)
		copy(r[44:], user)
		copy(r[76:], host)
		binary.NativeEndian.PutUint32(r[340:], 1_800_000_000)
		return r
	}
	data := append(record(2, "reboot", "~", "6.1"), record(7, "root", "pts/0", "10.99.0.50")...)
	data = append(append(data, record(8, "", "pts/1", "10.99.0.51")...), "cut off"...)
	got := parseUtmp(data)
	if len(got) != 1 || got[0].User != "root" || got[0].TTY != "pts/0" || got[0].From != "10.99.0.50" || got[0].At.Unix() != 1_800_000_000 {
		t.Errorf("%+v", got)
	}
}

func TestWantedFiles(t *testing.T) {
	opt := Options{}.complete()
	for name, want := range map[string]bool{
		"/tmp/x": true, "/root/.ssh/authorized_keys": true, "/var/www/html/shell.php": true, "/dev/shm/a b": true, "/home/u/k": true,
		"/etc/passwd": false, "/tmpfile": false, "/root/.bash_history": false, "/root/.viminfo": false, "/tmp/ssh_host_rsa_key.pub": false,
		"/var/lib/systemd/x": false,
	} {
		if got := opt.wanted(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
	for mount, want := range map[string]bool{"/": true, "/tmp": true, "/var": true, "/root/data": true, "/dev": true, "/etc": false, "/dev/pts": false} {
		if got := opt.covers(mount); got != want {
			t.Errorf("mount on %s: %t", mount, got)
		}
	}
}

func TestMounts(t *testing.T) {
	got := parseMounts("36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - tmpfs /dev/root rw\nnonsense\n")
	if len(got) != 1 || got[0] != (mount{"/a b", "tmpfs"}) {
		t.Errorf("%+v", got)
	}
}

func FuzzTables(f *testing.F) {
	f.Add(tcpTable, []byte(strings.Repeat("\x07\x00ab", 200)))
	f.Add("1 2 3:4 / /tmp rw - tmpfs x rw", []byte{})
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		peers := parsePeers(text, 22)
		attribute(process{}, nil, peers, parseUtmp(data))
		if len(parseMounts(text)) > strings.Count(text, "\n")+1 || len(peers) > strings.Count(text, "\n")+1 {
			t.Error("more than there are lines")
		}
		serves("ssh", text)
	})
}

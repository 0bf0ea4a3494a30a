package telnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
	"github.com/decnet/decnet/services/telnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var port = services.Port{Network: "tcp", Number: 23}

func quick(more ...string) services.Config {
	cfg := services.Config{"fail_delay": "0", "password": "s3cret"}
	for i := 0; i < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	return cfg
}

func start(t testing.TB, cfg services.Config, env services.Env) *servicetest.Decky {
	t.Helper()
	return servicetest.Start(t, telnet.Service{}, cfg, 1, env)
}

// distro is the environment of a decky that runs another distribution.
func distro(name string) services.Env {
	id := servicetest.Identity(1)
	id.Distro = name
	return services.Env{Identity: id}
}

// The opening of inetutils, and a client that wants none of it.
const (
	opening = "\xff\xfb%\xff\xfb&\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'\xff\xfd$"
	refusal = "\xff\xfe%\xff\xfe&\xff\xfc\x18\xff\xfc \xff\xfc#\xff\xfc'\xff\xfc$"
	second  = "\xff\xfb\x03\xff\xfd\x01\xff\xfd\"\xff\xfd\x1f\xff\xfb\x05\xff\xfd!"
	refuse2 = "\xff\xfd\x03\xff\xfc\x01\xff\xfc\"\xff\xfc\x1f\xff\xfe\x05\xff\xfc!"
	last    = "\xff\xfb\x01\xff\xfd\x06\xff\xfd\x00"
)

// dialogue sends and expects in turn, beginning with what to send.
func dialogue(t *testing.T, c net.Conn, steps ...string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	for i := 0; i < len(steps); i += 2 {
		if _, err := io.WriteString(c, steps[i]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(steps[i+1]))
		if n, err := io.ReadFull(c, got); string(got) != steps[i+1] {
			t.Fatalf("after %q got %q (%v), want %q", steps[i], got[:n], err, steps[i+1])
		}
	}
}

// until reads until the text read ends with want.
func until(t *testing.T, c net.Conn, want string) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte(want)) {
		if _, err := io.ReadFull(c, one); err != nil {
			t.Fatalf("%q does not come, but %q (%v)", want, got, err)
		}
		got = append(got, one...)
	}
	return string(got)
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service:   telnet.Service{},
		Config:    services.Config{"fail_delay": "0"},
		Greeting:  regexp.MustCompile(`(?s)^..%..&..\x18.. ..#..'..\$$`), // IAC and its verbs are no UTF-8
		Truncated: []byte("\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0root"),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			_, _ = io.WriteString(c, "ad]min\r\npass \"word\r\n")
			until(t, c, "Login incorrect\r\n")
			return map[string]string{"username": "ad]min", "password": "pass \"word", "method": "password", "outcome": "failure"}
		},
		Bait: func(t *testing.T, c net.Conn) string {
			_, _ = io.WriteString(c, "x\r\n")
			return until(t, c, " login: ")
		},
	})
}

func TestSettingsAreChecked(t *testing.T) {
	for _, cfg := range []services.Config{{"telnetd": "gnu"}, {"users": "x"}, {"tries": "0"}} {
		if _, err := (telnet.Service{}).New(services.Env{Decky: "d"}, cfg); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: got %v", cfg, err)
		}
	}
}

// The dialogues below were recorded from telnetd of inetutils 2.4 with login of shadow
// 4.13 on Debian 12; the host name and the kernel are the decky's.
func TestDialogues(t *testing.T) {
	d := start(t, quick(), services.Env{})
	banner := "\r\nLinux " + kernelOf(t, d) + " (srv-b-17.corp.example) (pts/0)\r\n\r\nsrv-b-17 login: "
	const again = "\r\n\r\nLogin incorrect\r\nsrv-b-17 login: "
	for name, steps := range map[string][]string{
		"refuses everything": {"", opening, refusal, second, refuse2, last + banner, "root\r\n", "root\r\nPassword: ", "x\r\n", again},
		"takes everything": {"", opening,
			"\xff\xfe%\xff\xfe&\xff\xfb\x18\xff\xfb \xff\xfc#\xff\xfb'\xff\xfc$", "\xff\xfa \x01\xff\xf0\xff\xfa'\x01\xff\xf0\xff\xfa\x18\x01\xff\xf0",
			"\xff\xfa \x0038400,38400\xff\xf0\xff\xfa'\x00\xff\xf0\xff\xfa\x18\x00XTERM\xff\xf0", second,
			"\xff\xfd\x03\xff\xfc\x01\xff\xfc\"\xff\xfb\x1f\xff\xfa\x1f\x00P\x00\x18\xff\xf0\xff\xfd\x05\xff\xfb!", "\xff\xfa!\x03\xff\xf0\x00" + last + banner},
		"asks for more": {"", opening, "\xff\xfdc\xff\xfbc\xff\xfd\x06\xff\xfb\x06\xff\xfd\x00\xff\xfb\x00\xff\xfd\x05\xff\xfb\x05\xff\xfb\"\xff\xfd\"\xff\xfb!",
			"\xff\xfcc\xff\xfec\xff\xfb\x06\xff\xfb\x00\xff\xfd\x00\xff\xfb\x05\xff\xfe\x05\xff\xfd\"\xff\xfc\"\xff\xfd!"},
		"are you there":       {"", opening, "\xff\xf6", "\r\n[Yes]\r\n"},
		"rubs out":            {"", opening, refusal, second, refuse2, last + banner, "roxx\x7f\x7fot\r\n", "roxx\b \b\b \bot\r\nPassword: ", "x\x15admin\r\n", again},
		"line feed":           {"", opening, refusal, second, refuse2, last + banner, "root\n", "root\r\nPassword: ", "x\n", again},
		"CR NUL":              {"", opening, refusal, second, refuse2, last + banner, "root\r\x00", "root\r\nPassword: ", "x\r\x00", again},
		"empty name":          {"", opening, refusal, second, refuse2, last + banner, "\r\n", "\r\nPassword: ", "\r\n", again},
		"end of file":         {"", opening, refusal, second, refuse2, last + banner, "\x04", again},
		"interrupt":           {"", opening, refusal, second, refuse2, last + banner, "\x03", "\xff\xf2^C"},
		"interrupt by telnet": {"", opening, refusal, second, refuse2, last + banner, "\xff\xf4", "\xff\xf2^C"},
		"five tries": {"", opening, refusal, second, refuse2, last + banner,
			"a\r\nb\r\n", "a\r\nPassword: " + again, "a\r\nb\r\n", "a\r\nPassword: " + again, "a\r\nb\r\n", "a\r\nPassword: " + again, "a\r\nb\r\n", "a\r\nPassword: " + again,
			"a\r\nb\r\n", "a\r\nPassword: \r\n\r\nLogin incorrect\r\nMaximum number of tries exceeded (5)\r\n"},
	} {
		t.Run(name, func(t *testing.T) { dialogue(t, d.Dial(t, port), steps...) })
	}
	d.Wait(t, "session", map[string]string{
		"terminal": "xterm", "terminal_speed": "38400,38400", "width": "80", "height": "24",
		"client_options": `["DONT 37","DONT 38","WILL 24","WILL 32","WONT 35","WILL 39","WONT 36","DO 3","WONT 1","WONT 34","WILL 31","DO 5","WILL 33"]`,
	})
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "admin", "outcome": "failure"})
}

// kernelOf reads the version out of a banner.
func kernelOf(t *testing.T, d *servicetest.Decky) string {
	t.Helper()
	c := d.Dial(t, port)
	_, _ = io.WriteString(c, "x")
	m := regexp.MustCompile(`\r\nLinux (\S+) \(`).FindStringSubmatch(until(t, c, " login: "))
	if m == nil {
		t.Fatal("no kernel in the banner")
	}
	return m[1]
}

// TestDistributions looks at what the other programs begin with.
func TestDistributions(t *testing.T) {
	for name, want := range map[string]string{
		"ubuntu20": "\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'",
		"rocky9":   "\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'",
		"alpine":   "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03\r\nWelcome to Alpine Linux 3.19\r\n",
		"debian":   opening,
		"kali":     opening,
	} {
		d := start(t, quick(), distro(name))
		dialogue(t, d.Dial(t, port), "", want)
	}
	d := start(t, quick("telnetd", "busybox"), services.Env{})
	dialogue(t, d.Dial(t, port), "", "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03Debian GNU/Linux 12 (bookworm)\r\nsrv-b-17 login: ")
}

// TestBotsThatDoNotNegotiate types ahead, as bots do that know nothing of Telnet.
func TestBotsThatDoNotNegotiate(t *testing.T) {
	d := start(t, quick(), services.Env{})
	c := d.Dial(t, port)
	_, _ = io.WriteString(c, "root\r\ns3cret\r\nenable\r\nshell\r\n/bin/busybox MIRAI\r\ncd /tmp; echo $((6*7))\r\nexit\r\n")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Password: ", "MIRAI: applet not found", "\r42\r\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "s3cret", "outcome": "success"})
	d.Wait(t, "command", map[string]string{"command": "/bin/busybox MIRAI"})
	d.Wait(t, "disconnect", map[string]string{"reason": "closed"})
}

func TestEnvironmentIsReported(t *testing.T) {
	d := start(t, quick(), services.Env{})
	c := d.Dial(t, port)
	dialogue(t, c, "", opening,
		"\xff\xfe%\xff\xfe&\xff\xfc\x18\xff\xfc \xff\xfc#\xff\xfb'\xff\xfc$", "\xff\xfa'\x01\xff\xf0",
		"\xff\xfa'\x00\x03USER\x01-froot\x00LANG\x01C\x02\x00x\xff\xf0", second,
		refuse2, last)
	d.Wait(t, "session", map[string]string{"environ": "{\"LANG\":\"C\\u0000x\",\"USER\":\"-froot\"}"})
}

// TestW49LineIsBounded sends a name that does not end.
func TestW49LineIsBounded(t *testing.T) {
	d := start(t, quick(), services.Env{Limits: services.Limits{Line: 100}})
	c := d.Dial(t, port)
	_, _ = io.WriteString(c, strings.Repeat("A", 200))
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("still open: %v", err)
	}
	d.Wait(t, "disconnect", map[string]string{"reason": "limit"})
}

// TestW23EventsCarryTheDecky checks that events name the decky and not its fake host name.
func TestW23EventsCarryTheDecky(t *testing.T) {
	d := start(t, quick("hostname", "db-7.example"), services.Env{})
	c := d.Dial(t, port)
	_, _ = io.WriteString(c, "x\r\n")
	if got := until(t, c, "login: "); !strings.HasSuffix(got, "\r\ndb-7 login: ") {
		t.Errorf("prompt %q", got)
	}
	for _, e := range d.Events() {
		if e.Decky != d.Name || e.Service != "telnet" {
			t.Errorf("event of %s/%s", e.Decky, e.Service)
		}
	}
}

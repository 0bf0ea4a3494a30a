package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// offset is the port offset of all daemons here; their addresses keep them apart.
const offset = 33_000

// daemon is a decnetd up in this process.
type daemon struct {
	data   string
	out    *output
	err    *output
	cancel context.CancelFunc
	status chan int
}

// output is what a daemon prints.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting map[string]chan struct{} // closed when the text is there
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	for part, seen := range o.waiting {
		if strings.Contains(o.text.String(), part) {
			close(seen)
			delete(o.waiting, part)
		}
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs decnetd up on a data directory until it is ready.
func start(t *testing.T, data string, env environment, args ...string) *daemon {
	t.Helper()
	ready := make(chan struct{})
	d := &daemon{
		data: data, out: &output{waiting: map[string]chan struct{}{"decnetd: ready\n": ready}}, err: new(output),
		status: make(chan int, 1),
	}
	var ctx context.Context
	ctx, d.cancel = context.WithCancel(t.Context())
	args = append([]string{"up", "--data", data, "--api", "127.0.0.1:0", "--port-offset", strconv.Itoa(offset)}, args...)
	go func() { d.status <- run(ctx, args, streams{strings.NewReader(""), d.out, d.err}, env.get) }()
	select {
	case <-ready:
	case s := <-d.status:
		t.Fatalf("ended with status %d: %s", s, d.err)
	case <-time.After(time.Minute):
		t.Fatalf("not ready: %s%s", d.out, d.err)
	}
	t.Cleanup(d.cancel)
	return d
}

// stop ends the daemon and checks that it does so in time.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	d.cancel()
	select {
	case s := <-d.status:
		if s != 0 {
			t.Errorf("status %d: %s", s, d.err)
		}
	case <-time.After(time.Minute):
		t.Fatal("does not stop")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func (d *daemon) dsn() string { return "sqlite:" + filepath.Join(d.data, "decnet.db") }

// fleet returns the fleet document of a daemon that has stopped.
func (d *daemon) fleet(t *testing.T) decnet.Fleet {
	t.Helper()
	doc, err := open(t, d.dsn()).State(t.Context(), store.FleetKey)
	if err != nil {
		t.Fatal(err)
	}
	var f decnet.Fleet
	if err := json.Unmarshal(doc, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func address(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port+offset))
}

// authenticate tries a password at a redis decky and returns the answer.
func authenticate(t *testing.T, host, password string) string {
	t.Helper()
	return authenticateOften(t, host, password, 1)
}

// authenticateOften tries a password over and over on one connection and returns the last
// answer.
func authenticateOften(t *testing.T, host, password string, attempts int) (answer string) {
	t.Helper()
	c, err := net.Dial("tcp", address(host, 6379))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Error(err)
	}
	answers := bufio.NewReader(c)
	for range attempts {
		fmt.Fprintf(c, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(password), password)
		if answer, err = answers.ReadString('\n'); err != nil {
			t.Error(err)
			return ""
		}
	}
	return answer
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func hostKey(t *testing.T, host string) string {
	t.Helper()
	var key string
	enough := errors.New("that was all")
	_, err := ssh.Dial("tcp", address(host, 22), &ssh.ClientConfig{
		Timeout: 20 * time.Second,
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			key = ssh.FingerprintSHA256(k)
			return enough
		},
	})
	if key == "" {
		t.Fatalf("no host key from %s: %v", host, err)
	}
	return key
}

func TestUp(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	d := start(t, data, nil, "--deckies", "2", "--services", "redis,http", "--base-ip", "127.0.70.1")
	said := d.out.String()
	for _, want := range []string{
		`(?m)^DECKY +ADDRESS +HOST NAME +SERVICES$`,
		`(?m)^decky-01  127\.0\.70\.1  \S+ +http 33080\+33443, redis 39379$`,
		`(?m)^decky-02  127\.0\.70\.2  \S+ +http 33080\+33443, redis 39379$`,
		`(?m)^API: +http://127\.0\.0\.1:\d+/api/v1$`,
		`(?m)^user: +admin$`,
		`(?m)^logs: +.*decnet\.log, .*decnet\.json$`,
		`\ndecnetd: ready\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("%s is not in:\n%s", want, said)
		}
	}
	m := regexp.MustCompile(`(?m)^password: ([A-Z2-7]{26}) \(shown once`).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no password in:\n%s", said)
	}
	api := regexp.MustCompile(`http://\S+/api/v1`).FindString(said)
	if answer := get(t, api+"/health"); !strings.Contains(answer, "Could not validate credentials") {
		t.Errorf("the API answers %q", answer)
	}
	if answer := authenticate(t, "127.0.70.2", "letmein"); !strings.HasPrefix(answer, "-") && !strings.HasPrefix(answer, "+") {
		t.Errorf("redis answers %q", answer)
	}
	get(t, "http://"+address("127.0.70.1", 80)+"/admin")
	d.stop(t)

	db := open(t, d.dsn())
	checkUser(t, db, "admin", store.RoleAdmin, m[1])
	for _, search := range []string{"event:auth_attempt decky:decky-02 service:redis password:letmein", "event:request decky:decky-01 service:http"} {
		if n, err := db.CountRecords(t.Context(), store.Filter{Search: search}); err != nil || n != 1 {
			t.Errorf("%d records for %s, %v", n, search, err)
		}
	}
	attackers, err := db.Attackers(t.Context(), store.AttackerFilter{})
	if err != nil || len(attackers) != 1 || attackers[0].Addr != netip.MustParseAddr("127.0.0.1") || len(attackers[0].Deckies) != 2 {
		t.Errorf("attackers: %+v, %v", attackers, err)
	}
	for name, mode := range map[string]os.FileMode{".": 0o700, "token-secret": 0o600, "decnet.db": 0o600} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}

	secret, err := os.ReadFile(filepath.Join(data, "token-secret"))
	if err != nil {
		t.Fatal(err)
	}
	before := d.fleet(t)
	again := start(t, data, nil)
	if s := again.out.String(); strings.Contains(s, "password") || strings.Contains(s, "user:") || !strings.Contains(s, "decky-02  127.0.70.2  ") {
		t.Errorf("the second start prints:\n%s", s)
	}
	again.stop(t)
	if diff := cmp.Diff(before, again.fleet(t), compareAddrs); diff != "" {
		t.Errorf("the fleet after the second start (-before +after):\n%s", diff)
	}
	if now, err := os.ReadFile(filepath.Join(data, "token-secret")); err != nil || !bytes.Equal(now, secret) {
		t.Errorf("the token secret has changed, %v", err)
	}
	if n, err := db.CountRecords(t.Context(), store.Filter{Search: "event:auth_attempt"}); err != nil || n != 1 {
		t.Errorf("%d attempts after the second start, %v", n, err)
	}

	moved := start(t, data, nil, "--deckies", "1", "--services", "redis", "--base-ip", "127.0.70.5")
	moved.stop(t)
	after := moved.fleet(t)
	if len(after.Deckies) != 1 || after.Deckies[0].Addr != netip.MustParseAddr("127.0.70.5") {
		t.Errorf("flags of a later start make the fleet %+v", after.Deckies)
	}
	if after.Seed != before.Seed || after.Deckies[0].Seed != before.Deckies[0].Seed {
		t.Error("flags of a later start change the seed")
	}
}

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// TestW16_AttackersOnIPv6GetProfiles attacks the second address of a decky.
func TestW16_AttackersOnIPv6GetProfiles(t *testing.T) {
	t.Parallel()
	ini := writeFile(t, "fleet.ini", "[box]\nip = 127.0.70.60\nip6 = ::1\nservices = redis\n[other]\nip = 127.0.70.61\nservices = redis\n")
	d := start(t, filepath.Join(t.TempDir(), "data"), nil, "--config", ini)
	if want := "box    127.0.70.60, ::1  "; !strings.Contains(d.out.String(), want) {
		t.Errorf("%q is not in:\n%s", want, d.out)
	}
	authenticate(t, "::1", "over-six")
	authenticate(t, "127.0.70.60", "over-four")
	d.stop(t)
	db := open(t, d.dsn())
	for host, password := range map[string]string{"::1": "over-six", "127.0.0.1": "over-four"} {
		addr := netip.MustParseAddr(host)
		if n, err := db.CountRecords(t.Context(), store.Filter{Search: "event:auth_attempt decky:box attacker:\"" + host + "\" password:" + password}); err != nil || n != 1 {
			t.Errorf("%d records of %s with %s, %v", n, host, password, err)
		}
		attackers, err := db.Attackers(t.Context(), store.AttackerFilter{})
		i := slices.IndexFunc(attackers, func(a decnet.Attacker) bool { return a.Addr == addr })
		if err != nil || len(attackers) != 2 || i < 0 {
			t.Fatalf("attackers: %+v, %v", attackers, err)
		}
		if a := attackers[i]; !slices.Equal(a.Deckies, []string{"box"}) || a.Credentials != 1 || a.Events < 2 || a.Behavior == nil {
			t.Errorf("profile of %s: %+v", host, a)
		}
	}
}

func TestUpSecretsOfTheOperator(t *testing.T) {
	t.Parallel()
	env := environment{
		"DECNET_ADMIN_USER": "grace", "DECNET_ADMIN_PASSWORD": "nanoseconds of wire",
		"DECNET_JWT_SECRET": "0123456789 0123456789 0123456789",
	}
	config := writeFile(t, "fleet.ini", "[safe]\nip = 127.0.70.10\nservices = redis\n[safe.redis]\npassword = tourmaline\n")
	d := start(t, t.TempDir(), env, "--config", config)
	if answer := authenticate(t, "127.0.70.10", "tourmaline"); !strings.HasPrefix(answer, "+OK") {
		t.Errorf("the password of the INI file gives %q", answer)
	}
	d.stop(t)
	checkUser(t, open(t, d.dsn()), "grace", store.RoleAdmin, "nanoseconds of wire")
	if !strings.Contains(d.out.String(), "user:     grace\n") {
		t.Errorf("the user is not announced:\n%s", d.out)
	}
	for _, secret := range []string{"nanoseconds", "0123456789", "tourmaline"} {
		if s := d.out.String() + d.err.String(); strings.Contains(s, secret) {
			t.Errorf("%q is printed:\n%s", secret, s)
		}
	}
	if _, err := os.Stat(filepath.Join(d.data, "token-secret")); err == nil {
		t.Error("a token secret is kept beside that of the environment")
	}
}

// TestUpConverges changes the INI file between two starts.
func TestUpConverges(t *testing.T) {
	t.Parallel()
	const keep, gone, fresh = "127.0.70.20", "127.0.70.21", "127.0.70.22"
	section := func(name, ip string) string { return "[" + name + "]\nip = " + ip + "\nservices = ssh\n" }
	data := t.TempDir()
	first := start(t, data, nil, "--config", writeFile(t, "a.ini", section("keep", keep)+section("gone", gone)))
	key, old := hostKey(t, keep), hostKey(t, gone)
	if key == old {
		t.Error("two deckies have one host key")
	}
	first.stop(t)
	second := start(t, data, nil, "--config", writeFile(t, "b.ini", section("fresh", fresh)+section("keep", keep)))
	if now := hostKey(t, keep); now != key {
		t.Errorf("the host key was %s and is %s", key, now)
	}
	if k := hostKey(t, fresh); k == key || k == old {
		t.Error("a new decky has a host key of another")
	}
	if c, err := net.Dial("tcp", address(gone, 22)); err == nil {
		c.Close()
		t.Error("a decky that is no longer in the file still listens")
	}
	second.stop(t)
	if f := second.fleet(t); len(f.Deckies) != 2 || f.Deckies[0].Name != "fresh" || f.Deckies[1].Name != "keep" {
		t.Errorf("the fleet is %+v", f.Deckies)
	}
}

func TestUpSeed(t *testing.T) {
	t.Parallel()
	fleetOf := func(seed string) decnet.Fleet {
		d := start(t, t.TempDir(), nil, "--seed", seed, "--randomize-services", "--base-ip", "127.0.70.30")
		d.stop(t)
		f := d.fleet(t)
		for i := range f.Deckies {
			f.Deckies[i].LastMutated = time.Time{}
		}
		return f
	}
	blue := fleetOf("blue")
	if diff := cmp.Diff(blue, fleetOf("blue"), compareAddrs); diff != "" {
		t.Errorf("one seed makes two fleets:\n%s", diff)
	}
	if red := fleetOf("red"); red.Deckies[0].Seed == blue.Deckies[0].Seed {
		t.Error("two seeds make one decky")
	}
}

func TestUpRefusals(t *testing.T) {
	t.Parallel()
	ini := func(text string) string { return "--config " + writeFile(t, "fleet.ini", text) }
	for name, c := range map[string]struct {
		args   string
		env    environment
		status int
		says   []string
	}{
		"unknown archetype":        {args: "--archetype nope", status: exitUsage, says: []string{`archetype "nope" is not one of`, "web-server"}},
		"archetype not served yet": {args: "--archetype printer", status: exitUsage, says: []string{"archetype printer needs snmp"}},
		"unknown service":          {args: "--services redis,nope", status: exitUsage, says: []string{`service "nope" is not one of`, "redis"}},
		"empty service":            {args: "--services ,", status: exitUsage, says: []string{`service "" is not one of`}},
		"random and named":         {args: "--services redis --randomize-services", status: exitUsage, says: []string{"random services cannot be combined"}},
		"no deckies":               {args: "--deckies 0", status: exitUsage, says: []string{"--deckies must be at least 1"}},
		"too many deckies":         {args: "--deckies 20000", status: exitUsage, says: []string{"from 1 to 10000"}},
		"config and flags":         {args: "--config x --deckies 3", status: exitUsage, says: []string{"--config", "takes no --deckies"}},
		"config and seed":          {args: "--config x --seed 3", status: exitUsage, says: []string{"--config", "--seed"}},
		"offset of containers":     {args: "--runtime docker --port-offset 5", status: exitUsage, says: []string{"--port-offset is for --runtime local"}},
		"LAN without LAN":          {args: "--interface eth0", status: exitUsage, says: []string{"--gateway, --subnet6 and --gateway6 are for --runtime lan"}},
		"IPv6 without LAN":         {args: "--subnet6 fd00::/64", status: exitUsage, says: []string{"--subnet6 and --gateway6 are for --runtime lan"}},
		"no IPv6 subnet":           {args: "--runtime lan --subnet6 fd00::", status: exitUsage, says: []string{"--subnet6: \"fd00::\""}},
		"no IPv6 gateway":          {args: "--runtime lan --gateway6 here", status: exitUsage, says: []string{"--gateway6: \"here\""}},
		"LAN with an offset":       {args: "--runtime lan --port-offset 5", status: exitUsage, says: []string{"--port-offset is for --runtime local"}},
		"LAN said twice":           {args: "--runtime lan --config x --subnet 10.0.0.0/8", status: exitUsage, says: []string{"--config", "takes no --interface"}},
		"no subnet":                {args: "--runtime lan --subnet 10.0.0.0", status: exitUsage, says: []string{"--subnet: \"10.0.0.0\""}},
		"no gateway":               {args: "--runtime lan --gateway here", status: exitUsage, says: []string{"--gateway: \"here\""}},
		"no such interface":        {args: "--runtime lan --interface none0", status: exitFailed, says: []string{"interface \"none0\"", "--interface and --subnet"}},
		"unknown runtime":          {args: "--runtime moon", status: exitUsage, says: []string{"--runtime must be local, lan or docker"}},
		"no address":               {args: "--base-ip ten", status: exitUsage, says: []string{`--base-ip: "ten"`}},
		"address with a zone":      {args: "--base-ip fe80::1%lo", status: exitUsage, says: []string{"--base-ip"}},
		"address of a group":       {args: "--base-ip 224.0.0.1", status: exitUsage, says: []string{"--base-ip"}},
		"port offset":              {args: "--port-offset 60001", status: exitUsage, says: []string{"--port-offset must be from 0 to 60000"}},
		"connections":              {args: "--max-conns -1", status: exitUsage, says: []string{"--max-conns"}},
		"API address":              {args: "--api 8000", status: exitUsage, says: []string{`--api: "8000"`, "HOST:PORT"}},
		"log target":               {args: "--log-target siem", status: exitUsage, says: []string{"--log-target", "tls:HOST:PORT"}},
		"log target without host":  {args: "--log-target tls::6514", status: exitUsage, says: []string{"--log-target"}},
		"DSN":                      {args: "--db postgres:x", status: exitUsage, says: []string{"--db", "sqlite:FILE"}},
		"DSN without database":     {args: "--db mysql:u:p@tcp(h:3306)/", status: exitUsage, says: []string{"--db", "no database is named", "mysql://USER:PASSWORD@HOST:3306/DATABASE"}},
		"database of nowhere":      {env: environment{"DECNET_DB_TYPE": "mysql"}, status: exitFailed, says: []string{"DECNET_DB_PASSWORD is empty"}},
		"missing config":           {args: "--config /nowhere/fleet.ini", status: exitFailed, says: []string{"--config: open /nowhere/fleet.ini"}},
		"empty config":             {args: ini("[general]\n"), status: exitFailed, says: []string{"fleet.ini: no section describes a decky"}},
		"unknown key":              {args: ini("[web]\nservices = http\n\n[web.http]\ncolour = red\n"), status: exitFailed, says: []string{"fleet.ini: ", "line 4: [web.http]", `"colour"`, "accepted: "}},
		"wrong value":              {args: ini("[web]\nservices = http\namount = many\n"), status: exitFailed, says: []string{"fleet.ini: ", "line 3: [web] amount", `"many"`}},
		"config not served yet":    {args: ini("[web]\narchetype = printer\n"), status: exitFailed, says: []string{"fleet.ini: ", "line 2: [web] archetype", "needs snmp"}},
		"torn config":              {args: ini("[web\nservices"), status: exitFailed, says: []string{"fleet.ini: ", "line 1: "}},
		"trusted proxies":          {args: "--trusted-proxies 10.0.0.0/8,nginx", status: exitUsage, says: []string{"--trusted-proxies", "nginx"}},
		"trusted proxies by env":   {env: environment{"DECNET_TRUSTED_PROXIES": "10.0.0.0/33"}, status: exitUsage, says: []string{"DECNET_TRUSTED_PROXIES"}},
		"weak token secret":        {env: environment{"DECNET_JWT_SECRET": "ChangeMe"}, status: exitFailed, says: []string{"DECNET_JWT_SECRET", "at least 32"}},
		"unprintable admin":        {env: environment{"DECNET_ADMIN_USER": "a\x07"}, status: exitFailed, says: []string{"DECNET_ADMIN_USER", "printable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			args := append([]string{"up", "--data", data}, strings.Fields(c.args)...)
			refused(t, decnetdIn(t, c.env, "", args...), c.status, c.says...)
			if _, err := os.Stat(data); err == nil {
				t.Error("the data directory was made")
			}
		})
	}
}

// TestW27_AStartThatFailsChangesNothing breaks later starts, and checks that the first fleet and
// the accounts are what they were.
func TestW27_AStartThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", address("127.0.70.41", 6379))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	data := filepath.Join(t.TempDir(), "data")
	up := func(env environment, more string) result {
		args := "up --api 127.0.0.1:0 --services redis --deckies 1 --base-ip 127.0.70.42 --port-offset " + strconv.Itoa(offset) + " --data " + data + " " + more
		return decnetdIn(t, env, "", strings.Fields(args)...)
	}
	dsn := "sqlite:" + filepath.Join(data, "decnet.db")
	accounts := func() string { return succeed(t, "", "user", "list", "--json", "--db", dsn) }

	for more, says := range map[string]string{
		"--base-ip 127.0.70.41":         "127.0.70.41:39379 (port 6379/tcp): another program has it; stop that program",
		"--base-ip 192.0.2.1":           "this machine does not have the address; use loopback",
		"--port-offset 60000":           "port 6379/tcp with the offset 60000 is no port number",
		"--api " + busy.Addr().String(): "--api: ",
		"--api 192.0.2.1:8000":          "--api: ",
	} {
		refused(t, up(nil, more), exitFailed, says)
		if list := accounts(); list != "[]\n" {
			t.Errorf("%s: an account was made whose password nobody saw: %s", more, list)
		}
	}
	refused(t, up(environment{"DECNET_ADMIN_PASSWORD": "short"}, ""), exitFailed, "DECNET_ADMIN_PASSWORD", "8 to 72 bytes")
	if list := accounts(); list != "[]\n" {
		t.Errorf("accounts after a password that is too short: %s", list)
	}

	d := start(t, data, nil, "--services", "redis", "--deckies", "2", "--base-ip", "127.0.70.43")
	refused(t, up(nil, ""), exitFailed, "data directory", "in use by the decnetd up on", "another --data")
	d.stop(t)
	before, users := d.fleet(t), accounts()
	refused(t, up(nil, "--base-ip 127.0.70.41"), exitFailed, "another program has it")
	refused(t, up(nil, "--api "+busy.Addr().String()), exitFailed, "--api")
	if diff := cmp.Diff(before, d.fleet(t), compareAddrs); diff != "" {
		t.Errorf("a start that failed changed the fleet:\n%s", diff)
	}
	if now := accounts(); now != users {
		t.Errorf("a start that failed changed the accounts: %s", now)
	}

	secret := filepath.Join(data, "token-secret")
	for _, corrupt := range []string{"", "not hexadecimal", "00112233"} {
		if err := os.WriteFile(secret, []byte(corrupt), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, up(nil, ""), exitFailed, secret, "delete it to get a new one")
	}
}

func TestUpDataDirectory(t *testing.T) {
	t.Parallel()
	letter := writeFile(t, "letter", "dear friend")
	shared := filepath.Dir(letter)
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	for data, says := range map[string]string{
		letter:           "not a directory (give another --data)",
		letter + "/data": "not a directory (give another --data)",
		"/proc/nowhere":  "(give another --data)",
		shared:           "holds files of others",
	} {
		refused(t, decnetd(t, "", "up", "--services", "redis", "--data", data), exitFailed, "data directory", says)
	}
	if info, err := os.Stat(shared); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory of somebody else has the mode %v, %v", info.Mode(), err)
	}
}

func TestUpToldToStopWhileItStarts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	args := []string{"up", "--services", "redis", "--base-ip", "127.0.70.60", "--data", t.TempDir(), "--api", "127.0.0.1:0"}
	if status := run(ctx, args, streams{nil, &out, &errs}, environment{}.get); status != 0 {
		t.Errorf("status %d: %s", status, &errs)
	}
}

// logServer is a log target that takes one connection. The events are complete, and the
// channel closed, when that has ended.
func logServer(t *testing.T, addr string) (target string, events <-chan decnet.Event) {
	t.Helper()
	return logServerOf(t, addr, 1)
}

// logServerOf is a logServer for several connections, one after the other.
func logServerOf(t *testing.T, addr string, connections int) (target string, events <-chan decnet.Event) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	parsed := make(chan decnet.Event, 1000)
	go func() {
		defer close(parsed)
		for range connections {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for s := bufio.NewScanner(c); s.Scan(); {
				e, err := rfc5424.Parse(s.Text())
				if err != nil {
					t.Errorf("%q: %v", s.Text(), err)
				}
				parsed <- e
			}
			c.Close()
		}
	}()
	return l.Addr().String(), parsed
}

func TestW24_TheLogTargetGetsTheEvents(t *testing.T) {
	t.Parallel()
	target, events := logServer(t, "127.0.71.1:0")
	d := start(t, t.TempDir(), nil, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.71.2", "--log-target", target)
	authenticate(t, "127.0.71.2", "a\" b]\n<1>")
	d.stop(t)
	var types []string
	for e := range events {
		types = append(types, e.Type)
		if e.Type == "auth_attempt" && e.Value("password") != "a\" b]\n<1>" {
			t.Errorf("the password arrives as %q", e.Value("password"))
		}
	}
	if got := strings.Join(types, " "); !strings.Contains(got, "connect") || !strings.Contains(got, "auth_attempt") || !strings.Contains(got, "disconnect") {
		t.Errorf("the log target got %q", got)
	}
}

// TestW24_TheLogTargetOfTheDocumentGetsTheEvents: log_target in [general] counts for up, also
// when it goes on without the document, and for collect, unless the flag says another.
func TestW24_TheLogTargetOfTheDocumentGetsTheEvents(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	target, events := logServerOf(t, "127.0.71.4:0", 2)
	config := writeFile(t, "fleet.ini", "[general]\nlog_target = "+target+"\n[cache]\nip = 127.0.71.5\nservices = redis\n")
	refused(t, decnetd(t, "", "up", "--data", data, "--api", "127.0.0.1:0", "--config", writeFile(t, "bad.ini", "[general]\nlog_target = siem\n[a]\nservices = redis\n")),
		exitFailed, "line 2: [general] log_target", `"siem" is not HOST:PORT`)
	d := start(t, data, nil, "--config", config)
	authenticate(t, "127.0.71.5", "first")
	d.stop(t)
	d = start(t, data, nil)
	authenticate(t, "127.0.71.5", "second")
	d.stop(t)
	other, elsewhere := logServer(t, "127.0.71.6:0")
	d = start(t, data, nil, "--log-target", other)
	authenticate(t, "127.0.71.5", "third")
	d.stop(t)
	passwords := func(events <-chan decnet.Event) (list []string) {
		for e := range events {
			if e.Type == "auth_attempt" {
				list = append(list, e.Value("password"))
			}
		}
		return list
	}
	if got := passwords(elsewhere); !slices.Equal(got, []string{"third"}) {
		t.Errorf("the log target of the flag got %q", got)
	}
	if got := passwords(events); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("the log target of the document got %q", got)
	}
}

// TestUpSensors attacks a decky with a JARM scan and an SSH client, and looks for what
// the sniffer, the honeypots and the probes of the command line say of it.
func TestUpSensors(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("capturing packets needs root")
	}
	const host = "127.0.71.20"
	target, events := logServer(t, "127.0.71.21:0")
	d := start(t, t.TempDir(), environment{"DECNET_SNIFFER_IFACE": "lo"}, "--services", "ssh,https", "--deckies", "1", "--base-ip", host, "--log-target", target)
	if out := succeed(t, "", "probe", "jarm", address(host, 443)); !regexp.MustCompile(`^jarm +[0-9a-f]{62}\n`).MatchString(out) {
		t.Errorf("jarm: %s", out)
	}
	var hassh struct{ Kind, Value, Raw string }
	if err := json.Unmarshal([]byte(succeed(t, "", "probe", "--json", "hassh", address(host, 22))), &hassh); err != nil || hassh.Kind != "hassh_server" || len(hassh.Value) != 32 {
		t.Errorf("hassh: %+v, %v", hassh, err)
	}
	if out := succeed(t, "", "probe", "jarm", address(host, 22)); !strings.Contains(out, strings.Repeat("0", 62)) {
		t.Errorf("jarm of what speaks no TLS: %s", out)
	}
	scans, sessions := map[string]int{}, 0
	note := func(e decnet.Event) {
		switch {
		case e.Type == "jarm_scan":
			scans[e.Service+" "+e.Value("dst_port")]++
		case e.Type == "tls_session" && e.Service == "sniffer" && e.Value("ja3") != "": // the whole opening was seen
			sessions++
			if !regexp.MustCompile(`^t\d{4}\w\w_[0-9a-f]{4}_[0-9a-f]{12}$`).MatchString(e.Value("ja4s")) || e.Decky != "decky-01" {
				t.Errorf("%+v", e)
			}
		}
	}
	for begin := time.Now(); sessions == 0 && time.Since(begin) < 20*time.Second; { // the sniffer may begin after the honeypots
		if c, err := tls.Dial("tcp", address(host, 443), &tls.Config{InsecureSkipVerify: true}); err == nil {
			c.Close()
		}
		for waiting := true; waiting; {
			select {
			case e := <-events:
				note(e)
			case <-time.After(100 * time.Millisecond):
				waiting = false
			}
		}
	}
	d.stop(t)
	for e := range events {
		note(e)
	}
	want := map[string]int{"https 443": 1, "ssh 22": 1}
	if sessions == 0 || !maps.Equal(scans, want) {
		t.Errorf("%d sessions, scans %v, want %v", sessions, scans, want)
	}
}

// TestUpLogTargetThatTakesNothing checks that a server that reads nothing holds up neither
// the events nor the end.
func TestUpLogTargetThatTakesNothing(t *testing.T) {
	t.Parallel()
	small := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) }), err)
	}}
	target, err := small.Listen(t.Context(), "tcp", "127.0.71.10:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	d := start(t, t.TempDir(), nil, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.71.11", "--log-target", target.Addr().String())
	const clients, attempts, length = 16, 40, 16_000 // together more than the buffers of a connection hold
	var attacking sync.WaitGroup
	for range clients {
		attacking.Go(func() { authenticateOften(t, "127.0.71.11", strings.Repeat("x", length), attempts) })
	}
	attacking.Wait()
	d.stop(t)
	records, err := os.ReadFile(filepath.Join(d.data, "decnet.json"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(records, []byte(`"event_type":"auth_attempt"`)); n != clients*attempts || len(records) < clients*attempts*length {
		t.Errorf("%d of %d attempts are in the spool of %d bytes", n, clients*attempts, len(records))
	}
}

// TestW46_EverythingEndsWithTheDaemon stops a daemon with a client connected, and looks for
// what is left; TestMain looks for goroutines.
func TestW46_EverythingEndsWithTheDaemon(t *testing.T) {
	t.Parallel()
	d := start(t, t.TempDir(), nil, "--services", "redis,smtp", "--deckies", "1", "--base-ip", "127.0.71.30")
	c, err := net.Dial("tcp", address("127.0.71.30", 25))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	if greeting, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(greeting, "220 ") {
		t.Errorf("greeting %q, %v", greeting, err)
	}
	api := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(d.out.String())
	d.stop(t)
	if _, err := io.ReadAll(in); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection outlives the daemon")
	}
	for _, addr := range []string{api, address("127.0.71.30", 25), address("127.0.71.30", 6379)} {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("%s still listens", addr)
		}
	}
	lock, err := lockData(d.data)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

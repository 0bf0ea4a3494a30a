package ftp

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

var port21 = services.Port{Network: "tcp", Number: 21}

// talk sends the lines over c and returns the last reply.
func talk(t *testing.T, c net.Conn, lines ...string) string {
	t.Helper()
	cl := &client{conn: c, r: bufio.NewReader(c)}
	last := cl.reply()
	for _, l := range lines {
		last = cl.say(l)
	}
	return last
}

// bait returns a listing of the root, which names files of the decky alone.
func baitListing(t *testing.T, c net.Conn) string {
	return talk(t, c, "USER anonymous", "PASS a@b", "STAT /")
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service:   Service{},
		Greeting:  regexp.MustCompile(`^220 \(vsFTPd 3\.0\.3\)\r\n$`),
		Truncated: []byte("USER anon"),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			talk(t, c, "USER anonymous", "PASS me@example.com")
			return map[string]string{"username": "anonymous", "password": "me@example.com", "method": "anonymous", "outcome": "success"}
		},
		Bait: baitListing,
	})
}

// passive sends PASV and connects from the address of the control connection.
func passive(t *testing.T, cl *client) net.Conn {
	t.Helper()
	r := cl.say("PASV")
	var a, b, d, e, hi, lo int
	if _, err := fmt.Sscanf(r, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).", &a, &b, &d, &e, &hi, &lo); err != nil {
		t.Fatalf("%q: %v", r, err)
	}
	from := *cl.conn.LocalAddr().(*net.TCPAddr)
	from.Port = 0
	conn, err := (&net.Dialer{LocalAddr: &from}).Dial("tcp", fmt.Sprintf("%d.%d.%d.%d:%d", a, b, d, e, hi<<8|lo))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func login(t *testing.T, d *servicetest.Decky, user, password string) *client {
	t.Helper()
	c := d.Dial(t, port21)
	cl := &client{conn: c, r: bufio.NewReader(c)}
	cl.reply()
	cl.say("USER " + user)
	if r := cl.say("PASS " + password); !strings.HasPrefix(r, "230") {
		t.Fatalf("log-in: %q", r)
	}
	cl.say("TYPE I")
	return cl
}

func upload(t *testing.T, cl *client, verb string, content []byte) string {
	t.Helper()
	conn := passive(t, cl)
	defer conn.Close()
	if r := cl.say(verb); !strings.HasPrefix(r, "150") {
		return r
	}
	if _, err := conn.Write(content); err != nil {
		t.Error(err)
	}
	conn.Close()
	return cl.reply()
}

func download(t *testing.T, cl *client, what string) string {
	t.Helper()
	conn := passive(t, cl)
	defer conn.Close()
	if r := cl.say(what); !strings.HasPrefix(r, "150") {
		return r
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	cl.reply()
	return string(all)
}

func TestUploadIsCapturedAndSeenByTheSameAttackerAlone(t *testing.T) {
	t.Parallel()
	var kept bytes.Buffer
	store := storeFunc(func(_ context.Context, _, _, name string, r io.Reader) (services.Artifact, error) {
		n, err := io.Copy(&kept, r)
		return services.Artifact{StoredAs: "a1", SHA256: "00", Size: n}, err
	})
	d := servicetest.Start(t, Service{}, services.Config{"users": "alice:secret"}, 1, services.Env{Artifacts: store})
	cl := login(t, d, "alice", "secret")
	if r := upload(t, cl, "STOR shell.php", []byte("<?php evil();")); !strings.HasPrefix(r, "226") {
		t.Fatal(r)
	}
	e := d.Wait(t, "file_captured", map[string]string{"orig_path": "/shell.php", "username": "alice", "verb": "STOR", "stored_as": "a1", "size": "13"})
	if kept.String() != "<?php evil();" || e.Value("src_ip") == "" {
		t.Errorf("kept %q by %+v", kept.String(), e)
	}
	again := login(t, d, "alice", "secret")
	if list := download(t, again, "LIST"); !strings.Contains(list, "-rw-------    1 1000     1000           13 ") {
		t.Errorf("a second session does not see the upload:\n%s", list)
	}
	if got := download(t, again, "RETR shell.php"); got != "<?php evil();" {
		t.Errorf("downloaded %q", got)
	}
	d.Wait(t, "download_attempt", map[string]string{"path": "/shell.php", "outcome": "success"})

	other, err := net.Dial("tcp", again.conn.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if r := talk(t, other, "USER alice", "PASS secret", "SIZE shell.php"); !strings.HasPrefix(r, "550") {
		t.Errorf("another attacker sees it: %q", r)
	}
}

type storeFunc func(context.Context, string, string, string, io.Reader) (services.Artifact, error)

func (f storeFunc) Store(ctx context.Context, decky, service, name string, r io.Reader) (services.Artifact, error) {
	return f(ctx, decky, service, name, r)
}

func TestWhatAttackersAddIsBounded(t *testing.T) {
	t.Parallel()
	tr := baitTree(servicetest.Identity(1)).clone()
	made := 0
	for i := range 2 * maxNodes {
		p := fmt.Sprintf("/f%d", i)
		if _, err := tr.create(p, localUID, localUID, 0o600, false, time.Time{}); err != nil {
			continue
		}
		made++
		tr.fill(p, maxKept, make([]byte, maxKept), time.Time{})
	}
	if made != maxNodes || tr.kept > maxKeptAll {
		t.Errorf("%d files and %d bytes kept", made, tr.kept)
	}
	for i := range 2 * maxNodes {
		_ = tr.remove(fmt.Sprintf("/f%d", i), localUID, false)
	}
	if tr.added != 0 || tr.kept != 0 {
		t.Errorf("after removal %d nodes and %d bytes are counted", tr.added, tr.kept)
	}
	srv := dialogueServer(t)
	for i := range 4 * maxTrees {
		srv.treeOf(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if n := srv.trees.Len(); n > maxTrees {
		t.Errorf("%d trees are kept", n)
	}
}

func TestLargeUploadEndsWithAFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("sends 64 MiB over loopback")
	}
	d := servicetest.Start(t, Service{}, services.Config{"users": "alice:secret"}, 1, services.Env{})
	cl := login(t, d, "alice", "secret")
	conn := passive(t, cl)
	defer conn.Close()
	cl.say("STOR big")
	chunk := make([]byte, 1<<20)
	for range 80 {
		if _, err := conn.Write(chunk); err != nil {
			break
		}
	}
	conn.Close()
	if r := cl.reply(); r != "451 Failure writing to local file.\r\n" {
		t.Errorf("got %q", r)
	}
	d.Wait(t, "file_captured", map[string]string{"size": fmt.Sprint(maxUpload)})
}

func TestPassiveListenerTakesThePeerAlone(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	cl := login(t, d, "anonymous", "a")
	r := cl.say("PASV")
	var a, b, c, e, hi, lo int
	_, _ = fmt.Sscanf(r, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).", &a, &b, &c, &e, &hi, &lo)
	intruder, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 99)}}).Dial("tcp", fmt.Sprintf("%d.%d.%d.%d:%d", a, b, c, e, hi<<8|lo))
	if err != nil {
		t.Fatal(err)
	}
	defer intruder.Close()
	if r := cl.say("LIST"); r != "425 Security: Bad IP connecting.\r\n" {
		t.Errorf("got %q", r)
	}
	d.Wait(t, "data_intruder", map[string]string{"intruder_ip": "127.0.0.99"})
	if _, err := net.Dial("tcp", intruder.RemoteAddr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

func TestPassivePortsStayInRange(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, services.Config{"pasv_min": "40100", "pasv_max": "40109"}, 1, services.Env{})
	cl := login(t, d, "anonymous", "a")
	for range 30 {
		var port int
		r := cl.say("EPSV")
		if _, err := fmt.Sscanf(r, "229 Entering Extended Passive Mode (|||%d|)", &port); err != nil || port < 40100 || port > 40109 {
			t.Fatalf("%q", r)
		}
	}
}

// TestNeverDialsOut asks for connections to a listener of the test and sees none.
func TestNeverDialsOut(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.77:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	cl := login(t, d, "anonymous", "a")
	port := l.Addr().(*net.TCPAddr).Port
	if r := cl.say(fmt.Sprintf("PORT 127,0,0,77,%d,%d", port>>8, port&0xff)); !strings.HasPrefix(r, "200") {
		t.Fatal(r)
	}
	if r := cl.say("LIST"); r != "425 Failed to establish connection.\r\n" {
		t.Errorf("got %q", r)
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection came in: %v", err)
	}
	if r := cl.say("PORT 10,1,2,3,0,22"); r != "500 Illegal PORT command.\r\n" {
		t.Errorf("got %q", r)
	}
	d.Wait(t, "forward_request", map[string]string{"method": "ftp_bounce", "dst_ip": "10.1.2.3", "dst_port": "22"})
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg            services.Config
		user, password string
		want           string
	}{
		"list":         {services.Config{"users": "bob:hunter2, eve:x"}, "eve", "x", "230"},
		"list refuses": {services.Config{"users": "bob:hunter2"}, "bob", "hunter3", "530"},
		"any":          {services.Config{"accept": "any"}, "root", "toor", "230"},
		"nobody":       {services.Config{"accept": "nobody", "users": "bob:x"}, "bob", "x", "530"},
		"no guests":    {services.Config{"anonymous": "no"}, "anonymous", "x", "530"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := servicetest.Start(t, Service{}, tc.cfg, 1, services.Env{})
			if r := talk(t, d.Dial(t, port21), "USER "+tc.user, "PASS "+tc.password); !strings.HasPrefix(r, tc.want) {
				t.Errorf("got %q", r)
			}
			outcome := map[string]string{"230": "success", "530": "failure"}[tc.want]
			d.Wait(t, "auth_attempt", map[string]string{"username": tc.user, "password": tc.password, "outcome": outcome})
		})
	}
	for _, bad := range []services.Config{{"users": "bob"}, {"pasv_min": "5000", "pasv_max": "4000"}, {"banner": "a\nb"}} {
		if _, err := (Service{}).New(services.Env{Decky: "d"}, bad); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

// TestFailedLoginsWait checks the bounds of the delay, without waiting.
func TestFailedLoginsWait(t *testing.T) {
	t.Parallel()
	srv := dialogueServer(t)
	waits := make(chan time.Duration, maxLoginFails)
	srv.pause = func(_ context.Context, d time.Duration) { waits <- d }
	conn, err := net.Dial("tcp", start(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	talk(t, conn, "USER a", "PASS a", "USER a", "PASS b", "USER a", "PASS c")
	if len(waits) != maxLoginFails {
		t.Fatalf("waited %d times", len(waits))
	}
	for range maxLoginFails {
		if w := <-waits; w < 2*time.Second || w > 4*time.Second {
			t.Errorf("waited %s", w)
		}
	}
}

func TestBaitAgreesWithItself(t *testing.T) {
	t.Parallel()
	b := baitTree(servicetest.Identity(3))
	var archive, sql, ini int
	for p, n := range b.nodes {
		switch {
		case n.dir:
		case strings.HasSuffix(p, ".tar.gz"):
			archive++
			zip, err := gzip.NewReader(bytes.NewReader(n.content))
			if err != nil {
				t.Fatal(err)
			}
			files := 0
			for r := tar.NewReader(zip); ; files++ {
				if _, err := r.Next(); err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					break
				}
			}
			if files != 4 {
				t.Errorf("%s has %d files", p, files)
			}
		case strings.HasSuffix(p, ".sql"):
			sql++
			if !bytes.Contains(n.content, []byte("INSERT INTO `users` VALUES (1,'")) {
				t.Errorf("%s: %s", p, n.content)
			}
		case strings.HasSuffix(p, ".ini"):
			ini++
		}
		if bytes.Contains(n.content, []byte("AKIA")) || bytes.Contains(n.content, []byte("sk_live_")) {
			t.Errorf("%s holds a live key format", p)
		}
	}
	if archive != 1 || sql != 1 || ini != 1 {
		t.Errorf("%d archives, %d dumps, %d settings", archive, sql, ini)
	}
}

// Real clients. Each is skipped where it is not installed.

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name, " is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %v\n%s", name, err, out)
	return string(out)
}

func realDecky(t *testing.T) (d *servicetest.Decky, host, port string) {
	t.Helper()
	d = servicetest.Start(t, Service{}, services.Config{"users": "alice:secret"}, 1, services.Env{})
	host, port, err := net.SplitHostPort(d.Dial(t, port21).RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return d, host, port
}

func TestCurl(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t)
	local := filepath.Join(t.TempDir(), "up")
	if err := os.WriteFile(local, []byte("payload"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "curl", "-sS", "-T", local, "ftp://alice:secret@"+host+":"+port+"/dropped")
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/dropped", "size": "7"})
	if out := run(t, "curl", "-sS", "ftp://"+host+":"+port+"/pub/README"); !strings.Contains(out, "Drop deliveries") {
		t.Errorf("got %q", out)
	}
	if out := run(t, "curl", "-sS", "--ftp-port", "-", "ftp://"+host+":"+port+"/"); !strings.Contains(out, "425") && !strings.Contains(out, "curl: (") {
		t.Errorf("active mode gave %q", out)
	}
}

func TestLftp(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t)
	dir := t.TempDir()
	out := run(t, "lftp", "-e", "set net:max-retries 1; set net:timeout 5; lcd "+dir+"; mirror / tree; mkdir new; put /etc/hostname -o new/h; cls -l new; quit", "-u", "alice,secret", "-p", port, host)
	if !strings.Contains(out, "h") {
		t.Errorf("got %q", out)
	}
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/new/h"})
	if _, err := os.Stat(filepath.Join(dir, "tree", "pub", "README")); err != nil {
		t.Error(err)
	}
}

func TestHydraAndMedusa(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t)
	if out := run(t, "hydra", "-I", "-l", "alice", "-p", "secret", "-s", port, "-t", "1", host, "ftp"); !strings.Contains(out, "password: secret") {
		t.Error("hydra does not find the password")
	}
	if out := run(t, "medusa", "-h", host, "-n", port, "-u", "alice", "-p", "secret", "-M", "ftp"); !strings.Contains(out, "SUCCESS") {
		t.Error("medusa does not find the password")
	}
	d.WaitCount(t, "auth_attempt", 2)
}

func TestNmap(t *testing.T) {
	t.Parallel()
	_, host, port := realDecky(t)
	out := run(t, "nmap", "-Pn", "-n", "-sV", "--version-intensity", "9", "-sC", "-p", port, host)
	for _, want := range []string{"vsftpd 3.0.3", "Anonymous FTP login allowed"} {
		if !strings.Contains(out, want) {
			t.Errorf("nmap does not say %q", want)
		}
	}
}

// Weaknesses.

func TestW20_CredentialsAreNamedAlike(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, services.Config{"accept": "any"}, 1, services.Env{})
	talk(t, d.Dial(t, port21), "USER bob \"]", "PASS p\\w ]\"x")
	d.Wait(t, "auth_attempt", map[string]string{"username": `bob "]`, "password": `p\w ]"x`, "outcome": "success"})
}

func TestW21_EveryEventNamesTheAttacker(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, services.Config{"users": "alice:secret"}, 1, services.Env{})
	cl := login(t, d, "alice", "secret")
	upload(t, cl, "STOR x", []byte("y"))
	download(t, cl, "RETR x")
	cl.say("PORT 10,1,2,3,4,5")
	cl.say("CLNT probe 1.0")
	cl.say("QUIT")
	d.Wait(t, "disconnect", nil)
	for _, e := range d.Events() {
		if e.Value("src_ip") != "127.0.0.77" || e.Value("src_port") == "" {
			t.Errorf("%s lacks the attacker: %v", e.Type, e.Fields)
		}
	}
	d.Wait(t, "session", map[string]string{"client_version": "probe 1.0"})
}

func TestW24_KeysHaveEffect(t *testing.T) {
	t.Parallel()
	for key, tc := range map[string]struct {
		cfg   services.Config
		lines []string
		want  string
	}{
		"version":   {services.Config{"version": "3.0.5"}, nil, "220 (vsFTPd 3.0.5)\r\n"},
		"banner":    {services.Config{"banner": "Files"}, nil, "220 Files\r\n"},
		"anonymous": {services.Config{"anonymous": "false"}, []string{"USER ftp", "PASS x"}, "530 Login incorrect.\r\n"},
		"accept":    {services.Config{"accept": "any"}, []string{"USER x", "PASS x"}, "230 Login successful.\r\n"},
		"users":     {services.Config{"users": "x:y"}, []string{"USER x", "PASS y"}, "230 Login successful.\r\n"},
		"writable":  {services.Config{"writable": "no"}, []string{"USER ftp", "PASS y", "CWD upload", "STOR x"}, "550 Permission denied.\r\n"},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			d := servicetest.Start(t, Service{}, tc.cfg, 1, services.Env{})
			if got := talk(t, d.Dial(t, port21), tc.lines...); got != tc.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestW44_DeckiesHaveBaitOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for n := range byte(20) {
		id := servicetest.Identity(n)
		b, again := baitTree(id), baitTree(id)
		for p, node := range b.nodes {
			if !bytes.Equal(node.content, again.nodes[p].content) {
				t.Errorf("decky %d has another %s after a restart", n, p)
			}
			if node.dir || p == "/pub/README" {
				continue
			}
			if old, ok := seen[string(node.content)]; ok {
				t.Errorf("%s of decky %d is the same as %s", p, n, old)
			}
			seen[string(node.content)] = fmt.Sprintf("%s of decky %d", p, n)
		}
	}
}

func TestW49_LinesAreBounded(t *testing.T) {
	t.Parallel()
	addr := start(t, dialogueServer(t))
	for n, want := range map[int]string{maxLine: "530 ", maxLine + 1: "500 Input line too long.", 1 << 20: "500 Input line too long."} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = conn.Write([]byte(strings.Repeat("A", n) + "\r\n")) }()
		r := bufio.NewReader(conn)
		_, _ = r.ReadString('\n')
		if got, _ := r.ReadString('\n'); !strings.HasPrefix(got, want) {
			t.Errorf("%d bytes: got %q", n, got)
		}
		conn.Close()
	}
}

// Fuzzing.

func FuzzDispatch(f *testing.F) {
	for _, s := range scripts {
		f.Add(s)
	}
	f.Add("USER ftp\nPASS x\nSITE CHMOD 777777777 x\nRNFR /\nRNTO /upload/x\nMDTM 20200101000000 \nLIST -{{{*\nSTAT {a,{b,*}*}\n")
	base := baitTree(services.Identity{})
	f.Fuzz(func(t *testing.T, script string) {
		srv := dialogueServer(t)
		srv.base = func() *tree { return base }
		srv.policy.accept = "any"
		env := srv.env
		c := &session{srv: srv, ctx: t.Context(), cwd: "/", umask: 0o077, out: bufio.NewWriter(io.Discard)}
		client, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		c.Session = env.NewSession("ftp", services.NewConn(server, env.Limits))
		defer c.data.close()
		for line := range strings.SplitSeq(script, "\n") {
			verb, arg := parseCommand(line)
			if verb == "PASV" || verb == "EPSV" {
				continue // no local address on a pipe
			}
			c.code = ""
			c.dispatch(verb, arg)
			if line != "" && len(c.code) != 3 {
				t.Fatalf("%q has no answer", line)
			}
			if c.cwd == "" || c.cwd[0] != '/' || strings.Contains(c.cwd, "..") && c.files.stat(c.cwd) == nil {
				t.Fatalf("%q leads to %q", line, c.cwd)
			}
		}
		if c.files != nil && (c.files.added > maxNodes || c.files.kept > maxKeptAll || c.files.added < 0 || c.files.kept < 0) {
			t.Fatalf("%d nodes, %d bytes", c.files.added, c.files.kept)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"127,0,0,1,200,1", " 1,2,3,4,5,6", "1,2,3", "|1|127.0.0.1|5000|", "|2|::1|5000|", "|2|fe80::1%eth0|1|", "||||", "|1|1.2.3.4|99999999999999999999|", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if to, ok := parsePort(s); ok && !to.Addr().Is4() {
			t.Errorf("PORT %q gives %s", s, to)
		}
		if to, fault := parseEPRT(s); fault == "" && !to.IsValid() || fault != "" && !strings.HasPrefix(fault, "500 Bad EPRT ") {
			t.Errorf("EPRT %q gives %s, %q", s, to, fault)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("*.txt", "a.txt")
	f.Add("{a,b}*?", "bcd")
	f.Add("{{{", "{")
	f.Add(strings.Repeat("*a", 40), strings.Repeat("a", 60))
	f.Fuzz(func(t *testing.T, pattern, name string) {
		steps := maxMatch
		match(pattern, name, &steps)
		if steps < 0 {
			t.Errorf("%d steps left", steps)
		}
	})
}

package probe_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("PROBE_TEST_HOST") != "" {
		serveHost()
		return
	}
	goleak.VerifyTestMain(m)
}

// corpus returns the rows of a cases.tsv by column, and the folder that it lies in.
func corpus(t *testing.T, kind string) (string, []map[string]string) {
	t.Helper()
	root := os.Getenv("DECNET_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir, err := filepath.Abs(filepath.Join(root, kind))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "cases.tsv"))
	if err != nil {
		t.Skipf("no corpus of fingerprints beside the project or in DECNET_CORPUS: %v", err)
	}
	defer f.Close()
	var columns []string
	var rows []map[string]string
	for in := bufio.NewScanner(f); in.Scan(); {
		cells := strings.Split(in.Text(), "\t")
		if columns == nil {
			columns = cells
			continue
		}
		row := map[string]string{}
		for i, c := range columns {
			row[c] = cells[i]
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no cases", f.Name())
	}
	return dir, rows
}

var lastPort atomic.Int32

// freePort returns a port of 127.0.0.1 that nothing listens on. It lies below those that
// the kernel gives to connections.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + (os.Getpid()%100*100+int(lastPort.Add(1)))%12000
		if l, err := net.Listen("tcp", address(port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// start runs a server until the test ends and returns when it listens on port.
func start(t *testing.T, port int, dir, name string, args ...string) {
	t.Helper()
	program := find(t, name, dir)
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	// Servers that read their standard input end with it.
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-exited })
	deadline := time.Now().Add(20 * time.Second)
	for !listening(port) {
		select {
		case <-exited:
			t.Fatalf("%s ended: %s", name, output.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %d", name, port)
		}
	}
}

// listening asks the kernel instead of the server, which a connection might disturb, and does not
// take the servers of other addresses for it.
func listening(port int) bool {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		sockets, _ := os.ReadFile(table)
		if regexp.MustCompile(fmt.Sprintf(`: (0100007F|0{8}|0{32}|0{16}FFFF00000100007F):%04X [0-9A-F]+:0000 0A`, port)).Match(sockets) {
			return true
		}
	}
	return false
}

func find(t *testing.T, name string, dirs ...string) string {
	t.Helper()
	for _, dir := range append(dirs, "/usr/sbin", "/sbin") {
		if p := filepath.Join(dir, name); executable(p) {
			return p
		}
	}
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return program
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), find(t, name), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// sameSoftware skips unless the installed software is of the release series that the case
// was recorded with, such as "OpenSSL 3.0.22 (Debian 12)".
func sameSoftware(t *testing.T, software string) {
	t.Helper()
	version := regexp.MustCompile(`(\d+\.\d+)`)
	for _, s := range []struct{ product, program, flag string }{
		{"nginx", "nginx", "-v"}, {"OpenSSL", "openssl", "version"}, {"GnuTLS", "gnutls-serv", "--version"},
		{"OpenSSH", "sshd", "-V"}, {"dropbear", "dropbear", "-V"},
	} {
		if !strings.HasPrefix(software, s.product) {
			continue
		}
		out, _ := exec.CommandContext(t.Context(), find(t, s.program), s.flag).CombinedOutput()
		if want, got := version.FindString(software), version.FindString(string(out)); want != got {
			t.Skipf("recorded with %s, installed is %s", software, got)
		}
	}
	if strings.HasPrefix(software, "Go ") && (runtime.GOARCH != "amd64" || version.FindString(software) != version.FindString(runtime.Version())) {
		t.Skipf("recorded with %s, this is %s on %s", software, runtime.Version(), runtime.GOARCH)
	}
}

// makeCertificates puts rsa.crt, rsa.key, ec.crt and ec.key into dir.
func makeCertificates(t *testing.T, dir string) {
	t.Helper()
	for name, key := range map[string][]string{"rsa": {"rsa:2048"}, "ec": {"ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"}} {
		run(t, dir, "openssl", append([]string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=honeypot.test",
			"-keyout", name + ".key", "-out", name + ".crt", "-newkey"}, key...)...)
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

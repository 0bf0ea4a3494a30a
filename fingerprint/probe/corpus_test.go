package probe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint/probe"
)

// TestW13_JARMIsThatOfItsAuthors starts the servers of the corpus, whose JARM two other
// implementations agree on, and scans them.
func TestW13_JARMIsThatOfItsAuthors(t *testing.T) {
	corpusDir, cases := corpus(t, "jarm")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // nginx may drop its privileges
		t.Fatal(err)
	}
	makeCertificates(t, dir)
	run(t, corpusDir, "go", "build", "-o", filepath.Join(dir, "goserver"), filepath.Join(corpusDir, "_goserver", "main.go"))
	for _, c := range cases {
		t.Run(c["id"], func(t *testing.T) {
			t.Parallel()
			sameSoftware(t, c["software"])
			port := freePort(t)
			switch command := strings.Fields(strings.ReplaceAll(c["server"], "{PORT}", strconv.Itoa(port))); command[0] {
			case "(nothing":
			case "nginx":
				start(t, port, dir, "nginx", "-c", nginxConfig(t, dir, port, command[1:]), "-e", filepath.Join(dir, "errors"))
			default:
				start(t, port, dir, command[0], command[1:]...)
			}
			cfg := probe.Config{}
			if c["id"] == "raw-silent" {
				cfg.Timeout = 300 * time.Millisecond
			}
			got, err := probe.JARM(t.Context(), address(port), cfg)
			if got.Hash != c["jarm"] || got.Raw() != c["raw"] {
				t.Errorf("got  %s %s (%v)\nwant %s %s", got.Hash, got.Raw(), err, c["jarm"], c["raw"])
			}
		})
	}
}

func nginxConfig(t *testing.T, dir string, port int, words []string) string {
	t.Helper()
	base := filepath.Join(dir, fmt.Sprintf("nginx%d", port))
	var b strings.Builder
	fmt.Fprintf(&b, "daemon off; master_process off; pid %s.pid; error_log %s.err;\nevents {}\nhttp { access_log off;\n", base, base)
	for _, n := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, " %s_temp_path %s.%s;\n", n, base, n)
	}
	fmt.Fprintf(&b, " server { listen 127.0.0.1:%d ssl", port)
	for _, w := range words {
		if w == "http2" {
			b.WriteString(" http2")
		}
	}
	b.WriteString(";\n")
	for _, w := range words {
		key, value, isSetting := strings.Cut(w, "=")
		switch {
		case key == "cert":
			fmt.Fprintf(&b, "  ssl_certificate %s/%s.crt; ssl_certificate_key %s/%s.key;\n", dir, value, dir, value)
		case isSetting:
			fmt.Fprintf(&b, "  %s %s;\n", key, strings.ReplaceAll(value, ",", " "))
		}
	}
	b.WriteString(" } }\n")
	if err := os.WriteFile(base+".conf", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return base + ".conf"
}

func TestHASSHServerOfRealServers(t *testing.T) {
	_, cases := corpus(t, "hassh")
	dir := t.TempDir()
	run(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "sshd.key")
	run(t, dir, "dropbearkey", "-t", "ed25519", "-f", "dropbear.key")
	for _, c := range cases {
		t.Run(c["id"], func(t *testing.T) {
			t.Parallel()
			sameSoftware(t, c["software"])
			port := freePort(t)
			banner := "SSH-2.0-OpenSSH_"
			if strings.HasPrefix(c["server"], "dropbear") {
				banner = "SSH-2.0-dropbear"
				start(t, port, dir, "dropbear", "-F", "-E", "-p", address(port), "-r", "dropbear.key", "-P", filepath.Join(dir, "pid"))
			} else {
				args := []string{"-D", "-e", "-f", "/dev/null", "-p", strconv.Itoa(port), "-o", "ListenAddress=127.0.0.1", "-h", filepath.Join(dir, "sshd.key")}
				if _, option, ok := strings.Cut(c["server"], " -o "); ok {
					args = append(args, "-o", option)
				}
				privilegeSeparation(t)
				start(t, port, dir, "sshd", args...)
			}
			got, err := probe.HASSHServer(t.Context(), address(port), probe.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Hash != c["hassh_server"] || got.Raw != c["string"] {
				t.Errorf("got  %s %s\nwant %s %s", got.Hash, got.Raw, c["hassh_server"], c["string"])
			}
			if !strings.HasPrefix(string(got.Hello.Banner), banner) || len(got.Hello.HostKey) == 0 || len(got.Hello.CipherC2S) == 0 {
				t.Errorf("banner %q, host keys %q, ciphers %q", got.Hello.Banner, got.Hello.HostKey, got.Hello.CipherC2S)
			}
		})
	}
}

// privilegeSeparation makes the folder without which sshd does not start as root.
func privilegeSeparation(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is the environment of a command, which sees nothing of that of the test.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// result is what a command leaves behind.
type result struct {
	status   int
	out, err string
}

// decnetd runs a command to its end.
func decnetd(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return decnetdIn(t, nil, stdin, args...)
}

func decnetdIn(t *testing.T, env environment, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	status := run(t.Context(), args, streams{strings.NewReader(stdin), &out, &err}, env.get)
	return result{status, out.String(), err.String()}
}

// succeed runs a command that must not fail and returns what it printed.
func succeed(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := decnetd(t, stdin, args...)
	if r.status != 0 || r.err != "" {
		t.Fatalf("decnetd %s: status %d, %s", strings.Join(args, " "), r.status, r.err)
	}
	return r.out
}

// refused checks that a command failed with a status and one line that holds the parts,
// and printed nothing else.
func refused(t *testing.T, r result, status int, parts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d", r.status, status)
	}
	if r.out != "" {
		t.Errorf("printed %q", r.out)
	}
	if !strings.HasPrefix(r.err, "decnetd: ") || strings.Count(r.err, "\n") != 1 || !strings.HasSuffix(r.err, "\n") {
		t.Errorf("not one line of decnetd: %q", r.err)
	}
	for _, p := range parts {
		if !strings.Contains(r.err, p) {
			t.Errorf("%q is not in %q", p, r.err)
		}
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// writeFile writes a file of the operator and returns its path.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// buildBinary makes the daemon as a program of its own.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "decnetd")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"up", "deploy", "teardown", "status", "mutate", "collect", "profile", "api", "compose", "services", "archetypes", "distros", "correlate", "version",
		"user", "user add", "user list", "user passwd", "user delete",
		"db", "db migrate", "db status", "db reset", "fingerprint", "sniff", "probe",
	} {
		for _, flag := range []string{"-h", "--help"} {
			args := append(strings.Fields(command), flag)
			if out := succeed(t, "", args...); !strings.Contains(out, "Usage:\n  decnetd "+command) {
				t.Errorf("%v prints %s", args, out)
			}
		}
	}
	if out := succeed(t, "", []string{}...); !strings.Contains(out, "Available Commands:") {
		t.Errorf("without arguments: %s", out)
	}
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"dance", exitUsage, `unknown command "dance"`},
		{"db", exitUsage, "see decnetd db --help"},
		{"db dance", exitUsage, "see decnetd db --help"},
		{"user", exitUsage, "see decnetd user --help"},
		{"user add", exitUsage, "accepts 1 arg(s)"},
		{"user add a b", exitUsage, "accepts 1 arg(s)"},
		{"user add x --role king", exitUsage, "--role must be admin or viewer"},
		{"user add x\x1b[2J", exitUsage, "printable"},
		{"user add " + strings.Repeat("x", 65), exitUsage, "1 to 64 characters"},
		{"services a b", exitUsage, "accepts at most 1"},
		{"services nope", exitUsage, `"nope" is not one of ftp,`},
		{"archetypes x", exitUsage, "see decnetd archetypes --help"},
		{"version --yaml", exitUsage, "unknown flag: --yaml"},
		{"up --deckies many", exitUsage, "--deckies"},
		{"up nowhere", exitUsage, "see decnetd up --help"},
		{"up --mutate-interval -1", exitUsage, "--mutate-interval must be from 0"},
		{"up --mutate-grace -1s", exitUsage, "grace time of a mutation must not be negative"},
		{"up --engine unix:///x", exitUsage, "--engine and --pot are for --runtime docker"},
		{"deploy", exitUsage, "which deckies? Give --config FILE, or --deckies"},
		{"deploy nowhere", exitUsage, "see decnetd deploy --help"},
		{"deploy -n 3 --mode swarm", exitUsage, "--mode swarm, deckies on several machines, is not part of this version"},
		{"deploy -n 3 --mode single", exitUsage, `--mode must be unihost, not "single"`},
		{"deploy -n 3 --runtime lan", exitUsage, "use decnetd up --runtime lan"},
		{"deploy -n 3 --runtime moon", exitUsage, `--runtime must be docker, not "moon"`},
		{"deploy -n 0", exitUsage, "--deckies must be at least 1"},
		{"deploy -n 3 --subnet wide", exitUsage, `--subnet: "wide" is not a network`},
		{"deploy -n 3 --ip-start none", exitUsage, `--ip-start: "none" is not an IP address`},
		{"deploy -n 3 --mutate-interval -1", exitUsage, "--mutate-interval must be from 0"},
		{"deploy -n 3 --mutate-interval often", exitUsage, "--mutate-interval"},
		{"deploy -c x.ini -n 3", exitUsage, "--config says which deckies there are"},
		{"deploy -c " + missing, exitFailed, "no such file"},
		{"deploy -n 3 -i nope0 --data " + missing, exitFailed, "nope0"},
		{"deploy -n 3 --db postgres:x", exitUsage, "sqlite:FILE"},
		{"teardown", exitUsage, "which deckies? Give --all, or --id NAME"},
		{"teardown --all --id x", exitUsage, "which deckies? Give --all, or --id NAME"},
		{"teardown --id x --images", exitUsage, "--images goes with --all"},
		{"teardown --all --engine unix:///nowhere.sock --data " + missing, exitFailed, "start it, or say with --engine where it is"},
		{"status x", exitUsage, "see decnetd status --help"},
		{"status --db postgres:x", exitUsage, "sqlite:FILE"},
		{"mutate --all --decky x", exitUsage, "--all and --decky exclude each other"},
		{"mutate --all --watch", exitUsage, "--watch changes deckies when their time has come"},
		{"mutate --grace -1m", exitUsage, "grace time of a mutation must not be negative"},
		{"mutate --data " + missing, exitFailed, "run decnetd up first"},
		{"nonsense -h", exitUsage, `unknown command "nonsense"`},
		{"user nonsense --help", exitUsage, "see decnetd user --help"},
		{"profile x", exitUsage, "see decnetd profile --help"},
		{"profile --interval 0s", exitUsage, "--interval must be more than 0"},
		{"api x", exitUsage, "see decnetd api --help"},
		{"api --api nowhere", exitUsage, "not of the form HOST:PORT"},
		{"up --api 127.0.0.1:99999", exitUsage, "not of the form HOST:PORT"},
		{"up --config /dev/zero", exitFailed, "/dev/zero: fleet: INI document of more than 524288 bytes"},
		{"compose --config /dev/zero", exitFailed, "/dev/zero: fleet: INI document of more than 524288 bytes"},
		{"compose --deckies 1 -i lo --subnet 10.0.0.0/24 --gateway 10.0.0.1 -o " + missing + "/x --image x", exitFailed, missing},
		{"compose --deckies 1 -i lo --subnet 10.0.0.0/24 --gateway 10.0.0.1 -o x --pot /dev", exitFailed, "pot: /dev is not a program; build it"},
		{"status --data /dev/null", exitFailed, "data directory: stat /dev/null/decnet.db: not a directory (give another --data)"},
		{"teardown --all --data /dev/null", exitFailed, "(give another --data)"},
		{"api --trusted-proxies nginx", exitUsage, "--trusted-proxies"},
		{"api --keep 5m", exitUsage, "--keep"},
		{"collect x", exitUsage, "see decnetd collect --help"},
		{"collect --log-target siem", exitUsage, "--log-target"},
		{"compose nowhere", exitUsage, "see decnetd compose --help"},
		{"compose", exitUsage, "give --interface, --subnet and --gateway, or --config"},
		{"compose --config x.ini --deckies 3", exitUsage, "--config says which deckies there are"},
		{"compose --config " + missing, exitFailed, "no such file"},
		{"compose --deckies 0", exitUsage, "--deckies must be at least 1"},
		{"compose --subnet wide", exitUsage, `--subnet: "wide" is not a network`},
		{"compose --subnet6 wide", exitUsage, `--subnet6: "wide" is not a network`},
		{"compose --gateway6 none", exitUsage, `--gateway6: "none" is not an IP address`},
		{"compose --gateway none", exitUsage, `--gateway: "none" is not an IP address`},
		{"compose --ip-start none", exitUsage, `--ip-start: "none" is not an IP address`},
		{"fingerprint", exitUsage, "see decnetd fingerprint --help"},
		{"fingerprint --kinds ja9 -", exitUsage, `"ja9" is not one of ja3, ja3s`},
		{"fingerprint " + missing, exitFailed, "no such file"},
		{"sniff", exitUsage, "--iface says where to listen"},
		{"sniff --iface nope0", exitFailed, "nope0"},
		{"probe jarm", exitUsage, "accepts 2 arg(s)"},
		{"probe nmap 127.0.0.1:1", exitUsage, `"nmap" is not one of jarm, hassh and tcpfp`},
		{"probe jarm 127.0.0.1", exitUsage, "not of the form HOST:PORT"},
		{"probe jarm --timeout 0s 127.0.0.1:1", exitUsage, "--timeout must be positive"},
		{"probe hassh 127.0.0.1:1", exitFailed, "127.0.0.1:1"},
		{"correlate", exitUsage, "see decnetd correlate --help"},
		{"correlate --format xml -", exitUsage, "--format must be table, json or syslog"},
		{"correlate --min-deckies 0 -", exitUsage, "--min-deckies must be at least 1"},
		{"correlate " + missing, exitFailed, "no such file"},
		{"user list --data " + missing, exitFailed, "run decnetd up first"},
		{"user list --db mysql:u@tcp(h)", exitUsage, "want mysql://USER"},
		{"user list --db mysql:u:p@tcp(127.0.0.1:1)/d", exitFailed, "u@tcp(127.0.0.1:1)/d: open: the server cannot be reached"},
		{"db status --data " + missing, exitFailed, "run decnetd up first"},
		{"db reset --yes --data " + missing, exitFailed, "run decnetd up first"},
		{"db status --db " + missing, exitUsage, "sqlite:FILE"},
	} {
		t.Run(c.args, func(t *testing.T) {
			refused(t, decnetd(t, "", strings.Split(c.args, " ")...), c.status, c.says)
		})
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a wrong command line made the data directory")
	}
}

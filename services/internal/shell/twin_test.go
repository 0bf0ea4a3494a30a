package shell

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"testing"
)

var update = flag.Bool("update", false, "record testdata/bash.json again from the bash, coreutils, sed and awk of this machine")

// answer is what bash 5.2 of Debian 12 printed for a script.
type answer struct {
	Script string `json:"script"`
	Out    string `json:"out"`
	Err    string `json:"err,omitempty"`
	Status int    `json:"status,omitempty"`
}

const golden = "testdata/bash.json"

// TestTwin runs scripts whose result does not depend on the machine and compares with
// what real bash and its companions answered.
func TestTwin(t *testing.T) {
	raw, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	if err := json.Unmarshal(raw, &answers); err != nil {
		t.Fatal(err)
	}
	if *update {
		for i, a := range answers {
			answers[i] = recorded(t, a.Script)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(answers); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range answers {
		t.Run(a.Script, func(t *testing.T) {
			sh := newBox(t, "debian", Options{}).login("root", "192.0.2.7:4711")
			var out, errs bytes.Buffer
			in := sh.shell(t.Context(), "bash", "c", Stdio{Out: &out, Err: &errs})
			in.export("LANG", "C.UTF-8")
			in.dir = "/srv"
			status := sh.start(in, func() { in.eval(a.Script) })
			if out.String() != a.Out || errs.String() != a.Err || status != a.Status {
				t.Errorf("\n got %q, %q, %d\nwant %q, %q, %d", out.String(), errs.String(), status, a.Out, a.Err, a.Status)
			}
		})
	}
}

func recorded(t *testing.T, script string) answer {
	t.Helper()
	// Recorded in an empty directory, with the name that sshd gives a shell.
	cmd := exec.Command("/bin/bash", "-c", script)
	cmd.Args[0] = "bash"
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return answer{script, out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

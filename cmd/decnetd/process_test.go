package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestProcessesAreKnownByMoreThanTheirNumber(t *testing.T) {
	t.Parallel()
	me := thisProcess()
	if !alive(me) {
		t.Errorf("%q is not alive", me)
	}
	cmd := exec.Command("sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child := strings.Replace(me, fmt.Sprintf(" %d %s", os.Getpid(), startOf(os.Getpid())), fmt.Sprintf(" %d %s", cmd.Process.Pid, startOf(cmd.Process.Pid)), 1)
	if child == me || !alive(child) {
		t.Errorf("%q is not alive", child)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for startOf(cmd.Process.Pid) != "" { // a zombie is gone
	}
	if alive(child) {
		t.Errorf("%q is alive", child)
	}
	_ = cmd.Wait()
	for name, process := range map[string]string{"another time": me + "0", "unknown": "", "of another machine": "x" + child} {
		if want := name != "another time"; alive(process) != want {
			t.Errorf("%s: %q is %v", name, process, !want)
		}
	}
}

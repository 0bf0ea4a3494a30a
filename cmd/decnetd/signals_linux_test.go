package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheProcessEndsWell: by each signal that tells it to, and when nobody reads what it prints.
func TestTheProcessEndsWell(t *testing.T) {
	t.Parallel()
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP) // so that the process does not begin with it ignored, as these tests may have
	t.Cleanup(func() { signal.Stop(hangUp) })
	binary := buildBinary(t)
	up := func(addr string, more ...string) []string {
		return append([]string{"up", "--services", "redis", "--deckies", "1", "--base-ip", addr, "--port-offset", "33000", "--data", filepath.Join(t.TempDir(), "data"), "--api", "127.0.0.1:0"}, more...)
	}
	for name, c := range map[string]struct {
		signal os.Signal
		addr   string
	}{
		"SIGINT": {os.Interrupt, "127.0.71.71"}, "SIGTERM": {syscall.SIGTERM, "127.0.71.72"}, "SIGHUP": {syscall.SIGHUP, "127.0.71.73"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, _ := startBinary(t, binary, up(c.addr)...)
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a terminal that goes says nothing under nohup", func(t *testing.T) {
		t.Parallel()
		cmd, _ := startBinary(t, "/bin/sh", append([]string{"-c", `trap '' HUP; exec "$0" "$@"`, binary}, up("127.0.71.74")...)...)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^SigIgn:\t[0-9a-f]{15}[13579bdf]$`).Match(status) {
			t.Errorf("SIGHUP is not ignored any more:\n%s", status)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		fifo := filepath.Join(t.TempDir(), "fifo") // which nobody writes to: it cannot even be opened
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "correlate", writeFile(t, "letter", "dear friend\n"), fifo)
		errs, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := errs.Read(make([]byte, 100)); err != nil { // that the first file is no log
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended
			select {
			case err := <-ended:
				if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
					t.Errorf("it ended with %v", err)
				}
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		t.Error("it does not end")
		_ = cmd.Process.Kill()
		<-ended
	})
	for name, args := range map[string][]string{
		"up":          up("127.0.71.75"),
		"fingerprint": {"fingerprint", captured, captured, captured},
	} {
		t.Run(name+" for nobody", func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary, args...)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			var errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = w, &errs
			err = cmd.Run()
			w.Close()
			if cmd.ProcessState.ExitCode() != exitFailed || errs.String() != "decnetd: write /dev/stdout: broken pipe\n" {
				t.Errorf("%v: %q", err, errs.String())
			}
		})
	}
	t.Run("a log that nobody reads any more", func(t *testing.T) {
		t.Parallel()
		cmd := exec.Command(binary, "collect", "--data", filepath.Join(t.TempDir(), "data"), "--engine", "unix:///nowhere.sock")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd.Stderr = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "decnetd: ready"; {
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// onASmallDisk is set in the process that may mount.
const onASmallDisk = "DECNETD_TEST_ON_A_SMALL_DISK"

// TestFullDisk starts everything on disks that are too small, in a process with mounts of its own.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if os.Getenv(onASmallDisk) == "" {
		t.Parallel()
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), onASmallDisk+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	disk := t.TempDir()
	for _, size := range []string{"8k", "32k", "64k"} {
		for _, command := range []string{
			"up --services redis --deckies 1 --base-ip 127.0.71.80 --api 127.0.0.1:0", "collect --engine unix:///nowhere.sock", "profile", "api --api 127.0.0.1:0 --engine unix:///nowhere.sock", "db migrate",
		} {
			t.Run(size+" "+command, func(t *testing.T) {
				if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
						t.Fatal(err)
					}
				}()
				r := decnetd(t, "", append(strings.Fields(command), "--data", filepath.Join(disk, "data"))...)
				refused(t, r, exitFailed, disk)
				if !strings.Contains(r.err, "the disk is full") && !strings.Contains(r.err, "no space left on device") {
					t.Errorf("it says %q", r.err)
				}
			})
		}
	}
}

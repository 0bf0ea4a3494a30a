package daemon

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestWhoHasEndedBelongsToNobody asks who is at the other end of a socket, while that is a
// process and when it has ended, but has its number still.
func TestWhoHasEndedBelongsToNobody(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := exec.Command("nc", "-U", socket)
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Wait() }() // it is killed
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v := &visit{pid: os.Getpid()}
	s := &server{visits: map[int]*visit{v.pid: v}}
	if a, ok := s.asker(c); !ok || a != (asker{client.Process.Pid, os.Geteuid(), v, 1}) {
		t.Errorf("%+v, %t", a, ok)
	}
	if err := client.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(client.Process.Pid) + "/stat")
		if err != nil || time.Now().After(end) {
			t.Fatalf("%s %v", stat, err)
		}
		if strings.Contains(string(stat), ") Z ") {
			break
		}
	}
	if a, ok := s.asker(c); !ok || a != (asker{pid: client.Process.Pid, uid: os.Geteuid()}) {
		t.Errorf("when it has ended: %+v, %t", a, ok)
	}
	if got, depth := s.visit(os.Getpid()); got != v || depth != 0 {
		t.Errorf("%v, %d", got, depth)
	}
	if got, _ := s.visit(1); got != nil {
		t.Errorf("the first process belongs to %v", got)
	}
}

func TestUserNames(t *testing.T) {
	if got := userName(0); got != "root" {
		t.Errorf("%q", got)
	}
	if got := userName(1 << 30); got != "" {
		t.Errorf("nobody is %q", got)
	}
}

package capture

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGuestsAreServedByProcesses has a tree of processes as sshd makes it for a log-in, with the
// connection in the hands of two.
func TestGuestsAreServedByProcesses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := server.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	g := &guests{pid: os.Getpid(), service: "ssh", port: uint16(l.Addr().(*net.TCPAddr).Port)}
	if got := g.peers(); len(got) != 1 || got[0].pid != 0 {
		t.Errorf("before: %v", got)
	}
	const script = `bash -c 'echo $$; exec -a "sshd: bob@pts/0" sleep 1000' & wait`
	daemon := exec.Command("bash", "-c", `exec -a 'sshd: bob [priv]' bash -c "$0"`, script)
	daemon.ExtraFiles = []*os.File{socket}
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-daemon.Process.Pid, syscall.SIGKILL)
		_ = daemon.Wait()
	}()
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	session, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	for deadline := time.Now().Add(time.Minute); look(session).title != "sshd: bob@pts/0 1000"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the session is %+v", look(session))
		}
	}
	g.find()
	if got := g.peers(); len(got) != 1 || got[0].pid != session || session == daemon.Process.Pid {
		t.Errorf("%v, want the process %d below %d", got, session, daemon.Process.Pid)
	}
	client.Close()
}

func TestGuestsAreRememberedForAWhile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := &guests{pid: os.Getpid(), port: uint16(l.Addr().(*net.TCPAddr).Port)}
	if got := g.peers(); len(got) != 0 {
		t.Fatalf("nobody is connected: %v", got)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	who := client.LocalAddr().String()
	if got := g.peers(); len(got) != 1 || got[0].addr.String() != who {
		t.Errorf("%v, want %s", got, who)
	}
	client.Close()
	server.Close()
	if got := g.peers(); len(got) != 1 || got[0].addr.String() != who {
		t.Errorf("just after: %v, want %s", got, who)
	}
	g.seen = g.seen.Add(-guestsKeep - time.Second)
	if got := g.peers(); len(got) != 0 {
		t.Errorf("long after: %v", got)
	}
}

package capture

import (
	"net"
	"os"
	"testing"
	"time"
)

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

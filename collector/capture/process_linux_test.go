package capture

import (
	"net"
	"os"
	"slices"
	"testing"
)

func TestProcessesAndPeers(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	peers := peersOf(os.Getpid(), uint16(l.Addr().(*net.TCPAddr).Port))
	if len(peers) != 1 || peers[0].addr.String() != client.LocalAddr().String() {
		t.Fatalf("%v, want %v", peers, client.LocalAddr())
	}
	if got := socketsOf(os.Getpid()); !slices.Contains(got, peers[0].inode) {
		t.Errorf("%v has not %s", got, peers[0].inode)
	}
	p := look(os.Getpid())
	if p.parent != os.Getppid() || p.comm == "" || p.title == "" || p.uid == "" {
		t.Errorf("%+v", p)
	}
	if gone := look(1 << 30); gone.parent != 0 || gone.comm != "" {
		t.Errorf("%+v", gone)
	}
}

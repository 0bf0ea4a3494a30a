package forward_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/forward"
	"github.com/decnet/decnet/rfc5424"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestServerThatGoesAndComesBack(t *testing.T) {
	l := listen(t, "127.0.0.93:0") // an address where nobody else takes the port meanwhile
	addr := l.Addr().String()
	f, err := forward.New(addr, forward.Options{Retry: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()

	f.Emit(decnet.Event{Decky: "d", Service: "s", Type: "first"})
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := event(t, bufio.NewReader(c)); got.Type != "first" {
		t.Errorf("got %s", got.Type)
	}
	l.Close()
	c.Close()
	// Writes into the closed connection fail sooner or later; then the server is missed.
	for n := 0; ; n++ {
		f.Emit(decnet.Event{Decky: "d", Service: "s", Type: "lost"})
		if _, err := f.Status(); err != nil {
			break
		}
		if n > 1000 {
			t.Fatal("the server is never missed")
		}
		time.Sleep(5 * time.Millisecond)
	}
	l = listen(t, addr)
	defer l.Close()
	f.Emit(decnet.Event{Decky: "d", Service: "s", Type: "last"})
	c, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for r := bufio.NewReader(c); event(t, r).Type != "last"; {
	}
	if _, err := f.Status(); err != nil {
		t.Errorf("status after the server came back: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func event(t *testing.T, r *bufio.Reader) decnet.Event {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	e, err := rfc5424.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFullQueueDropsAndCounts(t *testing.T) {
	f, err := forward.New("127.0.0.1:9", forward.Options{Queue: 3})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		f.Emit(decnet.Event{})
	}
	if dropped, _ := f.Status(); dropped != 7 {
		t.Errorf("dropped %d, want 7", dropped)
	}
}

func TestEndSendsWhatIsQueued(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	f, err := forward.New(l.Addr().String(), forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		f.Emit(decnet.Event{Decky: "d", Service: "s", Type: "e" + strconv.Itoa(i)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for i := range 100 {
		if got := event(t, r); got.Type != "e"+strconv.Itoa(i) {
			t.Fatalf("event %d is %s", i, got.Type)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestEndWaitsForNoServer ends while a server takes nothing any more.
func TestEndWaitsForNoServer(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	f, err := forward.New(l.Addr().String(), forward.Options{Timeout: time.Hour, Drain: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 8192 { // 32 MiB, more than a connection buffers
		f.Emit(decnet.Event{Decky: "d", Service: "s", Type: "e", Msg: strings.Repeat("x", 4096)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Run waits for a server that reads nothing")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, target := range []string{"", "host", ":514", "host:", "tls:", "host:0", "host:65536", "tls:host:no-such-service"} {
		if _, err := forward.New(target, forward.Options{}); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%q: %v", target, err)
		}
	}
}

func Example() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	f, err := forward.New(server.Addr().String(), forward.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Emit(decnet.Event{Time: time.Unix(0, 0), Decky: "decky-01", Service: "ssh", Type: "connect", Severity: decnet.SeverityInfo})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	c, err := server.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	line, _ := bufio.NewReader(c).ReadString('\n')
	fmt.Print(line)
	cancel()
	fmt.Println(<-done)
	// Output:
	// <134>1 1970-01-01T00:00:00.000000+00:00 decky-01 ssh - connect -
	// <nil>
}

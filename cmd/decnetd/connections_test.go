package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// TestFloodOfConnectionsToTheAPI: those who only connect, begin a request or wait after one make
// room, and whoever is being answered stays.
func TestFloodOfConnectionsToTheAPI(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			begun <- struct{}{}
			<-end
		}
	}))
	bound(srv.Config, 8)
	srv.Start()
	defer srv.Close()
	dial := func(text string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	answered := func(c net.Conn) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", resp, err)
		}
		resp.Body.Close()
	}
	stream := dial("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	for range 3 {
		var flood []net.Conn
		for _, text := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
			for range 10 {
				flood = append(flood, dial(text))
			}
		}
		answered(dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		closed := 0
		for _, c := range flood[:len(flood)-8] {
			if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
				closed++
			}
		}
		if closed != len(flood)-8 {
			t.Errorf("%d were closed", closed)
		}
	}
	streams := []net.Conn{stream}
	for range 7 {
		streams = append(streams, dial("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"))
		<-begun
	}
	if _, err := io.Copy(io.Discard, dial("")); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a newcomer is kept while all others are being answered")
	}
	close(end)
	for _, c := range streams {
		answered(c)
	}
}

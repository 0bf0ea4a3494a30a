package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

func TestChannel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := newChannel(100)
	pid := os.Getpid() // several runs do not meet
	addr := netip.AddrFrom4([4]byte{127, 77, byte(pid >> 8), byte(pid) | 1})
	run, err := deckies(ctx, c, fleet.Options{First: addr})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- run(running) }()

	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", netip.AddrPortFrom(addr, 26379).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"connect", "command"} {
		for found := false; !found; {
			select {
			case e := <-c.events:
				found = e.Type == want && e.Service == "redis" && e.Attacker.IsLoopback()
			case <-ctx.Done():
				t.Fatalf("no %s", want)
			}
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestChannelNeverBlocks(t *testing.T) {
	c := newChannel(2)
	for range 5 {
		c.Emit(decnet.Event{Type: "connect"})
	}
	if len(c.events) != 2 || c.dropped.Load() != 3 {
		t.Errorf("%d events, %d dropped", len(c.events), c.dropped.Load())
	}
}

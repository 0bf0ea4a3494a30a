package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestEndingDoesNotWaitForAnEngine ends workers while an engine is looked for that takes
// connections and says nothing.
func TestEndingDoesNotWaitForAnEngine(t *testing.T) {
	t.Parallel()
	pot := writeFile(t, "decnet-pot", "")
	if err := os.Chmod(pot, 0o700); err != nil {
		t.Fatal(err)
	}
	for command, args := range map[string][]string{"collect": nil, "api": {"--api", "127.0.0.1:0", "--pot", pot}} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			silent, err := net.Listen("tcp", "127.0.71.60:0")
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			ready := make(chan struct{})
			out := &output{waiting: map[string]chan struct{}{"decnetd: ready\n": ready}}
			errs := new(output)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			status := make(chan int, 1)
			args := append([]string{command, "--data", filepath.Join(t.TempDir(), "data"), "--engine", "tcp://" + silent.Addr().String()}, args...)
			go func() { status <- run(ctx, args, streams{nil, out, errs}, environment(nil).get) }()
			select {
			case <-ready:
			case s := <-status:
				t.Fatalf("status %d: %s", s, errs)
			}
			looking, err := silent.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer looking.Close()
			begin := time.Now()
			cancel()
			if s := <-status; s != 0 {
				t.Errorf("status %d: %s", s, errs)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("ending took %s", took)
			}
		})
	}
}

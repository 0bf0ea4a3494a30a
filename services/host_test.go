package services_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/decnet/decnet/services"
)

func ExampleHost() {
	var host services.Host
	stop := host.Serve(services.Served{Service: "http", Product: "nginx", Ports: []services.Port{{Network: "tcp", Number: 80}}})
	for _, s := range host.Served() {
		fmt.Println(s.Service, s.Product, s.Ports)
	}
	stop()
	fmt.Println(len(host.Served()))
	// Output:
	// http nginx [80/tcp]
	// 0
}

func TestHostKeepsOneValue(t *testing.T) {
	t.Parallel()
	type key struct{ n int }
	var host services.Host
	var made int
	var wg sync.WaitGroup
	values := make([]any, 20)
	for i := range values {
		wg.Go(func() {
			values[i] = host.Value(key{i % 2}, func() any { made++; return new(int) })
		})
	}
	wg.Wait()
	if made != 2 || values[0] != values[2] || values[1] != values[3] || values[0] == values[1] {
		t.Errorf("made %d: %v", made, values)
	}
}

// A service is on its Host for as long as Env.Serve runs.
func TestServeTellsTheHost(t *testing.T) {
	t.Parallel()
	env := services.Env{Decky: "d", Host: new(services.Host), Product: "nginx"}.Complete()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	seen := make(chan []services.Served, 1)
	go func() {
		socks := []services.Socket{{Port: services.Port{Network: "tcp", Number: 80}, Stream: l}}
		ended <- env.Serve(ctx, "http", socks, func(context.Context, *services.Session) error {
			seen <- env.Host.Served()
			return nil
		})
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := fmt.Sprint(<-seen); got != "[{http nginx [80/tcp]}]" {
		t.Errorf("while it serves: %s", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := env.Host.Served(); len(got) != 0 {
		t.Errorf("after it: %v", got)
	}
}

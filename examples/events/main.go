// Command events reads what happens on deckies as a Go channel.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services/all"
)

// channel is a decnet.Sink that is read as a channel. Honeypots never wait for the reader:
// when it is size events behind, further ones are counted and dropped.
type channel struct {
	events  chan decnet.Event
	dropped atomic.Uint64
}

func newChannel(size int) *channel { return &channel{events: make(chan decnet.Event, size)} }

// Emit implements decnet.Sink.
func (c *channel) Emit(e decnet.Event) {
	select {
	case c.events <- e:
	default:
		c.dropped.Add(1)
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c := newChannel(1000)
	run, err := deckies(ctx, c, fleet.Options{})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	for {
		select {
		case e := <-c.events:
			fmt.Println(e.Time.Format("15:04:05"), e.Attacker, e.Decky, e.Service, e.Type)
		case err := <-done:
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(c.dropped.Load(), "events were dropped")
			return
		}
	}
}

// deckies binds one decky with a redis server, whose events sink takes.
func deckies(ctx context.Context, sink decnet.Sink, opt fleet.Options) (run func(context.Context) error, err error) {
	registry, err := all.Registry()
	if err != nil {
		return nil, err
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{Deckies: 1, Services: []string{"redis"}}, opt)
	if err != nil {
		return nil, err
	}
	rt := local.New(registry, local.Options{Sink: sink, PortOffset: 20000})
	if err := rt.Apply(ctx, plan); err != nil {
		return nil, err
	}
	for _, d := range plan.Deckies {
		fmt.Printf("redis-cli -h %s -p 26379\n", d.Addr)
	}
	return rt.Run, nil
}

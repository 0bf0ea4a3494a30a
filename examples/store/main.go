// Command store keeps events in a store of its own: one that stands before another and
// tells a sink of each event once it is kept. Whatever takes a store takes this one.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// telling is a store.Repository. What it does not do itself, the store behind it does.
type telling struct {
	store.Repository
	sink decnet.Sink
}

// Ingest implements store.Records: the sink hears of what was committed, and of nothing else.
func (t *telling) Ingest(ctx context.Context, b store.Batch) (int64, error) {
	last, err := t.Repository.Ingest(ctx, b)
	if err != nil {
		return last, err
	}
	for _, r := range b.Records {
		t.sink.Emit(r.Event)
	}
	return last, nil
}

func main() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	own := &telling{db, decnet.SinkFunc(func(e decnet.Event) { fmt.Println("kept:", e.Decky, e.Service, e.Type) })}
	defer own.Close()
	event := decnet.Event{Time: time.Now(), Decky: "decky-01", Service: "ssh", Type: "connect", Severity: decnet.SeverityInfo}
	if _, err := own.Ingest(ctx, store.Batch{Records: []store.Record{{Event: event}}}); err != nil {
		log.Fatal(err)
	}
	n, err := own.CountRecords(ctx, store.Filter{Search: "service:ssh"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("events of ssh:", n)
}

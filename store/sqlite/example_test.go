package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	attempt := decnet.Event{
		Time: time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC), Decky: "decky-01", Service: "ssh", Type: "auth_attempt",
		Attacker: netip.MustParseAddr("203.0.113.7"),
		Fields:   []decnet.Field{decnet.F("username", "root"), decnet.F("password", "hunter2")},
	}
	if _, err := db.Ingest(ctx, store.Batch{
		Records: []store.Record{{Event: attempt, Raw: "<134>1 2026-04-18T02:22:56+00:00 decky-01 ssh - auth_attempt …"}},
		Bounties: []decnet.Bounty{{Time: attempt.Time, Decky: "decky-01", Service: "ssh", Attacker: attempt.Attacker,
			Type: "credential", Payload: []byte(`{"username":"root","password":"hunter2"}`)}},
		Cursor: store.Cursor{Source: "spool", Offset: 117},
	}); err != nil {
		log.Fatal(err)
	}

	records, err := db.Records(ctx, store.Filter{Search: "service:ssh username:root"})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(r.ID, r.Attacker, r.Value("password"))
	}
	bounties, err := db.Bounties(ctx, store.BountyFilter{Type: "credential"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %d\n", bounties[0].Payload, bounties[0].Count)
	// Output:
	// 1 203.0.113.7 hunter2
	// {"username":"root","password":"hunter2"} 1
}

func ExampleStatus() {
	_, err := sqlite.Status(context.Background(), "nowhere.db")
	fmt.Println(err)
	// Output: store/sqlite: nowhere.db: schema: no such file: not found
}

package profile_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate/profile"
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

	attacker := netip.MustParseAddr("192.0.2.7")
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	var batch store.Batch
	for i := range 10 {
		batch.Records = append(batch.Records, store.Record{Event: decnet.Event{
			Time: at.Add(time.Duration(i) * time.Second), Attacker: attacker, Decky: "decky-01", Service: "ssh", Type: "auth_attempt",
		}})
	}
	if _, err := db.Ingest(ctx, batch); err != nil {
		log.Fatal(err)
	}

	// A program that goes on calls Run instead.
	if _, err := profile.New(db, profile.Options{}).CatchUp(ctx); err != nil {
		log.Fatal(err)
	}
	list, err := db.Attackers(ctx, store.AttackerFilter{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list[0].Addr, list[0].Events, list[0].Behavior.Class)
	// Output: 192.0.2.7 10 brute_force
}

func ExampleClassify() {
	mean, cv := 60.0, 0.2
	timing := profile.Timing{Events: 12, Mean: &mean, CV: &cv}
	fmt.Println(profile.Classify(1, timing), profile.BeaconTools(timing))
	// Output: beaconing [cobalt_strike]
}

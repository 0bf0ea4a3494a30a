package ingest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// From a honeypot's event to the store, in the order of a program's end: first the
// collector writes what it has accepted, then the ingester catches up.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "decnet.db"), sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	base := filepath.Join(dir, "decnet.log")
	c, err := collector.New(base, collector.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Emit(decnet.Event{
		Time: time.Now(), Decky: "decky-01", Service: "redis", Type: "auth_attempt", Severity: decnet.SeverityInfo,
		Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("password", "foobared")},
	})
	stopped, stop := context.WithCancel(ctx)
	stop()
	if err := c.Run(stopped); err != nil {
		fmt.Println(err)
		return
	}

	if err := ingest.New(db, collector.Records(base), ingest.Options{}).CatchUp(ctx); err != nil {
		fmt.Println(err)
		return
	}
	records, err := db.Records(ctx, store.Filter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range records {
		fmt.Println(r.Decky, r.Service, r.Type, r.Attacker)
	}
	bounties, err := db.Bounties(ctx, store.BountyFilter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range bounties {
		fmt.Println(b.Type, string(b.Payload))
	}
	// Output:
	// decky-01 redis auth_attempt 203.0.113.9
	// credential {"password":"foobared"}
}

func ExampleExtract() {
	e := decnet.Event{Service: "mysql", Type: "auth_attempt", Fields: []decnet.Field{
		decnet.F("username", "root"), decnet.F("secret_kind", "mysql_native_password"), decnet.F("secret", "5f1a"), decnet.F("challenge", "0102"),
	}}
	for _, b := range ingest.Extract(&e) {
		fmt.Println(b.Type, string(b.Payload))
	}
	// Output: credential {"username":"root","secret_kind":"mysql_native_password","secret":"5f1a","challenge":"0102"}
}

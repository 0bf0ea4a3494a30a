package collector_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	base := filepath.Join(dir, "decnet.log")
	c, err := collector.New(base, collector.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}

	login := decnet.Event{
		Time:  time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC),
		Decky: "decky-01", Service: "ssh", Type: "auth_attempt", Severity: decnet.SeverityInfo,
		Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("username", "root\n")},
	}
	c.Emit(login) // as a honeypot does, whose Env has c as its Sink

	ctx, stop := context.WithCancel(context.Background())
	stop() // what was accepted is written all the same
	if err := c.Run(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{base, collector.Records(base)} {
		text, err := os.ReadFile(path)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(filepath.Base(path), strings.Count(string(text), "\n"))
	}
	raw, err := os.ReadFile(base)
	fmt.Print(string(raw))
	fmt.Println(err)
	// Output:
	// decnet.log 1
	// decnet.json 1
	// <134>1 2026-04-18T02:22:56.000000+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" username="root\x0A"]
	// <nil>
}

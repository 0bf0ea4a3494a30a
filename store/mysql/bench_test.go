package mysql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/bareinsert"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
)

const benchBatch = 100

// traffic makes batches as a network under attack does: brute force with lists of passwords
// against ssh, from fifty addresses at a time, one attempt to a connection or, with onlyNew,
// twenty passwords that were never seen before.
type traffic struct {
	rnd     *rand.Rand
	onlyNew bool
	at      time.Time
	records []store.Record
	bounty  []decnet.Bounty
	offset  int64
}

func newTraffic() *traffic {
	return &traffic{rnd: rand.New(rand.NewPCG(5, 6)), at: time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)}
}

// batch returns the next n records with their bounties.
func (tr *traffic) batch(n int) store.Batch {
	for len(tr.records) < n {
		tr.connection()
	}
	b := store.Batch{Records: tr.records[:n:n], Bounties: tr.bounty}
	tr.records = append([]store.Record(nil), tr.records[n:]...)
	tr.bounty = nil
	for i := range b.Records {
		tr.offset += int64(len(b.Records[i].Raw)) + 1
	}
	b.Cursor = store.Cursor{Source: "spool", Generation: "1", Offset: tr.offset}
	return b
}

func (tr *traffic) connection() {
	addr := netip.AddrFrom4([4]byte{203, 0, byte(tr.at.Unix() / 600), byte(tr.rnd.IntN(50))})
	decky := fmt.Sprintf("decky-%02d", tr.rnd.IntN(10))
	from := []decnet.Field{decnet.F("src_ip", addr.String()), decnet.F("src_port", fmt.Sprint(32768+tr.rnd.IntN(28000)))}
	hassh := fmt.Sprintf("%032x", addr.As4()[3]%7)
	tr.emit(addr, decky, "connect", from...)
	tr.emit(addr, decky, "session", append(from[:2:2], decnet.F("client_version", "SSH-2.0-libssh2_1.11.0"), decnet.F("hassh", hassh))...)
	tr.extract(addr, decky, "fingerprint", fmt.Sprintf(`{"fingerprint_type":"hassh","value":%q}`, hassh))
	attempts := 1
	if tr.onlyNew {
		attempts = 20
	}
	for range attempts {
		user, password := []string{"root", "admin", "ubuntu"}[tr.rnd.IntN(3)], fmt.Sprintf("pass%d!", tr.rnd.IntN(2000000))
		tr.emit(addr, decky, "auth_attempt", append(from[:2:2], decnet.F("username", user), decnet.F("password", password),
			decnet.F("method", "password"), decnet.F("outcome", "failure"))...)
		tr.extract(addr, decky, "credential", fmt.Sprintf(`{"username":%q,"password":%q}`, user, password))
	}
	tr.emit(addr, decky, "disconnect", append(from[:2:2], decnet.F("duration", "2.103"))...)
}

func (tr *traffic) emit(addr netip.Addr, decky, kind string, fields ...decnet.Field) {
	tr.at = tr.at.Add(time.Duration(tr.rnd.IntN(20000)) * time.Microsecond)
	e := decnet.Event{Time: tr.at, Decky: decky, Service: "ssh", Type: kind, Attacker: addr, Severity: decnet.SeverityInfo, Fields: fields}
	line := fmt.Appendf(nil, "<134>1 %s %s ssh - %s [relay@55555", e.Time.Format("2006-01-02T15:04:05.000000+00:00"), decky, kind)
	for _, f := range fields {
		line = fmt.Appendf(line, " %s=%q", f.Key, f.Value)
	}
	tr.records = append(tr.records, store.Record{Event: e, Raw: string(append(line, ']'))})
}

func (tr *traffic) extract(addr netip.Addr, decky, kind, payload string) {
	tr.bounty = append(tr.bounty, decnet.Bounty{Time: tr.at, Decky: decky, Service: "ssh", Attacker: addr, Type: kind, Payload: json.RawMessage(payload)})
}

// newPeer makes an empty store that is written as fast as can be.
func newPeer(b *testing.B, dsn string) *bareinsert.Peer {
	if _, err := mysql.Migrate(b.Context(), dsn); err != nil {
		b.Fatal(err)
	}
	peer, err := bareinsert.MySQL(dsn, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { peer.Close() })
	return peer
}

// benchServer starts a server with the settings that servers have.
func benchServer(b *testing.B) *mysqltest.Server {
	b.Helper()
	own, err := mysqltest.Start()
	if errors.Is(err, mysqltest.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := own.Stop(); err != nil {
			b.Error(err)
		}
	})
	return own
}

// BenchmarkIngest writes batches of a hundred records: decnet as the ingester does, with kept
// figures and cursor; bare the same rows of records and bounties; ratio both in turns, and
// reports how fast decnet is as a part of bare. In ratio/bruteforce nine records of ten carry
// a credential that was never seen before, which is the most work that there can be, and in
// ratio/backlog a batch has a thousand records, as when the ingester catches up.
func BenchmarkIngest(b *testing.B) {
	own := benchServer(b)
	b.Run("decnet", func(b *testing.B) {
		db := open(b, own.Database(b))
		b.Cleanup(func() { db.Close() })
		tr := newTraffic()
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			batch := tr.batch(benchBatch)
			b.StartTimer()
			if _, err := db.Ingest(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("bare", func(b *testing.B) {
		bare, tr := newPeer(b, own.Database(b)), newTraffic()
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			rows := bare.Rows(tr.batch(benchBatch))
			b.StartTimer()
			if err := bare.Write(rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("ratio", func(b *testing.B) { benchRatio(b, own, newTraffic(), benchBatch) })
	b.Run("ratio/bruteforce", func(b *testing.B) {
		tr := newTraffic()
		tr.onlyNew = true
		benchRatio(b, own, tr, benchBatch)
	})
	b.Run("ratio/backlog", func(b *testing.B) { benchRatio(b, own, newTraffic(), 10*benchBatch) })
}

func benchRatio(b *testing.B, own *mysqltest.Server, tr *traffic, size int) {
	db := open(b, own.Database(b))
	b.Cleanup(func() { db.Close() })
	bare := newPeer(b, own.Database(b))
	var ours, theirs time.Duration
	for range b.N {
		batch := tr.batch(size)
		rows := bare.Rows(batch)
		begin := time.Now()
		if _, err := db.Ingest(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if err := bare.Write(rows); err != nil {
			b.Fatal(err)
		}
		ours, theirs = ours+middle.Sub(begin), theirs+time.Since(middle)
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-bare")
}

// BenchmarkRead asks a store of 100,000 records for what pages show.
func BenchmarkRead(b *testing.B) {
	own := benchServer(b)
	db := open(b, own.Database(b))
	b.Cleanup(func() { db.Close() })
	tr := newTraffic()
	for range 100 {
		if _, err := db.Ingest(b.Context(), tr.batch(1000)); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		read func(ctx context.Context) error
	}{
		{"page", func(ctx context.Context) error { _, err := db.Records(ctx, store.Filter{}); return err }},
		{"page/service", func(ctx context.Context) error {
			_, err := db.Records(ctx, store.Filter{Search: "service:ssh"})
			return err
		}},
		{"page/field", func(ctx context.Context) error {
			_, err := db.Records(ctx, store.Filter{Search: "password:nowhere"})
			return err
		}},
		{"page/text", func(ctx context.Context) error {
			_, err := db.Records(ctx, store.Filter{Search: "nowhere"})
			return err
		}},
		{"after", func(ctx context.Context) error {
			_, err := db.Records(ctx, store.Filter{AfterID: 99_950, Search: "service:ssh"})
			return err
		}},
		{"histogram", func(ctx context.Context) error { _, err := db.Histogram(ctx, store.Filter{}, time.Minute); return err }},
		{"bounties", func(ctx context.Context) error { _, err := db.Bounties(ctx, store.BountyFilter{}); return err }},
		{"totals", func(ctx context.Context) error { _, err := db.Totals(ctx); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.read(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

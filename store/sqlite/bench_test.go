package sqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/bareinsert"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

const benchBatch = 100

// traffic makes batches as a network under attack does: brute force with lists of passwords
// against ssh, and scanners of web servers, from fifty addresses at a time.
type traffic struct {
	rnd     *rand.Rand
	onlySSH bool // brute force alone, twenty new passwords in a session
	at      time.Time
	records []store.Record
	bounty  []decnet.Bounty
	offset  int64
}

func newTraffic() *traffic {
	return &traffic{rnd: rand.New(rand.NewPCG(5, 6)), at: time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)}
}

// batch returns the next benchBatch records with their bounties.
func (tr *traffic) batch() store.Batch {
	for len(tr.records) < benchBatch {
		addr := netip.AddrFrom4([4]byte{203, 0, byte(tr.at.Unix() / 600), byte(tr.rnd.IntN(50))})
		decky := fmt.Sprintf("decky-%02d", tr.rnd.IntN(10))
		if !tr.onlySSH && tr.rnd.IntN(2) == 0 {
			tr.web(addr, decky)
		} else {
			tr.bruteForce(addr, decky)
		}
	}
	b := store.Batch{Records: tr.records[:benchBatch:benchBatch], Bounties: tr.bounty}
	tr.records = append([]store.Record(nil), tr.records[benchBatch:]...)
	tr.bounty = nil
	for i := range b.Records {
		tr.offset += int64(len(b.Records[i].Raw)) + 1
	}
	b.Cursor = store.Cursor{Source: "spool", Generation: "1", Offset: tr.offset}
	return b
}

func (tr *traffic) bruteForce(addr netip.Addr, decky string) {
	port := fmt.Sprint(32768 + tr.rnd.IntN(28000))
	from := []decnet.Field{decnet.F("src_ip", addr.String()), decnet.F("src_port", port)}
	tr.emit(addr, decky, "ssh", "connect", from...)
	hassh := fmt.Sprintf("%032x", addr.As4()[3]%7)
	tr.emit(addr, decky, "ssh", "session", append(from[:2:2], decnet.F("client_version", "SSH-2.0-libssh2_1.11.0"), decnet.F("hassh", hassh))...)
	tr.extract(addr, decky, "ssh", "fingerprint", fmt.Sprintf(`{"fingerprint_type":"hassh","value":%q}`, hassh))
	attempts := 1
	if tr.onlySSH {
		attempts = 20
	}
	for range attempts {
		user, password := []string{"root", "admin", "ubuntu"}[tr.rnd.IntN(3)], fmt.Sprintf("pass%d!", tr.rnd.IntN(2000000))
		tr.emit(addr, decky, "ssh", "auth_attempt", append(from[:2:2], decnet.F("username", user), decnet.F("password", password),
			decnet.F("method", "password"), decnet.F("outcome", "failure"))...)
		tr.extract(addr, decky, "ssh", "credential", fmt.Sprintf(`{"username":%q,"password":%q}`, user, password))
	}
	tr.emit(addr, decky, "ssh", "disconnect", append(from[:2:2], decnet.F("duration", "2.103"))...)
}

func (tr *traffic) web(addr netip.Addr, decky string) {
	tr.emit(addr, decky, "http", "connect", decnet.F("src_ip", addr.String()), decnet.F("src_port", "50222"))
	agent := fmt.Sprintf("Mozilla/5.0 (compatible; scanner/%d.0)", addr.As4()[3]%5)
	for range 5 {
		tr.emit(addr, decky, "http", "request", decnet.F("src_ip", addr.String()), decnet.F("src_port", "50222"), decnet.F("method", "GET"),
			decnet.F("path", fmt.Sprintf("/cgi-bin/luci/;stok=%d", tr.rnd.IntN(1000))), decnet.F("host", "192.0.2.10"), decnet.F("version", "HTTP/1.1"),
			decnet.F("headers", fmt.Sprintf(`{"Host":"192.0.2.10","User-Agent":%q,"Accept":"*/*","Connection":"close"}`, agent)),
			decnet.F("user_agent", agent), decnet.F("status", "404"))
		tr.extract(addr, decky, "http", "fingerprint", fmt.Sprintf(`{"fingerprint_type":"http_useragent","value":%q}`, agent))
	}
	tr.emit(addr, decky, "http", "disconnect", decnet.F("src_ip", addr.String()), decnet.F("src_port", "50222"))
}

func (tr *traffic) emit(addr netip.Addr, decky, service, kind string, fields ...decnet.Field) {
	tr.at = tr.at.Add(time.Duration(tr.rnd.IntN(20000)) * time.Microsecond)
	e := decnet.Event{Time: tr.at, Decky: decky, Service: service, Type: kind, Attacker: addr, Severity: decnet.SeverityInfo, Fields: fields}
	raw := fmt.Appendf(nil, "<134>1 %s %s %s - %s [relay@55555", e.Time.Format("2006-01-02T15:04:05.000000+00:00"), decky, service, kind)
	for _, f := range fields {
		raw = fmt.Appendf(raw, " %s=%q", f.Key, f.Value)
	}
	tr.records = append(tr.records, store.Record{Event: e, Raw: string(append(raw, ']'))})
}

func (tr *traffic) extract(addr netip.Addr, decky, service, kind, payload string) {
	tr.bounty = append(tr.bounty, decnet.Bounty{Time: tr.at, Decky: decky, Service: service, Attacker: addr, Type: kind, Payload: json.RawMessage(payload)})
}

// newPeer makes an empty store that is written as fast as can be.
func newPeer(b *testing.B) *bareinsert.Peer {
	path := filepath.Join(b.TempDir(), "bare.db")
	if _, err := sqlite.Migrate(b.Context(), path); err != nil {
		b.Fatal(err)
	}
	peer, err := bareinsert.SQLite(path, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { peer.Close() })
	return peer
}

// BenchmarkIngest writes batches of a hundred records: decnet as the ingester does, with
// kept figures and cursor; bare the same rows of records and bounties; ratio both in turns,
// and reports how fast decnet is as a part of bare. In ratio/bruteforce nine records of ten
// carry a credential that was never seen before, which is the most work that there can be.
func BenchmarkIngest(b *testing.B) {
	b.Run("decnet", func(b *testing.B) {
		db := openFile(b, filepath.Join(b.TempDir(), "decnet.db"))
		b.Cleanup(func() { db.Close() })
		tr := newTraffic()
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			batch := tr.batch()
			b.StartTimer()
			if _, err := db.Ingest(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("bare", func(b *testing.B) {
		bare, tr := newPeer(b), newTraffic()
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			rows := bare.Rows(tr.batch())
			b.StartTimer()
			if err := bare.Write(rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("ratio", func(b *testing.B) { benchRatio(b, newTraffic()) })
	b.Run("ratio/bruteforce", func(b *testing.B) {
		tr := newTraffic()
		tr.onlySSH = true
		benchRatio(b, tr)
	})
}

func benchRatio(b *testing.B, tr *traffic) {
	db := openFile(b, filepath.Join(b.TempDir(), "decnet.db"))
	b.Cleanup(func() { db.Close() })
	bare := newPeer(b)
	var ours, theirs time.Duration
	for range b.N {
		batch := tr.batch()
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

// BenchmarkOpen is what a start waits for: an up-to-date file.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "decnet.db")
	if _, err := sqlite.Migrate(b.Context(), path); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		db, err := sqlite.Open(context.Background(), path, sqlite.Config{})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead asks a store of 100,000 records for what pages show.
func BenchmarkRead(b *testing.B) {
	db := openFile(b, filepath.Join(b.TempDir(), "decnet.db"))
	b.Cleanup(func() { db.Close() })
	tr := newTraffic()
	for range 1000 {
		if _, err := db.Ingest(b.Context(), tr.batch()); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		read func(ctx context.Context) error
	}{
		{"page", func(ctx context.Context) error { _, err := db.Records(ctx, store.Filter{}); return err }},
		{"page/service", func(ctx context.Context) error {
			_, err := db.Records(ctx, store.Filter{Search: "service:http"})
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
		{"count/service", func(ctx context.Context) error {
			_, err := db.CountRecords(ctx, store.Filter{Search: "service:http"})
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

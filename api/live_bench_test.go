package api_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/sqlite"
)

// BenchmarkEventToViewer measures how long an event takes from the sink of a honeypot, by way
// of the spool, the store and the hub, until a client has the whole server-sent event that
// tells of it, while 1,000 events a second arrive for five seconds and are folded into
// profiles. Every event counts once for each viewer.
func BenchmarkEventToViewer(b *testing.B) {
	for _, kind := range []string{"sqlite", "mariadb"} {
		b.Run(kind, func(b *testing.B) {
			open := openSQLite
			if kind == "mariadb" {
				server, err := mysqltest.Start()
				if errors.Is(err, mysqltest.ErrMissing) {
					b.Skip(err)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() {
					if err := server.Stop(); err != nil {
						b.Error(err)
					}
				})
				open = func(b *testing.B) (store.Repository, error) {
					return mysql.Open(b.Context(), server.Database(b), mysql.Config{})
				}
			}
			for _, viewers := range []int{1, 100, 1000} {
				b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) {
					db, err := open(b)
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(func() { db.Close() })
					eventToViewer(b, db, viewers)
				})
			}
		})
	}
}

func openSQLite(b *testing.B) (store.Repository, error) {
	return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "decnet.db"), sqlite.Config{})
}

const (
	eventsPerSecond = 1000
	eventsPerRound  = 5 * eventsPerSecond
)

func eventToViewer(b *testing.B, db store.Repository, viewers int) {
	base := filepath.Join(b.TempDir(), "decnet.log")
	spool, err := collector.New(base, collector.Options{})
	if err != nil {
		b.Fatal(err)
	}
	hub := api.NewHub(db, nil, nil)
	h, err := api.NewPaced(api.Config{Store: db, Secret: secret, Hub: hub}, patient)
	if err != nil {
		b.Fatal(err)
	}
	f := &fixture{Server: httptest.NewServer(http.StripPrefix("/api/v1", h))}
	b.Cleanup(f.Close)
	run(b, hub.Run)
	profiler := profile.New(db, profile.Options{})
	run(b, profiler.Run)
	run(b, ingest.New(db, collector.Records(base), ingest.Options{OnCommit: func(int64) { profiler.Wake(); hub.Wake() }}).Run)
	run(b, func(ctx context.Context) error { return spool.Run(ctx) })

	clock := &arrivals{start: time.Now()}
	var all []*liveViewer
	var token string
	for i := range viewers {
		if i%50 == 0 {
			name := fmt.Sprintf("user%d", i)
			if _, err := db.CreateUser(b.Context(), store.User{Username: name, PasswordHash: quickHash(b, name), Role: store.RoleViewer}); err != nil {
				b.Fatal(err)
			}
			token = f.login(b, name, name)
		}
		all = append(all, newLiveViewer(b, f.Listener.Addr().String(), token, clock))
	}
	for _, v := range all {
		go v.follow()
	}
	for b.Loop() {
		clock.round(spool, all)
	}
	var sum latencies
	for _, v := range all {
		v.conn.Close()
		if err := <-v.ended; !errors.Is(err, net.ErrClosed) {
			b.Errorf("a viewer was left behind: %v", err)
		}
		sum.add(&v.took)
	}
	b.ReportMetric(0, "ns/op") // a round takes five seconds
	b.ReportMetric(sum.quantile(0.5), "p50-ms")
	b.ReportMetric(sum.quantile(0.99), "p99-ms")
	b.ReportMetric(sum.quantile(1), "max-ms")
}

// arrivals knows when each event was emitted. Their records have the IDs from 1 on.
type arrivals struct {
	start   time.Time
	emitted [1 << 20]atomic.Int64 // after start, by ID
	last    atomic.Int64          // ID of the last event of this round
	waiting sync.WaitGroup        // viewers who have not seen it
}

// round emits events for some seconds and waits until every viewer has all of them.
func (a *arrivals) round(sink decnet.Sink, viewers []*liveViewer) {
	from := a.last.Load()
	a.last.Store(from + eventsPerRound)
	a.waiting.Add(len(viewers))
	begin := time.Now()
	for i := range int64(eventsPerRound) {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / eventsPerSecond)))
		a.emitted[from+i+1].Store(int64(time.Since(a.start)))
		sink.Emit(attempt(i))
	}
	a.waiting.Wait()
}

// attempt is a log-in as a brute-force bot tries them.
func attempt(n int64) decnet.Event {
	addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(n % 50)})
	return decnet.Event{
		Time: time.Now(), Decky: fmt.Sprintf("decky-%02d", n%5), Service: "ssh", Type: "auth_attempt", Attacker: addr, Severity: decnet.SeverityInfo,
		Fields: []decnet.Field{
			decnet.F("src_ip", addr.String()), decnet.F("src_port", strconv.FormatInt(30000+n%20000, 10)), decnet.F("username", "root"),
			decnet.F("password", strconv.FormatInt(n%500, 10)), decnet.F("method", "password"), decnet.F("outcome", "failure"),
		},
	}
}

// liveViewer reads a stream as a browser does, without a client between it and the socket.
type liveViewer struct {
	conn  net.Conn
	body  *bufio.Reader
	clock *arrivals
	took  latencies
	ended chan error
}

// newLiveViewer opens a stream and returns when it is followed.
func newLiveViewer(b *testing.B, addr, token string, clock *arrivals) *liveViewer {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /api/v1/stream HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", token)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp, err)
	}
	v := &liveViewer{conn: conn, body: bufio.NewReaderSize(resp.Body, 64<<10), clock: clock, ended: make(chan error, 1)}
	for {
		line, err := v.body.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if bytes.HasPrefix(line, []byte(`data: {"type":"histogram"`)) {
			return v
		}
	}
}

// follow reads until the connection ends.
func (v *liveViewer) follow() {
	var seen, id int64
	begins := true // of a line
	for {
		line, err := v.body.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			begins = false
			continue
		case err != nil:
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			v.ended <- err
			return
		case begins && bytes.HasPrefix(line, []byte("id: ")):
			id, _ = strconv.ParseInt(string(line[4:len(line)-1]), 10, 64)
		case begins && len(line) == 1 && id > seen: // the end of an event
			now := time.Since(v.clock.start)
			for seen < id {
				seen++
				v.took.count(now - time.Duration(v.clock.emitted[seen].Load()))
			}
			if seen == v.clock.last.Load() {
				v.clock.waiting.Done()
			}
		}
		begins = true
	}
}

// latencies counts times by steps of two percent.
type latencies struct{ counts [1200]int }

func (l *latencies) count(d time.Duration) {
	step := int(math.Log(max(float64(d)/float64(time.Microsecond), 1)) / math.Log(1.02))
	l.counts[min(step, len(l.counts)-1)]++
}

func (l *latencies) add(o *latencies) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
}

// quantile returns the time, in milliseconds, that a part of all took at most.
func (l *latencies) quantile(part float64) float64 {
	all := 0
	for _, n := range l.counts {
		all += n
	}
	sum := 0
	for i, n := range l.counts {
		if sum += n; sum > 0 && float64(sum) >= part*float64(all) {
			return math.Pow(1.02, float64(i+1)) / 1000
		}
	}
	return 0
}

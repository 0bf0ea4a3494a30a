package mysql_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/storetest"
)

// suiteVariable asks for the whole suite on a cluster, which takes minutes (make galera).
const suiteVariable = "DECNET_GALERA_SUITE"

// balancer is a proxy in front of the nodes of a cluster that stays with one while it
// answers, as those do that operators use.
type balancer struct {
	net.Listener
	nodes []*mysqltest.Server
	at    atomic.Int64 // the node that connections go to
	wait  sync.WaitGroup
}

func newBalancer(t *testing.T, nodes []*mysqltest.Server) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{Listener: l, nodes: nodes}
	b.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.wait.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		b.wait.Wait()
	})
	return b
}

func (b *balancer) serve(client net.Conn) {
	defer client.Close()
	at := b.at.Load()
	server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(b.nodes[at].Port)))
	if err != nil {
		b.at.CompareAndSwap(at, (at+1)%int64(len(b.nodes)))
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	_, _ = io.Copy(server, client)
	server.Close()
	back.Wait()
}

// TestW06_KilledNodeLosesAndDoublesNothing: of a cluster of three nodes, the one that is
// written to is killed with kill -9 while a writer ingests, again and again; another one takes
// over, the killed one joins again, and all of them hold every batch once.
func TestW06_KilledNodeLosesAndDoublesNothing(t *testing.T) {
	nodes, err := mysqltest.StartCluster(3, "--innodb-buffer-pool-size=16M")
	if errors.Is(err, mysqltest.ErrMissing) || errors.Is(err, mysqltest.ErrNoGalera) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, n := range nodes {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}
	}()
	nodes[0].Exec(t, "CREATE DATABASE decnet")
	front := newBalancer(t, nodes)
	through, err := mysql.ParseDSN(nodes[0].DSN("root", "", "decnet"))
	if err != nil {
		t.Fatal(err)
	}
	through.Addr = front.Addr().String()
	db := open(t, through.URL())
	defer db.Close()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acknowledged, failed atomic.Int64
	progress := make(chan struct{}, 1)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	writing.Go(func() {
		for ctx.Err() == nil {
			b := numbered(acknowledged.Load(), 1+rand.IntN(60))
			for { // what was begun is brought to its end, for the sum to be known
				_, err := db.Ingest(context.WithoutCancel(ctx), b)
				if err == nil {
					break
				}
				failed.Add(1)
			}
			acknowledged.Store(b.Cursor.Offset)
			select {
			case progress <- struct{}{}:
			default:
			}
		}
	})
	const rounds = 2
	for range rounds {
		for range 5 + rand.IntN(5) {
			<-progress
		}
		victim := nodes[front.at.Load()]
		victim.Kill()
		for range 5 {
			<-progress // the others go on
		}
		if err := victim.Run(); err != nil {
			t.Fatal(err)
		}
		if err := victim.AwaitSync(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	writing.Wait()
	for i, n := range nodes {
		// Everything that was committed anywhere is applied before the node answers.
		n.Exec(t, "SET GLOBAL wsrep_sync_wait = 1")
		own := open(t, n.DSN("root", "", "decnet"))
		verifyNumbered(t, own, int(acknowledged.Load()))
		if err := own.Close(); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
	}
	t.Logf("%d records, %d nodes killed, %d errors on the way", acknowledged.Load(), rounds, failed.Load())

	t.Run("Conflicts", func(t *testing.T) { testConflicts(t, nodes) })

	if os.Getenv(suiteVariable) != "" {
		t.Run("Suite", func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Repository { return open(t, nodes[0].Database(t)) })
		})
	}
}

// testConflicts: writers on two nodes of a cluster, which locks rows on each node alone, get in
// each other's way until some were refused at their commit. Each of them goes on by itself, and
// every node holds every batch once.
func testConflicts(t *testing.T, nodes []*mysqltest.Server) {
	nodes[0].Exec(t, "CREATE DATABASE conflicts")
	conflicts := func() (sum int) {
		t.Helper()
		for _, n := range nodes {
			direct := raw(t, n.DSN("root", "", ""))
			for _, name := range []string{"wsrep_local_cert_failures", "wsrep_local_bf_aborts"} {
				var count int
				if err := direct.QueryRowContext(t.Context(), "SHOW STATUS LIKE '"+name+"'").Scan(&name, &count); err != nil {
					t.Fatal(err)
				}
				sum += count
			}
			if err := direct.Close(); err != nil {
				t.Error(err)
			}
		}
		return sum
	}
	before := conflicts()
	const batches = 20
	var written [2]int
	for round := 0; round < 1 || conflicts() == before; round++ {
		var writing sync.WaitGroup
		for i := range written {
			db := open(t, nodes[i].DSN("root", "", "conflicts"))
			writing.Go(func() {
				defer db.Close()
				for range batches {
					written[i]++
					b := store.Batch{Records: []store.Record{record(epoch, "ssh")}, Cursor: store.Cursor{Source: strconv.Itoa(i), Offset: int64(written[i])}}
					for {
						if _, err := db.Ingest(t.Context(), b); err == nil || t.Context().Err() != nil {
							break
						}
					}
				}
			})
		}
		writing.Wait()
	}
	for i, n := range nodes {
		n.Exec(t, "SET GLOBAL wsrep_sync_wait = 1")
		db := open(t, n.DSN("root", "", "conflicts"))
		totals, err := db.Totals(t.Context())
		if want := written[0] + written[1]; err != nil || totals.Records != want {
			t.Errorf("node %d: %+v, %v, want %d records", i, totals, err, want)
		}
		if last, err := db.MaxRecordID(t.Context()); err != nil || int(last) != totals.Records {
			t.Errorf("node %d: last ID %d, %v", i, last, err)
		}
		for w, count := range written {
			if c, err := db.Cursor(t.Context(), strconv.Itoa(w)); err != nil || int(c.Offset) != count {
				t.Errorf("node %d: writer %d stands at %+v, %v, want %d", i, w, c, err, count)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d records, %d conflicts", written[0]+written[1], conflicts()-before)
}

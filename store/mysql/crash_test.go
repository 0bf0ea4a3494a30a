package mysql_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
)

// numbered makes a batch of n records that carry the numbers after from, repeats one bounty
// for each, and moves the cursor by n.
func numbered(from int64, n int) store.Batch {
	b := store.Batch{Cursor: store.Cursor{Source: "spool", Generation: "1", Offset: from + int64(n)}}
	for i := range int64(n) {
		addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 20)})
		b.Records = append(b.Records, store.Record{Raw: strconv.FormatInt(from+i+1, 10), Event: decnet.Event{
			Time: time.UnixMicro(from + i + 1), Decky: "decky-01", Service: "ssh", Type: "connect", Attacker: addr}})
		b.Bounties = append(b.Bounties, decnet.Bounty{Type: "credential", Payload: []byte(`{"username":"root"}`)})
	}
	return b
}

// verifyNumbered: the records 1 to n are there once each, in order, and every figure agrees.
func verifyNumbered(t *testing.T, db store.Repository, n int) {
	t.Helper()
	ctx := t.Context()
	cursor, err := db.Cursor(ctx, "spool")
	if err != nil {
		t.Fatal(err)
	}
	totals, err := db.Totals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := db.CountRecords(ctx, store.Filter{Search: "service:ssh"})
	if err != nil {
		t.Fatal(err)
	}
	last, err := db.MaxRecordID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bounties, err := db.Bounties(ctx, store.BountyFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if int(cursor.Offset) != n || totals.Records != n || counted != n || int(last) != n || len(bounties) != 1 || bounties[0].Count != n || totals.Bounties != 1 {
		t.Errorf("want %d: cursor %d, total %d, rows %d, last ID %d, bounties %+v", n, cursor.Offset, totals.Records, counted, last, bounties)
	}
	next := int64(0)
	for after := int64(-1); ; after = next {
		page, err := db.Records(ctx, store.Filter{AfterID: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			if next++; r.ID != next || r.Raw != strconv.FormatInt(next, 10) {
				t.Fatalf("record %d has ID %d and text %q", next, r.ID, r.Raw)
			}
		}
	}
}

// TestW06_KilledServerLosesAndDoublesNothing kills the server with kill -9 again and again
// while a writer ingests, who repeats what gave an error and knows nothing else.
func TestW06_KilledServerLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	if server == nil {
		t.Skip(mysqltest.ErrMissing)
	}
	own, err := mysqltest.Start("--innodb-buffer-pool-size=16M")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	own.Exec(t, "CREATE DATABASE decnet")
	db := open(t, own.DSN("root", "", "decnet"))
	defer db.Close()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acknowledged, failed atomic.Int64
	progress := make(chan struct{}, 1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			b := numbered(acknowledged.Load(), 1+rand.IntN(60))
			// What was begun is brought to its end, for the sum to be known.
			for {
				if _, err := db.Ingest(context.WithoutCancel(ctx), b); err == nil {
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
	const rounds = 5
	for range rounds {
		for range 3 + rand.IntN(5) {
			<-progress
		}
		own.Kill()
		before := acknowledged.Load()
		if err := own.Run(); err != nil {
			t.Fatal(err)
		}
		<-progress // it goes on by itself
		cursor, err := db.Cursor(t.Context(), "spool")
		if err != nil || cursor.Offset < before {
			t.Errorf("the cursor stands at %d (%v) and %d was acknowledged", cursor.Offset, err, before)
		}
	}
	stop()
	writing.Wait()
	verifyNumbered(t, db, int(acknowledged.Load()))
	t.Logf("%d records in %d lives of the server, %d errors on the way", acknowledged.Load(), rounds+1, failed.Load())
}

// cutter is a proxy in front of the server that cuts a connection when it is told to: at its
// COMMIT, or when so many requests have come.
type cutter struct {
	net.Listener
	server string
	mode   atomic.Int32 // of the next COMMIT
	left   atomic.Int32 // requests until one is not passed on
	cuts   atomic.Int32
	wait   sync.WaitGroup
}

const (
	letPass    = iota
	cutBefore  // the server never hears of it
	cutBetween // the server commits, and nobody hears of it
)

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, server: server}
	c.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wait.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.wait.Wait()
	})
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	defer back.Wait()
	var mute atomic.Bool
	back.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || mute.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			server.Close()
			return
		}
		if c.left.Add(-1) == 0 {
			c.cuts.Add(1)
			server.Close()
			return
		}
		if bytes.HasSuffix(buf[:n], []byte("\x03COMMIT")) {
			switch c.mode.Swap(letPass) {
			case cutBefore:
				c.cuts.Add(1)
				server.Close()
				return
			case cutBetween:
				c.cuts.Add(1)
				mute.Store(true)
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestCommitInDoubt: a connection that breaks while a batch is committed leaves open whether
// it was. Ingest finds out, and the caller sees one batch written once.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	direct, err := mysql.ParseDSN(database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := newCutter(t, direct.Addr)
	through := direct
	through.Addr = proxy.Addr().String()
	db := open(t, through.URL())
	defer db.Close()
	n := int64(0)
	for i := range 12 {
		mode := int32(i % 3)
		proxy.mode.Store(mode)
		last, err := db.Ingest(t.Context(), numbered(n, 7))
		if n += 7; err != nil || last != n {
			t.Fatalf("mode %d: last ID %d, %v, want %d", mode, last, err, n)
		}
	}
	if cuts := proxy.cuts.Load(); cuts != 8 {
		t.Fatalf("%d connections were cut, want 8", cuts)
	}
	verifyNumbered(t, db, int(n))

	// Without a cursor nobody can tell, and the error is for the caller.
	proxy.mode.Store(cutBetween)
	if _, err := db.Ingest(t.Context(), store.Batch{Records: numbered(n, 1).Records}); err == nil {
		t.Errorf("a batch without a cursor: %v", err)
	}
	proxy.mode.Store(cutBetween)
	if err := db.SetState(t.Context(), "x", []byte("1")); err == nil || !strings.Contains(err.Error(), "set state x") {
		t.Errorf("a state: %v", err)
	}
	// The end of the context ends the wait.
	proxy.mode.Store(cutBetween)
	proxy.Listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.Ingest(ctx, numbered(n+1, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nobody to ask: %v", err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/decnet/decnet/internal/bareinsert"
	"github.com/decnet/decnet/store"
)

// ratio writes o.ratio further records into a copy of a filled store, as the ingester does,
// and in turns the rows of the same records and bounties, and nothing else, into another
// copy. First in batches as when events arrive one by one, then in those of a backlog.
func ratio(ctx context.Context, o options, name string, n int) (err error) {
	for _, size := range []int{100, fillBatch} {
		if err := ratioOf(ctx, o, name, n, size); err != nil {
			return err
		}
	}
	return nil
}

func ratioOf(ctx context.Context, o options, name string, n, size int) (err error) {
	ours, bare := filepath.Join(o.keep, "ours"), filepath.Join(o.keep, "bare")
	for _, dir := range []string{ours, bare} {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if err := os.CopyFS(dir, os.DirFS(o.place(name, n))); err != nil {
			return err
		}
	}
	db, _, end, err := opened(ctx, o, name, ours)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	last, err := db.MaxRecordID(ctx)
	if err != nil {
		return err
	}
	peer, stop, err := peerIn(o, name, bare, last)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	h := history{newTraffic(6, time.Now(), gap), make(map[netip.Addr]*store.Profile)}
	var took [2]time.Duration
	for range o.ratio / size {
		batch := h.batch(size)
		rows := peer.Rows(batch)
		begin := time.Now()
		if _, err := db.Ingest(ctx, batch); err != nil {
			return err
		}
		middle := time.Now()
		if err := peer.Write(rows); err != nil {
			return err
		}
		took[0], took[1] = took[0]+middle.Sub(begin), took[1]+time.Since(middle)
	}
	written := float64(o.ratio / size * size)
	fmt.Printf("%s, %d records, %d more in batches of %d: %.0f records a second, a bare insert %.0f: %.2f of it\n", name, n, o.ratio/size*size, size,
		written/took[0].Seconds(), written/took[1].Seconds(), took[1].Seconds()/took[0].Seconds())
	return nil
}

// peerIn opens the store of a name at a place for a bare insert, and returns a function that
// ends it.
func peerIn(o options, name, place string, last int64) (*bareinsert.Peer, func() error, error) {
	if name == "sqlite" {
		peer, err := bareinsert.SQLite(filepath.Join(place, sqliteFile), last)
		if err != nil {
			return nil, nil, err
		}
		return peer, peer.Close, nil
	}
	server, err := o.server(place)
	if err != nil {
		return nil, nil, err
	}
	peer, err := bareinsert.MySQL(server.DSN("root", "", database), last)
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop())
	}
	return peer, func() error { return errors.Join(peer.Close(), server.Stop()) }, nil
}

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// gap is the time between two records of a filled store: ten million are those of a month.
const gap = 260 * time.Millisecond

// The account of the readers.
const (
	username = "figures"
	password = "figures-figures"
)

// fillBatch is how many records are written at a time, as many as when the ingester has a
// backlog.
const fillBatch = 1000

// fill writes records into a store until it has n, and an account. It returns how many a
// second the store took, 0 when it had them.
func fill(ctx context.Context, db store.Repository, n int) (float64, error) {
	have, err := db.MaxRecordID(ctx) // some may be purged since
	if err != nil || have >= int64(n) {
		return 0, err
	}
	if have > 0 {
		return 0, fmt.Errorf("it was given %d records, remove it and begin again", have)
	}
	hash, err := api.HashPassword(password)
	if err != nil {
		return 0, err
	}
	if _, err := db.CreateUser(ctx, store.User{Username: username, PasswordHash: hash}); err != nil {
		return 0, err
	}
	h := history{newTraffic(5, time.Now().Add(-gap*time.Duration(n)), gap), make(map[netip.Addr]*store.Profile)}
	batches, end := make(chan store.Batch, 4), make(chan struct{})
	defer func() { <-end }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(end)
		defer close(batches)
		for made := 0; made < n; made += fillBatch {
			select {
			case batches <- h.batch(min(fillBatch, n-made)):
			case <-ctx.Done():
				return
			}
		}
	}()
	var busy time.Duration
	var last int64
	for b := range batches {
		begin := time.Now()
		if last, err = db.Ingest(ctx, b); err != nil {
			return 0, err
		}
		busy += time.Since(begin)
		if last%500_000 == 0 {
			fmt.Fprintf(os.Stderr, "%d records, %.0f a second\n", last, float64(last)/busy.Seconds())
		}
	}
	profiles := make([]store.Profile, 0, len(h.profiles))
	for _, p := range h.profiles {
		profiles = append(profiles, *p)
	}
	return float64(n) / busy.Seconds(), db.FoldProfiles(ctx, profiles, 0, last)
}

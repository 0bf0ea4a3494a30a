package main

import (
	"sync/atomic"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
)

func open(t *testing.T, sink decnet.SinkFunc) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &telling{db, sink}
}

// TestConformance is all that a store of one's own needs to be proven.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Repository { return open(t, func(decnet.Event) {}) })
}

func TestTells(t *testing.T) {
	var told atomic.Int64
	db := open(t, func(decnet.Event) { told.Add(1) })
	defer db.Close()
	record := store.Record{Event: decnet.Event{Decky: "decky-01", Service: "ssh", Type: "connect"}}
	if _, err := db.Ingest(t.Context(), store.Batch{Records: []store.Record{record, record}}); err != nil {
		t.Fatal(err)
	}
	refused := store.Batch{Records: []store.Record{record}, Bounties: []decnet.Bounty{{Type: "credential", Payload: []byte("{")}}}
	if _, err := db.Ingest(t.Context(), refused); err == nil {
		t.Fatal("a payload that is not JSON was kept")
	}
	if told.Load() != 2 {
		t.Errorf("told of %d events, 2 are kept", told.Load())
	}
}

package rfc5424_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWriterWritesEachLineOnceInOrder(t *testing.T) {
	var lines []string
	w := rfc5424.NewWriter(writeFunc(func(p []byte) (int, error) {
		lines = append(lines, string(p))
		return len(p), nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	var want []string
	for i := range 1000 {
		e := decnet.Event{Decky: "d", Service: "s", Type: "t", Fields: []decnet.Field{decnet.F("n", strconv.Itoa(i))}}
		want = append(want, string(rfc5424.Append(nil, &e))+"\n")
		w.Emit(e)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines, want) {
		t.Errorf("wrote %d lines", len(lines))
	}
	w.Emit(decnet.Event{})
	if w.Dropped() != 1 {
		t.Error("an event after the end was not counted")
	}
}

func TestWriterNeverBlocksAndReportsWhatItDropped(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var out bytes.Buffer
	w := rfc5424.NewWriter(writeFunc(func(p []byte) (int, error) {
		once.Do(func() { close(blocked); <-release })
		return out.Write(p)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	e := decnet.Event{Decky: "d", Service: "s", Type: "t", Fields: []decnet.Field{decnet.F("v", strings.Repeat("x", 1<<16))}}
	w.Emit(e)
	<-blocked
	emitted := uint64(1)
	for w.Dropped() < 10 {
		w.Emit(e)
		emitted++
	}
	close(release)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var kept, reported uint64
	for line := range strings.Lines(out.String()) {
		got, err := rfc5424.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		switch got.Type {
		case "t":
			kept++
		case "events_dropped":
			n, _ := strconv.ParseUint(got.Value("count"), 10, 64)
			reported += n
			if !got.FromSensor() {
				t.Error("the report counts as an attacker's event")
			}
		}
	}
	if kept+reported != emitted || reported != w.Dropped() {
		t.Errorf("emitted %d, kept %d, reported %d, dropped %d", emitted, kept, reported, w.Dropped())
	}
}

func TestWriterEndsWithTheError(t *testing.T) {
	w := rfc5424.NewWriter(writeFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }))
	w.Emit(decnet.Event{})
	if err := w.Run(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ended with %v", err)
	}
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// arrive writes rate records a second to the spool base until ctx ends.
func arrive(ctx context.Context, base string, rate int) error {
	f, err := os.OpenFile(collector.Records(base), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	tr := newTraffic(uint64(time.Now().UnixNano()), time.Now(), time.Second/time.Duration(rate))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begin, written := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var text []byte
		for due := int(time.Since(begin).Seconds() * float64(rate)); written < due; written++ {
			e := tr.next()
			text = append(rfc5424.AppendJSON(text, &e, string(rfc5424.Append(nil, &e))), '\n')
		}
		if _, err := f.Write(text); err != nil {
			return err
		}
	}
}

// withArrivals calls f while rate records a second arrive at db through spool, ingester
// and profiler. f is given a function that tells how many of them were written. It returns
// how many they were a second.
func withArrivals(ctx context.Context, db store.Repository, rate int, wake func(), f func(written func() int) error) (float64, error) {
	dir, err := os.MkdirTemp("", "figures")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	base := filepath.Join(dir, "decnet.log")
	profiler := profile.New(db, profile.Options{})
	in := ingest.New(db, collector.Records(base), ingest.Options{Source: dir, OnCommit: func(int64) { wake(); profiler.Wake() }})
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	var aerr error
	work.Go(func() { aerr = arrive(ctx, base, rate) })
	work.Go(func() { _ = in.Run(ctx) })
	work.Go(func() { _ = profiler.Run(ctx) })
	written := func() int { return int(in.Status().Records) }
	begin := time.Now()
	err = f(written)
	rated := float64(written()) / time.Since(begin).Seconds()
	cancel()
	work.Wait()
	return rated, errors.Join(err, aerr)
}

// latency is how long answers took.
type latency struct {
	p50, p99 time.Duration
	rate     float64       // answers a second
	cpu      time.Duration // for one of them, that of the reader included
}

// meter measures what processes do for those who read.
type meter struct {
	processes
	written func() int    // records
	record  time.Duration // of the processors, for one of them
}

// calibrate measures what a record costs, for as long as lasts.
func (m *meter) calibrate(lasts time.Duration) {
	busy, written := m.cpu(), m.written()
	time.Sleep(lasts)
	m.record = (m.cpu() - busy) / time.Duration(max(1, m.written()-written))
}

// read asks for url with n readers, each of whom asks again when every has passed since it
// asked, or when it has the answer if that takes longer.
func (m *meter) read(ctx context.Context, c *http.Client, token, url string, n int, every, lasts time.Duration) (latency, error) {
	busy, written := m.cpu(), m.written()
	var mu sync.Mutex
	var all []time.Duration
	var errs error
	var work sync.WaitGroup
	begin := time.Now()
	end := begin.Add(lasts)
	for i := range n {
		work.Go(func() {
			var took []time.Duration
			var err error
			next := begin.Add(every * time.Duration(i) / time.Duration(n))
			for err == nil && (next.Before(end) || len(took) == 0) {
				time.Sleep(time.Until(next))
				begin := time.Now()
				err = ask(ctx, c, token, url)
				took = append(took, time.Since(begin))
				next = begin.Add(max(every, took[len(took)-1]))
			}
			mu.Lock()
			defer mu.Unlock()
			all, errs = append(all, took...), errors.Join(errs, err)
		})
	}
	work.Wait()
	took := time.Since(begin)
	busy = m.cpu() - busy - m.record*time.Duration(m.written()-written)
	slices.Sort(all)
	return latency{all[len(all)/2], all[len(all)*99/100], float64(len(all)) / took.Seconds(), busy / time.Duration(len(all))}, errs
}

func ask(ctx context.Context, c *http.Client, token, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Encoding", "gzip") // taken as it comes
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return err
}

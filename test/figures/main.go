// Command figures measures what reading a large store costs: it fills stores of SQLite and
// of a private MariaDB server with records as a month of attacks leaves them, and asks the API
// over HTTP for pages, kept figures and histograms with many readers at a time, while further
// records arrive through spool, ingester and profiler.
//
//	go run ./test/figures -records 1000000,10000000 -keep filled
//
// Ten million records take some 10 GB on the disk for each store, and about a quarter of an
// hour to write.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/sqlite"
)

type options struct {
	records []int
	stores  []string
	keep    string
	readers int
	rate    int
	every   time.Duration
	lasts   time.Duration
	pool    string
	only    *regexp.Regexp
	profile string
	fill    bool
	purge   int
	ratio   int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	opts, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, opts)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	records := flags.String("records", "1000000,10000000", "`numbers` of records, separated by commas")
	stores := flags.String("stores", "sqlite,mariadb", "`names` of stores, separated by commas")
	flags.StringVar(&o.keep, "keep", "", "`directory` whose filled stores are used and kept; none: a temporary one")
	flags.IntVar(&o.readers, "readers", 50, "readers at a time")
	flags.IntVar(&o.rate, "rate", 2000, "records a second that arrive meanwhile")
	flags.DurationVar(&o.every, "every", 0, "how often each reader asks; 0: as soon as it has the answer")
	flags.DurationVar(&o.lasts, "for", 10*time.Second, "how long each page is asked for")
	flags.StringVar(&o.pool, "buffer-pool", "1G", "page cache of MariaDB")
	only := flags.String("only", "", "measure only the pages whose names match the `expression`")
	flags.StringVar(&o.profile, "cpuprofile", "", "`file` for a CPU profile of the readings")
	flags.BoolVar(&o.fill, "fill", false, "fill the stores and measure nothing else")
	flags.IntVar(&o.purge, "purge", 20_000, "how many of the oldest records are deleted at the end")
	flags.IntVar(&o.ratio, "ratio", 0, "instead of reading, write that many further `records` into a copy of each store, in turns with a bare insert into another")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.stores = strings.Split(*stores, ",")
	for _, text := range strings.Split(*records, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("records: %q is no number of them", text)
		}
		o.records = append(o.records, n)
	}
	var err error
	o.fill = o.fill || o.ratio > 0
	o.only, err = regexp.Compile(*only)
	return o, err
}

func run(ctx context.Context, o options) error {
	if o.keep == "" {
		dir, err := os.MkdirTemp("", "figures")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.keep = dir
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%d CPUs, %d readers, each every %s, %d records a second arrive, %s for each page\n", runtime.NumCPU(), o.readers, o.every, o.rate, o.lasts)
	for _, name := range o.stores {
		columns := make([]column, len(o.records))
		for i, n := range o.records {
			c, err := measure(ctx, o, name, n)
			if err == nil && o.ratio > 0 {
				err = ratio(ctx, o, name, n)
			}
			if err != nil {
				return fmt.Errorf("%s with %d records: %w", name, n, err)
			}
			columns[i] = c
		}
		if !o.fill {
			table(os.Stdout, name, o.records, columns)
		}
	}
	return nil
}

// place is where the store of a name that is to have n records is kept.
func (o options) place(name string, n int) string {
	return filepath.Join(o.keep, fmt.Sprintf("%s-%d", name, n))
}

// opened opens the store of a name at a place, and returns a function that ends it.
func opened(ctx context.Context, o options, name, place string) (store.Repository, processes, func() error, error) {
	p := processes{"self"}
	switch name {
	case "sqlite":
		if err := os.MkdirAll(place, 0o700); err != nil {
			return nil, nil, nil, err
		}
		db, err := sqlite.Open(ctx, filepath.Join(place, sqliteFile), sqlite.Config{})
		if err != nil {
			return nil, nil, nil, err
		}
		return db, p, db.Close, nil
	case "mariadb":
		server, err := o.server(place)
		if err != nil {
			return nil, nil, nil, err
		}
		err = server.Create(database)
		var db store.Repository
		if err == nil {
			db, err = mysql.Open(ctx, server.DSN("root", "", database), mysql.Config{})
		}
		if err != nil {
			return nil, nil, nil, errors.Join(err, server.Stop())
		}
		return db, append(p, strconv.Itoa(server.PID())), func() error { return errors.Join(db.Close(), server.Stop()) }, nil
	}
	return nil, nil, nil, fmt.Errorf("%q is no store", name)
}

// What is in the directory of a store.
const (
	sqliteFile = "decnet.db"
	database   = "decnet"
)

func (o options) server(place string) (*mysqltest.Server, error) {
	return mysqltest.StartIn(place, "--innodb-buffer-pool-size="+o.pool)
}

// column is what was measured with one store.
type column struct {
	filled  float64       // records a second
	purged  float64       // likewise
	took    float64       // of those that arrive
	record  time.Duration // of a processor, for each of them
	size    int64
	memory  int64
	answers map[string]latency
}

// pages are what is asked for, %d the middle of the list.
var pages = []struct{ name, path string }{
	{"stats", "/stats"},
	{"logs, first page", "/logs"},
	{"logs of a service", "/logs?search=service:ssh"},
	{"logs of an attacker", "/logs?search=attacker:203.0.0.7"},
	{"logs of a service and type", "/logs?search=service:ssh+event:auth_attempt"},
	{"logs, last day", "/logs?start_time=%[2]s"},
	{"logs, deep page by offset", "/logs?offset=%[1]d"},
	{"logs, deep page by mark", "/logs?before_time=%[3]s"},
	{"attackers", "/attackers"},
	{"attackers, most active", "/attackers?sort_by=active"},
	{"bounties", "/bounty"},
	{"histogram, last day", "/logs/histogram?start_time=%[2]s"},
	{"histogram, all", "/logs/histogram"},
	{"histogram of a service", "/logs/histogram?search=service:ssh"},
}

func measure(ctx context.Context, o options, name string, n int) (c column, err error) {
	begin := time.Now()
	db, procs, end, err := opened(ctx, o, name, o.place(name, n))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, end()) }()
	fmt.Fprintf(os.Stderr, "%s, %d: opened in %s\n", name, n, time.Since(begin))
	if c.filled, err = fill(ctx, db, n); err != nil || o.fill {
		return c, err
	}
	if c.size, err = db.Size(ctx); err != nil {
		return c, err
	}
	hub := api.NewHub(db, nil, nil)
	handler, err := api.New(api.Config{Store: db, Secret: bytes.Repeat([]byte("k"), 32), Hub: hub})
	if err != nil {
		return c, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return c, err
	}
	server := http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	hctx, stop := context.WithCancel(ctx)
	hubDone := make(chan struct{})
	go func() { defer close(hubDone); _ = hub.Run(hctx) }()
	defer func() { stop(); <-hubDone }()

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.readers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	base := "http://" + l.Addr().String()
	token, err := login(ctx, client, base)
	if err != nil {
		return c, err
	}
	middle, err := db.Records(ctx, store.Filter{Limit: 1, Offset: n / 2})
	if err != nil {
		return c, err
	}
	mark := fmt.Sprintf("%s&before_id=%d", middle[0].Time.Format(time.RFC3339Nano), middle[0].ID)
	day := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	c.answers = make(map[string]latency)
	c.took, err = withArrivals(ctx, db, o.rate, hub.Wake, func(written func() int) error {
		m := meter{processes: procs, written: written}
		m.calibrate(o.lasts)
		c.record = m.record
		for _, p := range pages {
			if !o.only.MatchString(p.name) {
				continue
			}
			path := strings.NewReplacer("%[1]d", strconv.Itoa(n/2), "%[2]s", day, "%[3]s", mark).Replace(p.path)
			a, err := m.read(ctx, client, token, base+path, o.readers, o.every, o.lasts)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%s, %d: %s: p50 %s, p99 %s, %.0f a second, %s of a processor each\n", name, n, p.name, a.p50, a.p99, a.rate, a.cpu)
			c.answers[p.name] = a
		}
		return nil
	})
	c.memory = procs.peak()
	if err != nil || o.purge == 0 {
		return c, err
	}
	begin = time.Now()
	gone, err := db.PurgeOldest(ctx, o.purge)
	c.purged = float64(gone.Records) / time.Since(begin).Seconds()
	return c, err
}

func login(ctx context.Context, c *http.Client, base string) (string, error) {
	body, err := json.Marshal(map[string]string{"username": username, "password": password})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/auth/login", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err == nil && got.Token == "" {
		err = fmt.Errorf("log-in: %s %s", resp.Status, text)
	}
	return got.Token, err
}

// table writes what was measured, a column of p50 and p99 for each number of records.
func table(w io.Writer, name string, records []int, columns []column) {
	fmt.Fprintf(w, "\n| %s |", name)
	for _, n := range records {
		fmt.Fprintf(w, " %d records: p50 | p99 | answers/s | CPU |", n)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", 4*len(records)))
	for _, p := range pages {
		if _, ok := columns[0].answers[p.name]; !ok {
			continue
		}
		fmt.Fprintf(w, "| %s |", p.name)
		for _, c := range columns {
			a := c.answers[p.name]
			fmt.Fprintf(w, " %.1f ms | %.1f ms | %.0f | %.2f ms |", ms(a.p50), ms(a.p99), a.rate, ms(a.cpu))
		}
		fmt.Fprintln(w)
	}
	for i, c := range columns {
		fmt.Fprintf(w, "\n%d records: %.1f GiB; %.0f records a second taken meanwhile, %.2f ms of CPU each; at most %d MiB of memory with the readers in it",
			records[i], float64(c.size)/(1<<30), c.took, ms(c.record), c.memory>>20)
		if c.purged > 0 {
			fmt.Fprintf(w, "; %.0f records a second purged afterwards", c.purged)
		}
		if c.filled > 0 {
			fmt.Fprintf(w, "; filled with %.0f records a second", c.filled)
		}
		fmt.Fprintln(w, ".")
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

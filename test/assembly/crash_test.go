package assembly

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// TestKillNine kills the daemon twenty times under load. Afterwards every record of the
// spool is in the database once.
func TestKillNine(t *testing.T) {
	data := t.TempDir()
	const addr = "127.0.62.1"
	args := []string{"--port-offset", strconv.Itoa(offset), "--base-ip", addr, "--services", "redis", "--deckies", "1"}
	for round := range 20 {
		d := daemontest.Start(t, binaries.plain, data, args...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+37*round)*time.Millisecond)
		var load sync.WaitGroup
		for worker := range 8 {
			load.Go(func() { hammer(ctx, net.JoinHostPort(addr, port(6379)), worker) })
		}
		<-ctx.Done()
		d.Kill()
		cancel()
		load.Wait()
	}
	d := daemontest.Start(t, binaries.plain, data, args...)
	d.Stop(t)

	spool := spoolLines(t, filepath.Join(data, "decnet.json"))
	if len(spool) < 1000 {
		t.Fatalf("only %d records in the spool: no load", len(spool))
	}
	stored := storedLines(t, filepath.Join(data, "decnet.db"))
	missing, extra := 0, 0
	for line, n := range spool {
		if n != stored[line] {
			missing++
			t.Logf("%d in the spool, %d in the database: %.200s", n, stored[line], line)
		}
	}
	for line := range stored {
		if spool[line] == 0 {
			extra++
		}
	}
	t.Logf("%d records in the spool", len(spool))
	if missing > 0 || extra > 0 {
		t.Errorf("%d records are missing or doubled, %d come from nowhere", missing, extra)
	}
}

// hammer talks to a redis honeypot over one connection after the other.
func hammer(ctx context.Context, addr string, worker int) {
	for n := 0; ctx.Err() == nil; n++ {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		answers := bufio.NewReader(c)
		for i := range 20 {
			fmt.Fprintf(c, "SET key:%d:%d:%d \"value ] \\\\ %d\"\r\n", worker, n, i, i)
			if _, err := answers.ReadString('\n'); err != nil {
				break
			}
		}
		c.Close()
	}
}

// spoolLines counts the raw lines of the complete records of a spool, rotated files
// included.
func spoolLines(t *testing.T, path string) map[string]int {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if !strings.HasSuffix(line, "\n") {
				continue
			}
			_, raw, err := rfc5424.ParseJSON([]byte(line))
			if err != nil {
				t.Errorf("%s: %v in %.200q", filepath.Base(name), err, line)
				continue
			}
			lines[raw]++
		}
	}
	return lines
}

func storedLines(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lines := map[string]int{}
	for after := int64(-1); ; {
		records, err := db.Records(t.Context(), store.Filter{AfterID: after, Limit: 5000})
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return lines
		}
		for _, r := range records {
			lines[r.Raw]++
		}
		after = records[len(records)-1].ID
	}
}

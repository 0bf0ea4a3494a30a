package main

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func TestKeepFlags(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		flags keepFlags
		env   environment
		age   time.Duration
		size  int64
	}{
		{},
		{flags: keepFlags{"90d", "10G"}, age: 90 * day, size: 10 << 30},
		{flags: keepFlags{"36h", "16M"}, age: 36 * time.Hour, size: 16 << 20},
		{flags: keepFlags{"1w", "8388607T"}, age: 7 * day, size: 8388607 << 40},
		{flags: keepFlags{"0", "0"}, env: environment{"DECNET_KEEP": "1d", "DECNET_KEEP_SIZE": "1G"}},
		{env: environment{"DECNET_KEEP": "1d", "DECNET_KEEP_SIZE": "1G"}, age: day, size: 1 << 30},
		{flags: keepFlags{age: "2d"}, env: environment{"DECNET_KEEP": "1d"}, age: 2 * day},
	} {
		opt, err := c.flags.options(c.env.get)
		if err != nil || opt.Age != c.age || opt.Size != c.size {
			t.Errorf("%+v, %v: got %v and %d, %v, want %v and %d", c.flags, c.env, opt.Age, opt.Size, err, c.age, c.size)
		}
	}
	for _, text := range []string{"90", "d", "-1d", "+1d", "1.5d", "0h", "59m", "1y", "999999999w", "99999999999999999999d", "1 d"} {
		if _, err := (&keepFlags{age: text}).options(environment{}.get); err == nil || !strings.HasPrefix(err.Error(), "--keep: ") {
			t.Errorf("--keep %q: %v", text, err)
		}
		if _, err := (&keepFlags{}).options(environment{"DECNET_KEEP": text}.get); err == nil || !strings.HasPrefix(err.Error(), "DECNET_KEEP: ") {
			t.Errorf("DECNET_KEEP %q: %v", text, err)
		}
	}
	for _, text := range []string{"10", "G", "10g", "-1G", "15M", "0G", "1K", "8388608T"} {
		if _, err := (&keepFlags{size: text}).options(environment{}.get); err == nil || !strings.HasPrefix(err.Error(), "--keep-size: ") {
			t.Errorf("--keep-size %q: %v", text, err)
		}
		if _, err := (&keepFlags{}).options(environment{"DECNET_KEEP_SIZE": text}.get); err == nil || !strings.HasPrefix(err.Error(), "DECNET_KEEP_SIZE: ") {
			t.Errorf("DECNET_KEEP_SIZE %q: %v", text, err)
		}
	}
	refused(t, decnetd(t, "", "up", "--keep", "90", "--data", t.TempDir()), exitUsage, "--keep", `"90"`)
}

// TestW40_TheDaemonDeletesWhatIsTooOld: with --keep, what an earlier run has left too long ago
// is deleted while the system runs, and what is new stays.
func TestW40_TheDaemonDeletesWhatIsTooOld(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	succeed(t, "", "db", "migrate", "--data", data)
	dsn := "sqlite:" + filepath.Join(data, "decnet.db")
	db := open(t, dsn)
	var old store.Batch
	for i := range 1200 {
		old.Records = append(old.Records, store.Record{Raw: "old", Event: decnet.Event{Time: time.Now().AddDate(0, 0, -91), Decky: "decky-01", Service: "ssh",
			Attacker: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}})
	}
	old.Records = append(old.Records, old.Records[0])
	old.Records[1200].Time = time.Now().AddDate(0, 0, -89)
	if _, err := db.Ingest(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	d := start(t, data, environment{"DECNET_KEEP": "90d"}, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.70.64")
	authenticate(t, "127.0.70.64", "hunter2")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		n, err := db.CountRecords(t.Context(), store.Filter{Search: "service:ssh"})
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			break
		}
		if n < 1 || time.Now().After(deadline) {
			t.Fatalf("%d of the records of an earlier run are left, want 1", n)
		}
	}
	d.stop(t)
	if n, err := db.CountRecords(t.Context(), store.Filter{Search: "event:auth_attempt password:hunter2"}); n != 1 || err != nil {
		t.Errorf("%d records of the attack while it ran (%v), want 1", n, err)
	}
}

package correlate_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
)

// FuzzAdd holds that an engine restored from its state reports what the engine itself
// reports, whatever stands in the events.
func FuzzAdd(f *testing.F) {
	f.Add("decky-01", "ssh", "connect", int64(1_700_000_000), int64(0))
	f.Add("\xff\xfe", "\x00", "a\nb", int64(253402300800), int64(-1)) // year 10000
	f.Add("\ufffd", "", "", int64(-1<<62), int64(1<<62))
	f.Fuzz(func(t *testing.T, decky, service, kind string, first, second int64) {
		e := &correlate.Engine{Limits: correlate.Limits{Hops: 2}}
		for _, at := range []int64{first, second, first, second} {
			for _, d := range []string{decky, decky + "x"} {
				e.Add(decnet.Event{Time: time.Unix(at, 0), Decky: d, Service: service, Type: kind, Attacker: netip.IPv6Loopback()})
			}
		}
		state, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		restored := &correlate.Engine{Limits: correlate.Limits{Hops: 2}}
		if err := json.Unmarshal(state, restored); err != nil {
			t.Fatal(err)
		}
		for _, e := range []*correlate.Engine{e, restored} {
			e.Add(decnet.Event{Time: time.Unix(first, 0), Decky: decky, Service: service, Type: kind, Attacker: netip.IPv6Loopback()})
		}
		if diff := cmp.Diff(e.Report(1), restored.Report(1), exact); diff != "" {
			t.Fatal(diff)
		}
		if _, err := json.Marshal(e.Report(1)); err != nil {
			t.Fatal(err)
		}
	})
}

package profile

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// FuzzFold holds that a fold which is interrupted between two events ends as one that is
// not, whatever stands in the events.
func FuzzFold(f *testing.F) {
	f.Add("a", "http", "request", "headers", `{"User-Agent":"curl/8","X":["a"]}`, int64(1_700_000_000), int64(1_700_000_001))
	f.Add("\xff", "\xfe", "session", "os_guess", "\xff", int64(253402300800), int64(-1<<60))
	f.Add("a", "ssh", "command", "command", "id", int64(0), int64(0))
	f.Add("a", "sniffer", "tcp_syn_fingerprint", "window", "64240", int64(5), int64(1))
	f.Add("a", "prober", "tcpfp_fingerprint", "ttl", "-9", int64(5), int64(1))
	f.Add("a", "x", "tcp_flow_timing", "retransmits", "99999999999", int64(5), int64(1))
	f.Add("a", "x", "request", "content_length", "1e999", int64(5), int64(1))
	f.Fuzz(func(t *testing.T, decky, service, kind, key, value string, first, second int64) {
		fold := func(s *state, at int64) {
			e := decnet.Event{Time: time.Unix(at, 0), Decky: decky, Service: service, Type: kind, Fields: []decnet.Field{{Key: key, Value: value}}}
			s.add(&e)
			s.sense(&e)
		}
		whole := &state{Version: stateVersion}
		fold(whole, first)
		p, err := whole.profile(store.Profile{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		resumed, err := read(p)
		if err != nil {
			t.Fatal(err)
		}
		whole.commands, whole.fingerprints = nil, nil
		fold(whole, second)
		fold(resumed, second)
		a, err := whole.profile(store.Profile{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := resumed.profile(store.Profile{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b, cmpopts.IgnoreFields(decnet.Attacker{}, "Addr")); diff != "" {
			t.Fatal(diff)
		}
		if !json.Valid(a.State) || len(a.State) > 16<<10 {
			t.Fatalf("state of %d bytes", len(a.State))
		}
	})
}

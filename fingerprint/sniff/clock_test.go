package sniff

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/decnet/decnet"
)

// TestClockSteppedBack: what was remembered in a future that did not come is forgotten,
// and does not keep what came after it.
func TestClockSteppedBack(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"hours": 2 * time.Hour, "as far as can be": math.MaxInt64 - 1_800_000_000e9} {
		s := New(Config{Sink: decnet.SinkFunc(func(decnet.Event) {})})
		at := time.Unix(1_700_000_000, 0)
		src := netip.MustParseAddr("10.0.0.1")
		for i, ahead := range []time.Duration{step, 0} {
			s.tick(at.Add(ahead).UnixNano())
			if s.repeated(typeSYN, src, string(rune('a'+i))) {
				t.Errorf("%s: event %d was not sent before", name, i)
			}
		}
		if len(s.events.last) != 1 {
			t.Errorf("%s: %d are remembered after the step back, want the new one", name, len(s.events.last))
		}
		if !s.repeated(typeSYN, src, "b") {
			t.Errorf("%s: the new one was forgotten", name)
		}
		s.tick(at.Add(10 * time.Minute).UnixNano())
		if len(s.events.last) != 0 || len(s.events.sent) != 0 {
			t.Errorf("%s: %d are remembered after their time", name, len(s.events.last))
		}
	}
}

package correlate_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
)

func Example() {
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	attacker := netip.MustParseAddr("192.0.2.7")
	var engine correlate.Engine
	engine.Add(decnet.Event{Time: at, Attacker: attacker, Decky: "decky-01", Service: "ssh", Type: "auth_attempt"})
	engine.Add(decnet.Event{Time: at.Add(90 * time.Second), Attacker: attacker, Decky: "decky-03", Service: "redis", Type: "connect"})
	for _, t := range engine.Traversals(2) {
		fmt.Println(t.Attacker, t.Path(), t.Duration())
	}
	// Output: 192.0.2.7 decky-01 → decky-03 1m30s
}

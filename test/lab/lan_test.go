package lab

import (
	"fmt"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

// TestWithoutEngine attacks five deckies that live in the daemon itself.
func TestWithoutEngine(t *testing.T) {
	lan := enginetest.NewLAN(t)
	d := daemontest.Start(t, binaries.decnetd, t.TempDir(), "--runtime", "lan", "--config", writeINI(t, fmt.Sprintf(fiveDeckies, "")))
	d.LogIn(t)
	attack(t, lan)
	found(t, d)
	macs := make(map[string]bool)
	for _, addr := range []string{gate, web, files, mail, data} {
		macs[macOf(t, lan, addr)] = true
	}
	if len(macs) != 5 {
		t.Errorf("the attacker sees the hardware addresses %v", macs)
	}
	d.Stop(t)
}

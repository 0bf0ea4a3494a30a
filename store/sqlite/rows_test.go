package sqlite

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// TestW38_CommandsAndFingerprintsAreRows: the row of an attacker does not grow with what the
// attacker does.
func TestW38_CommandsAndFingerprintsAreRows(t *testing.T) {
	t.Parallel()
	p, err := open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := sqlrepo.New(t.Context(), sqlrepo.Parts{Name: "store", Writer: p.writer, Reader: p.reader, Dialect: dialect{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	figure := func(text string) (n int) {
		t.Helper()
		if err := p.reader.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const size = "SELECT sum(length(uuid) + length(address) + length(services) + length(deckies) + length(traversal)) FROM attackers"
	var first int
	for i := range int64(10) {
		fold := store.Profile{Attacker: decnet.Attacker{Addr: netip.MustParseAddr("::1"), Services: []string{"ssh"}}}
		for range 100 {
			fold.Commands = append(fold.Commands, decnet.Command{Service: "ssh", Text: "cat /proc/cpuinfo"})
		}
		fold.Fingerprints = []decnet.Fingerprint{{Kind: "hassh", Value: string(rune('a' + i%3))}}
		if err := repo.FoldProfiles(t.Context(), []store.Profile{fold}, i, i+1); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = figure(size)
		}
	}
	if n := figure("SELECT COUNT(*) FROM commands"); n != 1000 {
		t.Errorf("%d rows of commands, want 1000", n)
	}
	if n := figure("SELECT COUNT(*) FROM fingerprints"); n != 3 {
		t.Errorf("%d rows of fingerprints, want 3", n)
	}
	if n := figure(size); n != first {
		t.Errorf("the row of the attacker holds %d bytes, %d after the first fold", n, first)
	}
}

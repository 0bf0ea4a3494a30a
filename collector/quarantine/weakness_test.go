package quarantine

import (
	"slices"
	"testing"
)

// TestW18_EvidenceIsNeverOverwritten uploads under one name again and again, within one
// second, and under the names that earlier uploads were given.
func TestW18_EvidenceIsNeverOverwritten(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{})
	want := map[string]string{}
	names := []string{"bot.sh", "../bot.sh", "/tmp/bot.sh"}
	for i := range 30 {
		text := string(rune('a' + i%26))
		a := store(t, d, names[i%len(names)], text)
		if old, ok := want[a.StoredAs]; ok && old != text {
			t.Errorf("%s held %q and holds %q", a.StoredAs, old, text)
		}
		want[a.StoredAs] = text
		names = append(names, a.StoredAs)
	}
	for name, text := range want {
		if got := read(t, d, name); got != text {
			t.Errorf("%s holds %q, stored was %q", name, got, text)
		}
	}
	stored := files(t, root)
	slices.Sort(stored)
	if len(stored) != len(want) {
		t.Errorf("%d files for %d uploads: %v", len(stored), len(want), stored)
	}
}

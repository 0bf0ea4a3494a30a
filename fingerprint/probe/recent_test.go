package probe

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestRecentIsBoundedAndKeepsTheLatest(t *testing.T) {
	t.Parallel()
	addr := func(i int) netip.Addr {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		return netip.AddrFrom4(b)
	}
	var r recent
	const n = 5 * recentSize / 2
	for i := range n {
		if r.has(addr(i)) {
			t.Fatalf("%d is there before it is added", i)
		}
		r.add(addr(i))
	}
	for i := n - recentSize; i < n; i++ {
		if !r.has(addr(i)) {
			t.Fatalf("%d of %d is gone", i, n)
		}
	}
	if held := len(r.now) + len(r.before); held > 2*recentSize || r.has(addr(0)) {
		t.Errorf("holds %d", held)
	}
}

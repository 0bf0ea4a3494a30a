package compose_test

import (
	"fmt"
	"testing"

	"github.com/decnet/decnet/fleet/compose"
)

// BenchmarkDocument translates 100 deckies with three services each, and writes them.
func BenchmarkDocument(b *testing.B) {
	reg := everyService(b)
	f := planned(b, reg, fmt.Sprintf("%s[box]\nservices = http, ssh, mysql\namount = %d\n", lan, 100))
	for b.Loop() {
		if text := textOf(b, translated(b, reg, f, compose.Options{})); len(text) == 0 {
			b.Fatal("no document")
		}
	}
}

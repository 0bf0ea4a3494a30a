package fleettest_test

import (
	"fmt"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
)

func ExampleEvents() {
	var seen fleettest.Events
	seen.Emit(decnet.Event{Type: "connect"})
	seen.Emit(decnet.Event{Type: "disconnect"})
	fmt.Println(len(seen.All()), seen.Of("connect")[0].Type)
	// Output: 2 connect
}

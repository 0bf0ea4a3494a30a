// Command decnet-pot is what runs in the containers of a decky. Package fleet/pot says how,
// and has all of it: to build a program with honeypots of your own, make your own registry.
package main

import (
	"fmt"
	"os"

	"github.com/decnet/decnet/fleet/pot"
	"github.com/decnet/decnet/services/all"
)

// version is set by the linker.
var version = "devel"

func main() {
	registry, err := all.Registry()
	if err != nil {
		fmt.Fprintln(os.Stderr, "decnet-pot:", err)
		os.Exit(1)
	}
	os.Exit(pot.Main(registry, version))
}

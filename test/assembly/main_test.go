package assembly

import (
	"fmt"
	"os"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
)

// binaries are built once: the plain one for figures, the other with the race detector.
var binaries struct{ plain, race string }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "decnet-assembly")
	if err == nil {
		defer os.RemoveAll(dir)
		binaries.plain, err = daemontest.Build(dir, "decnetd")
	}
	if err == nil {
		binaries.race, err = daemontest.Build(dir, "decnetd", "-race")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

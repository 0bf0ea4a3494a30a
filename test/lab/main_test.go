package lab

import (
	"fmt"
	"os"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

// binaries are built once, beside each other.
var binaries struct{ decnetd string }

// builtIn names the directory of the binaries in the process that the tests run in.
const builtIn = "LAB_BINARIES"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir := os.Getenv(builtIn)
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "decnet-lab"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		for _, name := range []string{"decnetd", "decnet-pot", "decnet-init"} {
			if _, err := daemontest.Build(dir, name); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if err := os.Setenv(builtIn, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	binaries.decnetd = dir + "/decnetd"
	return enginetest.Main(m)
}

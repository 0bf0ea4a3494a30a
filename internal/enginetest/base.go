package enginetest

import (
	"os"
	"testing"
)

// Base is the image that ImportBase makes.
const Base = "debian:bookworm-slim"

// baseFile is what test/base makes.
const baseFile = "/var/cache/decnet-test/bookworm.tar"

// ImportBase gives the engine a minimal Debian, which the base images of all distributions
// can be tagged from. It has package lists and packages in the cache of apt, so that
// apt-get install works in a build without network for what test/base lists. It skips the
// test where test/base has not made the file.
func (e *Engine) ImportBase(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(baseFile); err != nil {
		t.Skipf("the base image is missing, test/base makes it: %v", err)
	}
	e.Docker(t, "import", baseFile, Base)
}

package enginetest

import (
	"os"
	"testing"
)

// Base is the image that ImportBase makes.
const Base = "debian:bookworm-slim"

// Ubuntu is the image that ImportUbuntu makes, of 22.04.
const Ubuntu = "ubuntu:22.04"

// bases is where test/base keeps what it makes.
const bases = "/var/cache/decnet-test/"

// ImportBase gives the engine a minimal Debian, which the base images of all distributions
// can be tagged from. It has package lists and packages in the cache of apt, so that
// apt-get install works in a build without network for what test/base lists. It skips the
// test where test/base has not made the file.
func (e *Engine) ImportBase(t testing.TB) {
	t.Helper()
	e.importBase(t, "bookworm", Base)
}

// ImportUbuntu is ImportBase for Ubuntu.
func (e *Engine) ImportUbuntu(t testing.TB) {
	t.Helper()
	e.importBase(t, "jammy", Ubuntu)
}

func (e *Engine) importBase(t testing.TB, suite, image string) {
	t.Helper()
	file := bases + suite + ".tar"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the base image is missing, test/base makes it: %v", err)
	}
	e.Docker(t, "import", file, image)
}

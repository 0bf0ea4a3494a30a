package enginetest

import (
	"os"
	"path/filepath"
	"testing"
)

// composeFile is what test/compose fetches.
const composeFile = "/var/cache/decnet-test/compose/usr/libexec/docker/cli-plugins/docker-compose"

// AddCompose lets Docker know the command compose. It skips the test where test/compose has
// not fetched the plug-in.
func (e *Engine) AddCompose(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(composeFile); err != nil {
		t.Skipf("docker compose is missing, test/compose fetches it: %v", err)
	}
	plugins := filepath.Join(e.dir, "cli-plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(composeFile, filepath.Join(plugins, filepath.Base(composeFile))); err != nil {
		t.Fatal(err)
	}
}

package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		writeForever(path)
	}
	goleak.VerifyTestMain(m)
}

func TestFile(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Repository {
		return openFile(t, filepath.Join(t.TempDir(), "decnet.db"))
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Repository { return openFile(t, sqlite.Memory) })
}

func openFile(t testing.TB, path string) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

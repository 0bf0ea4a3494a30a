package storetest_test

import (
	"path/filepath"
	"testing"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
)

// The test of an implementation is one call.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T)
		storetest.Run(t, func(t *testing.T) store.Repository {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), sqlite.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return db
		})
	}
	// Output:
}

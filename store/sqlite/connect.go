package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"time"

	"modernc.org/sqlite"
)

// The settings of connections. None of them changes the file. Page caches are small, because
// the system caches the file.
var (
	writerPragmas = []string{
		"synchronous(NORMAL)",
		"cache_size(-4096)",            // 4 MiB
		"wal_autocheckpoint(4000)",     // pages: 16 MiB
		"journal_size_limit(16777216)", // 16 MiB
	}
	readerPragmas = []string{
		"query_only(1)",
		"cache_size(-1024)", // 1 MiB
	}
	memoryPragmas = []string{
		"synchronous(OFF)",
	}
)

// pragmaConnector makes connections and sets them up under the context of whoever waits for
// them, which settings in the name of a database would not heed.
type pragmaConnector struct {
	name    string
	pragmas []string
}

// connector makes connections to the file at path, which must exist.
func connector(path string, busy time.Duration, pragmas []string) *pragmaConnector {
	name := (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String() + "?mode=rw&"
	if path == Memory {
		name = "file::memory:?"
	}
	name += fmt.Sprintf("_txlock=immediate&_dqs=0&_error_rc=1&_busy_timeout=%d", busy.Milliseconds())
	return &pragmaConnector{name, pragmas}
}

func (c *pragmaConnector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c *pragmaConnector) Connect(ctx context.Context) (driver.Conn, error) {
	base, err := sqlite.NewConnector(c.name)
	if err != nil {
		return nil, err
	}
	conn, err := base.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range c.pragmas {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA "+p, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// Package sqlite keeps what DECNET knows in one SQLite file, without a server and without cgo.
//
//	db, err := sqlite.Open(ctx, "decnet.db", sqlite.Config{})
//	if err != nil {
//		return err
//	}
//	defer db.Close()
//	rows, err := db.Records(ctx, store.Filter{Search: "service:ssh event:auth_attempt"})
//
// The file is in WAL mode with synchronous NORMAL: a process that is killed loses nothing that
// was committed, and a machine that loses power loses at most the last transactions, whole
// ones. One connection writes and a few read, at the same time; several processes may have
// the file open. The schema is versioned: [Open] applies the migrations that are missing and
// refuses a file from a newer version. [Status], [Migrate] and [Reset] do the same by hand.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// Memory is the path of a store that lives in memory, apart from any other, until it is closed.
const Memory = ":memory:"

const defaultBusy = 30 * time.Second

// A connection that nobody needs is closed after maxIdle, and its page cache with it. That
// which writes is needed every few seconds, so it lives for writerLife at most: the cache
// that a flood of events has filled does not stay.
const (
	maxIdle    = 10 * time.Second
	writerLife = 20 * time.Second
)

// Config says how a file is opened. The zero value is the usual one.
type Config struct {
	BusyTimeout time.Duration    // how long to wait for a lock that another process holds; 0: 30 s
	Readers     int              // connections that read at the same time; 0: 4
	Now         func() time.Time // stamps rejected lines and forgets expired tokens; nil: time.Now
}

// Open opens the file at path, which it creates with mode 0600 when it is missing, and brings
// its schema up to date. Errors name the path and say what is wrong with it; a file that is
// not a DECNET store, or was written by a newer version, gives decnet.ErrSemantic and stays
// as it is. The context bounds opening only.
func Open(ctx context.Context, path string, cfg Config) (store.Repository, error) {
	p, err := open(ctx, path, cfg)
	if err != nil {
		return nil, wrap(ctx, path, "open", err)
	}
	repo, err := sqlrepo.New(ctx, sqlrepo.Parts{
		Name: "store/sqlite: " + path, Writer: p.writer, Reader: p.reader, Dialect: dialect{}, Now: p.now,
	})
	if err != nil {
		return nil, err
	}
	return repo, nil
}

// pools are the connections of a store whose schema is up to date.
type pools struct {
	writer, reader *sql.DB
	now            func() time.Time
}

func open(ctx context.Context, path string, cfg Config) (p pools, err error) {
	busy := cmp.Or(cfg.BusyTimeout, defaultBusy)
	if p.now = cfg.Now; p.now == nil {
		p.now = time.Now
	}
	if path == Memory {
		p.writer = pool(connector(":memory:", busy, memoryPragmas), 1, 1)
		p.reader = p.writer // the database is the connection
		if err := prepare(ctx, p.writer); err != nil {
			return p, errors.Join(err, p.writer.Close())
		}
		return p, nil
	}
	if path, err = create(path); err != nil {
		return p, err
	}
	p.writer = pool(connector(path, busy, writerPragmas), 1, 1)
	if err := prepare(ctx, p.writer); err != nil {
		return p, errors.Join(err, p.writer.Close())
	}
	readers := cmp.Or(cfg.Readers, 4)
	p.reader = pool(connector(path, busy, readerPragmas), readers, min(readers, 2))
	p.reader.SetConnMaxIdleTime(maxIdle)
	p.writer.SetConnMaxIdleTime(maxIdle)
	p.writer.SetConnMaxLifetime(writerLife)
	return p, nil
}

func pool(c *pragmaConnector, open, idle int) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(idle)
	return db
}

// create makes an empty file unless there is one, and returns its absolute path. A file that
// exists is not opened here: closing it would drop the locks that this process holds on it
// through other connections.
func create(path string) (string, error) {
	path, err := locate(path)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

// headerSize is that of the header of an SQLite file.
const headerSize = 100

// locate returns the absolute path, so that connections opened later do not depend on the
// working directory.
func locate(path string) (string, error) {
	if path == "" {
		return "", errors.New("no path")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil: // it may be made
	case !info.Mode().IsRegular():
		return "", errors.New("not a regular file")
	case info.Size() > 0 && info.Size() < headerSize:
		return "", fmt.Errorf("not an SQLite file: %w", decnet.ErrSemantic) // for SQLite, one of a byte is empty
	}
	return path, nil
}

// Package mysql keeps what DECNET knows in a database of a MySQL server from 8.0.11 on, the
// first release of MySQL 8, or of a MariaDB server from 10.11 on. [Open] refuses an older one,
// and one whose max_allowed_packet is below 4 MiB or whose innodb_page_size is below 16 KiB.
//
//	db, err := mysql.Open(ctx, "mysql://decnet:secret@db.example:3306/decnet", mysql.Config{})
//	if err != nil {
//		return err
//	}
//	defer db.Close()
//	rows, err := db.Records(ctx, store.Filter{Search: "service:ssh event:auth_attempt"})
//
// It behaves as store/sqlite does, byte for byte: every text is kept and compared as bytes,
// times are microseconds in UTC whatever zone the server has, and writers take turns, those of
// several processes too. What differs is the room for names: a decky, a service, an event
// type, an address, a user or a key of the state longer than 1000 bytes gives
// decnet.ErrInvalid, and so does what is larger than the server's max_allowed_packet.
//
// A transaction that the server rolls back because of a deadlock, a lock or a conflict with
// another node of a cluster is run again, a few times with growing pauses. When a connection
// breaks before a transaction is committed, it was not, and is run again too. When it breaks
// while a batch with a cursor is being committed, Ingest waits until the server answers again
// and finds out what became of it: an error of Ingest means that nothing was written, unless
// its context ended in that wait or the batch had no cursor.
//
// The nodes of a Galera cluster behind a proxy are one server for this: when one dies, another
// goes on, and no batch that was acknowledged is lost or there twice. Reads on a node other than
// the one that is written to may be behind it, unless its wsrep_sync_wait says otherwise.
//
// It is tested with MariaDB 10.11 and MySQL 9.7.4; "make mysql MYSQL_DIR=…" runs the same tests
// on any installation of MySQL. The newest of what it needs are window functions, which MySQL
// has since 8.0.2. It does without what came later, such as the alias of the new row in ON
// DUPLICATE KEY UPDATE, and without what changed since, such as default character sets and
// collations, SQL modes, the sorting of GROUP BY, CHECK, and mysql_native_password.
//
// The schema is versioned: [Open] applies the migrations that are missing, one process at a
// time, and refuses a database from a newer version. [Status], [Migrate] and [Reset] do the
// same by hand. The database must exist, and the user needs all rights on it.
package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// What the zero value of Config means.
const (
	DefaultReaders     = 60
	DefaultIdle        = 20
	DefaultMaxLifetime = time.Hour
	DefaultLockTimeout = 5 * time.Second
)

// maxIdle is when a connection that nobody needs is closed.
const maxIdle = time.Minute

// Config says how a database is used. The zero value is the usual one.
type Config struct {
	Readers     int              // connections that read at the same time, beside the one that writes; 0: DefaultReaders
	Idle        int              // those of them that are kept for a minute when nobody needs them; 0: DefaultIdle
	MaxLifetime time.Duration    // when a connection is replaced by a new one; 0: DefaultMaxLifetime
	LockTimeout time.Duration    // how long each of eight attempts waits for a lock that another process holds, in whole seconds; 0: DefaultLockTimeout
	Now         func() time.Time // stamps rejected lines and forgets expired tokens; nil: time.Now

	plain bool // keeps to what MySQL knows, whatever the server is
}

// Open connects to the database that dsn names (see [ParseDSN]) and brings its schema up to
// date. Errors name the place, never the password, and say what is wrong with it; a database
// that is not a DECNET store, or was written by a newer version, gives decnet.ErrSemantic and
// stays as it is. The context bounds opening only.
func Open(ctx context.Context, dsn string, cfg Config) (store.Repository, error) {
	d, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	repo, err := open(ctx, d, cfg)
	if err != nil {
		return nil, d.wrap(ctx, "open", err)
	}
	return repo, nil
}

func open(ctx context.Context, d DSN, cfg Config) (*sqlrepo.Repo, error) {
	writer, err := d.pool(1, cfg, true)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, d, writer); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	var version string
	if err := writer.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers := cmp.Or(cfg.Readers, DefaultReaders)
	reader, err := d.pool(readers, cfg, false)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return sqlrepo.New(ctx, sqlrepo.Parts{Name: "store/mysql: " + d.String(), Writer: writer, Reader: reader, Dialect: dialect{returning: isMariaDB(version) && !cfg.plain}, Now: now})
}

// pool makes connections as they are needed, n at most.
func (d DSN) pool(n int, cfg Config, scripts bool) (*sql.DB, error) {
	c, err := d.connector(cmp.Or(cfg.LockTimeout, DefaultLockTimeout), scripts)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(min(n, cmp.Or(cfg.Idle, DefaultIdle)))
	db.SetConnMaxLifetime(cmp.Or(cfg.MaxLifetime, DefaultMaxLifetime))
	db.SetConnMaxIdleTime(maxIdle)
	return db, nil
}

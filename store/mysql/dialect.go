package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	mysql "github.com/go-sql-driver/mysql"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// dialect is that of MySQL, or with returning that of MariaDB.
type dialect struct{ returning bool }

func (dialect) Upsert(insert string, _ []string, set []sqlrepo.Assign) string {
	assigns := make([]string, len(set))
	for i, a := range set {
		assigns[i] = a.Column + " = " + a.Value
	}
	return insert + " ON DUPLICATE KEY UPDATE " + strings.Join(assigns, ", ")
}

func (dialect) New(column string) string      { return "VALUES(" + column + ")" }
func (dialect) Contains(column string) string { return "LOCATE(?, " + column + ") > 0" }
func (dialect) ByID() string                  { return "FORCE INDEX (PRIMARY)" }
func (dialect) Greatest(a, b string) string   { return "GREATEST(" + a + ", " + b + ")" }
func (dialect) Least(a, b string) string      { return "LEAST(" + a + ", " + b + ")" }
func (dialect) Rows() int                     { return 200 } // a statement is a round trip
func (d dialect) Returning() bool             { return d.returning }
func (dialect) Lock() string                  { return " FOR UPDATE" }

// folding is a character set of single bytes, and its collation that takes ASCII letters in
// either case for the same and any other two bytes for different: no Armenian letter has two
// cases there. Every connection checks that (see check).
const (
	foldingSet       = "armscii8"
	foldingCollation = "armscii8_general_ci"
)

func (dialect) Holds(column, part string) (string, []any) {
	return fmt.Sprintf("CONVERT(%s USING %s) COLLATE %s LIKE CONVERT(? USING %[2]s) ESCAPE '!'", column, foldingSet, foldingCollation),
		[]any{"%" + likeEscaper.Replace(part) + "%"}
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// The errors of servers that mean something here.
const (
	errDuplicate          = 1062
	errDuplicateNamed     = 1586
	errTooLong            = 1406 // strict mode
	errPacketTooLarge     = 1153
	errPacketAborted      = 1301 // a function met max_allowed_packet
	errUnspecific         = 1105
	errLockTimeout        = 1205
	errDeadlock           = 1213 // and a transaction that another node of a cluster was faster than
	errGroupConflict      = 3101 // of MySQL: a transaction that another member of a group was faster than
	errChanged            = 1020 // of MariaDB: a row that was changed since the transaction's snapshot (innodb_snapshot_isolation)
	errNotPrepared        = 1047 // a node that is outside of its cluster
	errShutdown           = 1053
	errReadOnly           = 1290
	errReadOnlyMode       = 1836
	errKilled             = 1927 // of MariaDB
	errSessionKilled      = 3169 // of MySQL
	errIdle               = 4031 // of MySQL: the server has closed a connection that nobody used
	errAccessDenied       = 1045
	errDatabaseDenied     = 1044
	errTableDenied        = 1142
	errUnknownDatabase    = 1049
	errNoTable            = 1146
	errTooManyConnections = 1040
	errTooManyOfUser      = 1203 // by max_user_connections of the server
	errUserLimit          = 1226 // by that of the account
	errHostDenied         = 1130
)

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func (dialect) Duplicate(err error) bool {
	n := number(err)
	return n == errDuplicate || n == errDuplicateNamed
}

func (dialect) RolledBack(err error) bool {
	switch number(err) {
	case errLockTimeout, errDeadlock, errGroupConflict, errChanged, errNotPrepared:
		return true
	}
	return false
}

func (dialect) Lost(err error) bool {
	var n net.Error
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &n):
		return true
	}
	switch number(err) {
	case errShutdown, errKilled, errSessionKilled, errIdle:
		return true
	}
	return false
}

func (dialect) Reclaim(context.Context, *sql.DB) error { return nil } // InnoDB uses the space again

// Size counts the pages of the tables. The server counts them when it is asked to look at a
// sample of the rows, too.
func (dialect) Size(ctx context.Context, db *sql.DB) (n int64, err error) {
	rows, err := db.QueryContext(ctx, "ANALYZE NO_WRITE_TO_BINLOG TABLE records, bounties, sources, rejected, attackers, attacker_services, commands, fingerprints, tallies")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var table, op, kind, text string
		if err := rows.Scan(&table, &op, &kind, &text); err != nil {
			return 0, err
		}
		if kind == "Error" {
			return 0, fmt.Errorf("%s: %s", table, text)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&n)
	return n, err
}

// Explain puts into words what the server or the network says.
func (dialect) Explain(err error) error {
	var what string
	switch n := number(err); {
	case n == errTooLong:
		return fmt.Errorf("a name is longer than the column: %w: %w", decnet.ErrInvalid, err)
	case n == errPacketTooLarge, n == errPacketAborted, errors.Is(err, mysql.ErrPktTooLarge),
		n == errUnspecific && strings.Contains(err.Error(), "max_allowed_packet"):
		return fmt.Errorf("larger than max_allowed_packet of the server: %w: %w", decnet.ErrInvalid, err)
	case n == errReadOnly, n == errReadOnlyMode:
		what = "the server takes no writes"
	case n == errLockTimeout:
		what = "another process holds a lock"
	case n == errTableDenied:
		what = "the user lacks rights, grant all on the database"
	case n == errNoTable:
		what = "a table is missing, perhaps a reset was interrupted: decnetd db reset completes it"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

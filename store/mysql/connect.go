package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	mysql "github.com/go-sql-driver/mysql"
)

// dialTimeout is how long a connection may take unless the DSN says otherwise.
const dialTimeout = 10 * time.Second

// connector makes connections that mean the same on every server, whatever its settings are.
// With scripts they take several statements at a time.
func (d DSN) connector(lock time.Duration, scripts bool) (driver.Connector, error) {
	cfg, err := d.config()
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = dialTimeout
	}
	cfg.Logger = &mysql.NopLogger{}
	cfg.ClientFoundRows = true   // a row that an UPDATE found counts, changed or not
	cfg.InterpolateParams = true // one round trip; the character set has single bytes only
	cfg.MaxAllowedPacket = 0     // that of the server
	cfg.MultiStatements = scripts
	cfg.Params = map[string]string{
		"time_zone":                "'+00:00'",
		"sql_mode":                 "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
		"sql_safe_updates":         "0",
		"sql_select_limit":         "18446744073709551615", // none: rows would be missing, without an error
		"autocommit":               "1",
		"innodb_lock_wait_timeout": fmt.Sprint(max(1, int(lock.Seconds()))),
	}
	if err := cfg.Apply(mysql.Charset("binary", "")); err != nil {
		return nil, err
	}
	base, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return connector{base}, nil
}

// connector sets up what is no variable of the same name on every server.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

package mysql

import (
	"errors"
	"fmt"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/decnet/decnet"
)

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"8.0.11": true, "8.4.3-log": true, "9.1.0": true, "10.11.19-MariaDB-0+deb12u1": true, "11.4.2-MariaDB": true, "8.0.36-28 Percona": true,
		"8.0.11-log": true, "8.4": true, "9.7.4-2": true, "8.0.10-rc": false, "8.0": false,
		"5.7.44": false, "10.6.20-MariaDB": false, "10.10.9-MARIADB": false, "5.5.68-MariaDB": false, "": false, "x": false, "8": false, "8.x.1": false,
	} {
		err := checkVersion(version)
		if (err == nil) != ok || err != nil && !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TestRolledBack: what is run again is what servers, clusters and groups roll back because of
// others, and nothing else.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint16]bool{1205: true, 1213: true, 3101: true, 1020: true, 1047: true, 1062: false, 1406: false, 1290: false, 1064: false} {
		err := fmt.Errorf("commit: %w", &driver.MySQLError{Number: n})
		if (dialect{}).RolledBack(err) != want {
			t.Errorf("%v: %v, want %v", err, !want, want)
		}
	}
	if (dialect{}).RolledBack(errors.New("Error 1213")) {
		t.Error("an error of somebody else is taken for a server's")
	}
}

// TestServerName: the certificate must be that of the host in the DSN.
func TestServerName(t *testing.T) {
	t.Parallel()
	d, err := ParseDSN("mysql://u:p@db.example/d?tls=true")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := d.config()
	if err != nil || cfg.TLS == nil || cfg.TLS.ServerName != "db.example" || cfg.TLS.InsecureSkipVerify {
		t.Errorf("%+v, %v", cfg, err)
	}
}

package mysql

import (
	"errors"
	"testing"

	"github.com/decnet/decnet"
)

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"8.0.11": true, "8.4.3-log": true, "9.1.0": true, "10.11.19-MariaDB-0+deb12u1": true, "11.4.2-MariaDB": true, "8.0.36-28 Percona": true,
		"5.7.44": false, "10.6.20-MariaDB": false, "10.10.9-MARIADB": false, "5.5.68-MariaDB": false, "": false, "x": false, "8": false, "8.x.1": false,
	} {
		err := checkVersion(version)
		if (err == nil) != ok || err != nil && !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%q: %v", version, err)
		}
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

package mysqltest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing is the error of Start where the server is not installed.
var ErrMissing = errors.New("mariadbd (Debian: mariadb-server) or mysqld (test/mysql) is not installed")

// product is a program that is a server.
type product interface {
	missing() error
	install(data string, args ...string) *exec.Cmd // makes the tables of a new server in data
	serve(args ...string) *exec.Cmd
}

type mariaDB struct{}

func (mariaDB) missing() error {
	for _, name := range []string{"mariadbd", "mariadb-install-db"} {
		if _, err := exec.LookPath(name); err != nil {
			return ErrMissing
		}
	}
	return nil
}

func (mariaDB) install(data string, args ...string) *exec.Cmd {
	return exec.Command("mariadb-install-db", append([]string{"--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
		"--datadir=" + data}, args...)...)
}

func (mariaDB) serve(args ...string) *exec.Cmd {
	return exec.Command("mariadbd", append([]string{"--no-defaults"}, args...)...)
}

// mySQL is what test/mysql makes.
type mySQL struct{}

// mysqlRoot has the server and every library that it needs, of another release than the
// machine's: it is run by the loader that is there.
const mysqlRoot = "/var/cache/decnet-test/mysql"

func (mySQL) missing() error {
	if _, err := os.Stat(filepath.Join(mysqlRoot, "usr/sbin/mysqld")); err != nil {
		return ErrMissing
	}
	return nil
}

func (m mySQL) install(data string, args ...string) *exec.Cmd {
	return m.serve(append([]string{"--initialize-insecure", "--datadir=" + data}, args...)...)
}

// serve makes a server that leaves it to the system when files reach the disk, because making
// a table is slow otherwise: what it wrote outlives a kill, not a loss of power.
func (mySQL) serve(args ...string) *exec.Cmd {
	usr := filepath.Join(mysqlRoot, "usr")
	return exec.Command(filepath.Join(usr, "lib64/ld-linux-x86-64.so.2"), append([]string{"--library-path", filepath.Join(usr, "lib/x86_64-linux-gnu"),
		filepath.Join(usr, "sbin/mysqld"), "--no-defaults", "--basedir=" + usr, "--secure-file-priv=NULL", "--mysqlx=OFF",
		"--innodb-redo-log-capacity=32M", "--innodb-flush-method=nosync"}, args...)...)
}

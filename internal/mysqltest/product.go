package mysqltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// mySQL is a server of MySQL.
type mySQL struct{}

// DirVariable is the name of the variable of the environment that names the directory of an
// installation of MySQL; without it, it is the one that test/mysql makes.
const DirVariable = "DECNET_TEST_MYSQL"

const unpacked = "/var/cache/decnet-test/mysql"

// places are where an installation has its server: that of a release's archive, and that of a
// system whose root the directory is.
var places = []string{"bin/mysqld", "sbin/mysqld", "libexec/mysqld", "usr/sbin/mysqld", "usr/libexec/mysqld"}

// program returns the path of the server in the directory of its installation.
func (mySQL) program() (dir, program string, err error) {
	named := os.Getenv(DirVariable)
	if dir = named; named == "" {
		dir = unpacked
	}
	for _, place := range places {
		program = filepath.Join(dir, place)
		if info, err := os.Stat(program); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return dir, program, nil
		}
	}
	if named == "" {
		return "", "", ErrMissing
	}
	return "", "", fmt.Errorf("%s: %s is no installation of MySQL: it has no program %s", DirVariable, named, strings.Join(places, " or "))
}

func (m mySQL) missing() error {
	_, _, err := m.program()
	return err
}

func (m mySQL) install(data string, args ...string) *exec.Cmd {
	return m.serve(append([]string{"--initialize-insecure", "--datadir=" + data}, args...)...)
}

// serve makes a server that leaves it to the system when files reach the disk, because making
// a table is slow otherwise: what it wrote outlives a kill, not a loss of power. Options that
// not every version has are loose.
func (m mySQL) serve(args ...string) *exec.Cmd {
	dir, program, err := m.program()
	if err != nil {
		return &exec.Cmd{Err: err}
	}
	args = append([]string{"--no-defaults", "--basedir=" + filepath.Dir(filepath.Dir(program)), "--secure-file-priv=NULL", "--loose-mysqlx=OFF",
		"--loose-innodb-redo-log-capacity=32M", "--innodb-flush-method=nosync"}, args...)
	// What test/mysql makes has every library that it needs, of another release than the
	// machine's: it is run by the loader that is there.
	loader := filepath.Join(dir, "usr/lib64/ld-linux-x86-64.so.2")
	if _, err := os.Stat(loader); err != nil {
		return exec.Command(program, args...)
	}
	return exec.Command(loader, append([]string{"--library-path", filepath.Join(dir, "usr/lib/x86_64-linux-gnu"), program}, args...)...)
}

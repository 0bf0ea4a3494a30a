package mysqltest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStart: the server that the environment chooses is of the product that it says, and lets
// a user without a password in.
func TestStart(t *testing.T) {
	s, err := Start("--innodb-buffer-pool-size=16M")
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if version := stop(t, s); strings.Contains(version, "MariaDB") == s.MySQL {
		t.Errorf("the server is %s, MySQL: %v", version, s.MySQL)
	} else {
		t.Logf("the server is %s", version)
	}
}

// stop returns the version of a server that it ends.
func stop(t *testing.T, s *Server) (version string) {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN("root", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(db.QueryRowContext(t.Context(), "SELECT VERSION()").Scan(&version), db.Close(), s.Stop())
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// TestInstallation: a server is found where an archive and where a system has it, and a
// directory without one is named in the error.
func TestInstallation(t *testing.T) {
	t.Setenv(DirVariable, "")
	dir, program, err := mySQL{}.program()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(DirVariable, dir)
	if again, same, err := (mySQL{}).program(); err != nil || again != dir || same != program {
		t.Errorf("%s, %s, %v, want %s and %s", again, same, err, dir, program)
	}

	// An archive has bin beside lib and share, and its server finds its libraries itself.
	archive := t.TempDir()
	usr := filepath.Dir(filepath.Dir(program))
	script := fmt.Sprintf("#!/bin/sh\nexec %s/usr/lib64/ld-linux-x86-64.so.2 --library-path %[1]s/usr/lib/x86_64-linux-gnu %s \"$@\"\n", dir, program)
	if err := errors.Join(os.Mkdir(filepath.Join(archive, "bin"), 0o700), os.WriteFile(filepath.Join(archive, "bin/mysqld"), []byte(script), 0o700),
		os.Symlink(filepath.Join(usr, "share"), filepath.Join(archive, "share")), os.Symlink(filepath.Join(usr, "lib"), filepath.Join(archive, "lib"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv(DirVariable, archive)
	s, err := StartMySQL("--innodb-buffer-pool-size=16M")
	if err != nil {
		t.Fatal(err)
	}
	if version := stop(t, s); !s.MySQL || strings.Contains(version, "MariaDB") {
		t.Errorf("the server is %s", version)
	}

	for _, wrong := range []string{"/nowhere", t.TempDir(), program} {
		t.Setenv(DirVariable, wrong)
		_, err := StartMySQL()
		if err == nil || errors.Is(err, ErrMissing) || err.Error() != DirVariable+": "+wrong+" is no installation of MySQL: it has no program "+
			"bin/mysqld or sbin/mysqld or libexec/mysqld or usr/sbin/mysqld or usr/libexec/mysqld" {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

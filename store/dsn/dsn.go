// Package dsn finds the store that a user names, in a text or in the environment, and opens it.
//
//	src, err := dsn.Choose(*db, os.Getenv, "decnet.db")
//	if err != nil {
//		return err
//	}
//	db, err := src.Open(ctx)
//
// A program that needs one kind of store alone imports that one, and is smaller.
package dsn

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/sqlite"
)

// Forms says what Parse accepts, for messages and help texts.
const Forms = "sqlite:FILE, mysql:USER:PASSWORD@tcp(HOST:3306)/DATABASE or mysql://USER:PASSWORD@HOST:3306/DATABASE"

// Source is a store that is named and not opened: Choose, File and Parse return one, and the
// zero value names none. It holds the password, if there is one; its String does not. It is safe
// for concurrent use.
type Source struct {
	file   string       // of SQLite; "": MySQL
	dsn    string       // of MySQL, as mysql.ParseDSN reads it
	server mysql.DSN    // the same
	config mysql.Config // how many connections
}

// Parse reads the name of a store: sqlite:FILE, where FILE may be :memory:, or mysql: and a
// DSN, or a URL, as [mysql.ParseDSN] reads them. An error wraps decnet.ErrInvalid, says what
// is accepted, and holds no password.
func Parse(text string) (Source, error) {
	if file, ok := strings.CutPrefix(text, "sqlite:"); ok && file != "" {
		return Source{file: file}, nil
	}
	scheme, _, _ := strings.Cut(text, ":")
	kind, _, _ := strings.Cut(scheme, "+")
	isURL := strings.HasPrefix(text, scheme+"://")
	if scheme == text || scheme != "mysql" && !(isURL && (kind == "mysql" || kind == "mariadb")) {
		return Source{}, fmt.Errorf("store: a database is named %s: %w", Forms, decnet.ErrInvalid)
	}
	server, err := mysql.ParseDSN(text)
	if err != nil {
		return Source{}, err
	}
	return Source{dsn: text, server: server}, nil
}

// File is a Source of the SQLite file at path.
func File(path string) Source { return Source{file: path} }

// Choose finds the store by this precedence: explicit, unless it is ""; the variable
// DECNET_DB_URL; with DECNET_DB_TYPE mysql, DECNET_DB_HOST (localhost), DECNET_DB_PORT
// (3306), DECNET_DB_NAME (decnet), DECNET_DB_USER (decnet) and DECNET_DB_PASSWORD, which must
// not be empty; the SQLite file at path. DECNET_DB_TYPE is sqlite or mysql in any case, and
// must agree with DECNET_DB_URL. For MySQL, DECNET_DB_POOL_SIZE connections are kept open,
// DECNET_DB_MAX_OVERFLOW more may be, and each is replaced after DECNET_DB_POOL_RECYCLE
// seconds; they are checked before use in any case. env is like os.Getenv. An error wraps
// decnet.ErrInvalid and names the variable.
func Choose(explicit string, env func(string) string, path string) (Source, error) {
	s, err := choose(explicit, env, path)
	if err != nil || s.file != "" {
		return s, err
	}
	size, overflow, recycle := 0, 0, 0
	for name, value := range map[string]*int{"DECNET_DB_POOL_SIZE": &size, "DECNET_DB_MAX_OVERFLOW": &overflow, "DECNET_DB_POOL_RECYCLE": &recycle} {
		text := env(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1_000_000 {
			return Source{}, fmt.Errorf("store: %s: %q is not a number from 0 to 1000000: %w", name, text, decnet.ErrInvalid)
		}
		*value = n
	}
	s.config.Idle = size
	if size > 0 || env("DECNET_DB_MAX_OVERFLOW") != "" {
		s.config.Readers = cmp.Or(size, mysql.DefaultIdle) + overflow
	}
	s.config.MaxLifetime = time.Duration(recycle) * time.Second
	return s, nil
}

func choose(explicit string, env func(string) string, path string) (Source, error) {
	if explicit != "" {
		return Parse(explicit)
	}
	kind := strings.ToLower(env("DECNET_DB_TYPE"))
	if kind != "" && kind != "sqlite" && kind != "mysql" {
		return Source{}, fmt.Errorf("store: DECNET_DB_TYPE: %q is neither sqlite nor mysql: %w", kind, decnet.ErrInvalid)
	}
	if text := env("DECNET_DB_URL"); text != "" {
		s, err := Parse(text)
		if err != nil {
			return Source{}, fmt.Errorf("store: DECNET_DB_URL: %w", err)
		}
		if kind == "sqlite" && s.file == "" || kind == "mysql" && s.file != "" {
			return Source{}, fmt.Errorf("store: DECNET_DB_TYPE is %s and DECNET_DB_URL names another: %w", kind, decnet.ErrInvalid)
		}
		return s, nil
	}
	if kind != "mysql" {
		return File(path), nil
	}
	password := env("DECNET_DB_PASSWORD")
	if password == "" {
		return Source{}, fmt.Errorf("store: DECNET_DB_TYPE is mysql and DECNET_DB_PASSWORD is empty: %w", decnet.ErrInvalid)
	}
	port := cmp.Or(env("DECNET_DB_PORT"), "3306")
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Source{}, fmt.Errorf("store: DECNET_DB_PORT: %q is no port: %w", port, decnet.ErrInvalid)
	}
	u := url.URL{
		Scheme: "mysql", User: url.UserPassword(cmp.Or(env("DECNET_DB_USER"), "decnet"), password),
		Host: net.JoinHostPort(cmp.Or(env("DECNET_DB_HOST"), "localhost"), port), Path: "/" + cmp.Or(env("DECNET_DB_NAME"), "decnet"),
	}
	s, err := Parse(u.String())
	if err != nil {
		return Source{}, fmt.Errorf("store: DECNET_DB_HOST, DECNET_DB_USER or DECNET_DB_NAME: %w", err)
	}
	return s, nil
}

// String names the place, without the password.
func (s Source) String() string {
	if s.file != "" {
		return s.file
	}
	return s.server.String()
}

// Path returns the path of the SQLite file; ok is false for a store that has none.
func (s Source) Path() (path string, ok bool) { return s.file, s.file != "" }

// Open opens the store as [sqlite.Open] or [mysql.Open] does.
func (s Source) Open(ctx context.Context) (store.Repository, error) {
	if s.file != "" {
		return sqlite.Open(ctx, s.file, sqlite.Config{})
	}
	return mysql.Open(ctx, s.dsn, s.config)
}

// Status tells where the schema stands, as [sqlite.Status] or [mysql.Status] does.
func (s Source) Status(ctx context.Context) (store.Schema, error) {
	if s.file != "" {
		return sqlite.Status(ctx, s.file)
	}
	return mysql.Status(ctx, s.dsn)
}

// Migrate brings the schema up to date, as [sqlite.Migrate] or [mysql.Migrate] does.
func (s Source) Migrate(ctx context.Context) (store.Schema, error) {
	if s.file != "" {
		return sqlite.Migrate(ctx, s.file)
	}
	return mysql.Migrate(ctx, s.dsn)
}

// Reset deletes everything, as [sqlite.Reset] or [mysql.Reset] does.
func (s Source) Reset(ctx context.Context) error {
	if s.file != "" {
		return sqlite.Reset(ctx, s.file)
	}
	return mysql.Reset(ctx, s.dsn)
}

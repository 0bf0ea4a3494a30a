package dsn_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store/dsn"
)

func ExampleChoose() {
	env := map[string]string{"DECNET_DB_TYPE": "mysql", "DECNET_DB_HOST": "db.example", "DECNET_DB_PASSWORD": "p@ss/word"}
	for _, explicit := range []string{"", "sqlite:/var/lib/decnet.db"} {
		src, err := dsn.Choose(explicit, func(name string) string { return env[name] }, "decnet.db")
		fmt.Println(src, err)
	}
	// Output:
	// decnet@tcp(db.example:3306)/decnet <nil>
	// /var/lib/decnet.db <nil>
}

func TestChoose(t *testing.T) {
	t.Parallel()
	type env = map[string]string
	components := env{"DECNET_DB_TYPE": "MySQL", "DECNET_DB_HOST": "::1", "DECNET_DB_PORT": "3307", "DECNET_DB_NAME": "d", "DECNET_DB_USER": "u@x", "DECNET_DB_PASSWORD": "hunter2"}
	url := env{"DECNET_DB_URL": "mysql+asyncmy://a:hunter2@h/b"}
	both := env{"DECNET_DB_URL": "mysql://a:hunter2@h/b"}
	for k, v := range components {
		both[k] = v
	}
	for name, c := range map[string]struct {
		explicit string
		env      env
		want     string
		says     string
	}{
		"nothing":              {want: "decnet.db"},
		"type sqlite":          {env: env{"DECNET_DB_TYPE": "SQLite"}, want: "decnet.db"},
		"components":           {env: components, want: "u@x@tcp([::1]:3307)/d"},
		"components by name":   {env: env{"DECNET_DB_TYPE": "mysql", "DECNET_DB_PASSWORD": "hunter2"}, want: "decnet@tcp(localhost:3306)/decnet"},
		"URL":                  {env: url, want: "a@tcp(h:3306)/b"},
		"URL over components":  {env: both, want: "a@tcp(h:3306)/b"},
		"URL of SQLite":        {env: env{"DECNET_DB_URL": "sqlite:/x.db"}, want: "/x.db"},
		"explicit over both":   {explicit: "mysql:e:hunter2@tcp(f)/g", env: both, want: "e@tcp(f:3306)/g"},
		"explicit file":        {explicit: "sqlite:x.db", env: both, want: "x.db"},
		"unknown type":         {env: env{"DECNET_DB_TYPE": "oracle"}, says: `DECNET_DB_TYPE: "oracle" is neither sqlite nor mysql`},
		"no password":          {env: env{"DECNET_DB_TYPE": "mysql"}, says: "DECNET_DB_PASSWORD is empty"},
		"no port":              {env: env{"DECNET_DB_TYPE": "mysql", "DECNET_DB_PASSWORD": "hunter2", "DECNET_DB_PORT": "70000"}, says: `DECNET_DB_PORT: "70000"`},
		"type against URL":     {env: env{"DECNET_DB_TYPE": "sqlite", "DECNET_DB_URL": "mysql://a:hunter2@h/b"}, says: "DECNET_DB_URL names another"},
		"URL against type":     {env: env{"DECNET_DB_TYPE": "mysql", "DECNET_DB_URL": "sqlite:x"}, says: "DECNET_DB_URL names another"},
		"another database":     {explicit: "postgres://u:hunter2@h/d", says: dsn.Forms},
		"no URL of MariaDB":    {explicit: "mariadb:u:hunter2@tcp(h)/d", says: dsn.Forms},
		"no URL of a driver":   {explicit: "mysql+x:u:hunter2@tcp(h)/d", says: dsn.Forms},
		"bare path":            {explicit: "/var/lib/decnet.db", says: dsn.Forms},
		"no file":              {explicit: "sqlite:", says: dsn.Forms},
		"bare word":            {explicit: "mysql", says: dsn.Forms},
		"URL without database": {env: env{"DECNET_DB_URL": "mysql://u:hunter2@h"}, says: "DECNET_DB_URL: store/mysql: DSN"},
		"pool":                 {explicit: "mysql://u:hunter2@h/d", env: env{"DECNET_DB_POOL_SIZE": "many"}, says: `DECNET_DB_POOL_SIZE: "many"`},
		"overflow":             {explicit: "mysql://u:hunter2@h/d", env: env{"DECNET_DB_MAX_OVERFLOW": "-1"}, says: "DECNET_DB_MAX_OVERFLOW"},
		"recycle":              {explicit: "mysql://u:hunter2@h/d", env: env{"DECNET_DB_POOL_RECYCLE": "1h"}, says: "DECNET_DB_POOL_RECYCLE"},
		"pool that is given":   {explicit: "mysql://u:hunter2@h/d", env: env{"DECNET_DB_POOL_SIZE": "5", "DECNET_DB_MAX_OVERFLOW": "0"}, want: "u@tcp(h:3306)/d"},
	} {
		got, err := dsn.Choose(c.explicit, func(name string) string { return c.env[name] }, "decnet.db")
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, decnet.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: got %v, %v, want an error that says %q", name, got, err, c.says)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	src := dsn.File(filepath.Join(t.TempDir(), "decnet.db"))
	if path, ok := src.Path(); !ok || path != src.String() {
		t.Errorf("path %q, %v", path, ok)
	}
	if _, err := src.Status(ctx); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("status of a missing file: %v", err)
	}
	db, err := src.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.SetState(ctx, "x", []byte("1")), db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := src.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := src.Migrate(ctx); err != nil || s.Version != s.Latest {
		t.Errorf("migrated to %+v, %v", s, err)
	}
}

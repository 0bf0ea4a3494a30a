package mysql_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store/mysql"
)

func ExampleParseDSN() {
	for _, text := range []string{
		"mysql://decnet:p%40ss@db.example/decnet?tls=true",
		"mysql:decnet:p@ss@unix(/run/mysqld/mysqld.sock)/decnet",
		"mysql://decnet:p%40ss@db.example",
	} {
		dsn, err := mysql.ParseDSN(text)
		fmt.Println(dsn, err)
	}
	// Output:
	// decnet@tcp(db.example:3306)/decnet <nil>
	// decnet@unix(/run/mysqld/mysqld.sock)/decnet <nil>
	// @()/ store/mysql: DSN: no database is named, want mysql://USER:PASSWORD@HOST:3306/DATABASE (with percent-encoding) or USER:PASSWORD@tcp(HOST:3306)/DATABASE: invalid
}

func TestParseDSN(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]mysql.DSN{
		"mysql://u:p@h:3307/d":                {User: "u", Password: "p", Network: "tcp", Addr: "h:3307", Database: "d"},
		"mysql://u:p@h/d":                     {User: "u", Password: "p", Network: "tcp", Addr: "h:3306", Database: "d"},
		"mysql://u@/d":                        {User: "u", Network: "tcp", Addr: "localhost:3306", Database: "d"},
		"mariadb://u:p@[2001:db8::1]/d":       {User: "u", Password: "p", Network: "tcp", Addr: "[2001:db8::1]:3306", Database: "d"},
		"mysql+asyncmy://u%40x:%2F%3A%40@h/d": {User: "u@x", Password: "/:@", Network: "tcp", Addr: "h:3306", Database: "d"},
		"u:p@tcp(h:3307)/d":                   {User: "u", Password: "p", Network: "tcp", Addr: "h:3307", Database: "d"},
		"mysql:u:p/:@?&@tcp([::1]:3307)/d":    {User: "u", Password: "p/:@?&", Network: "tcp", Addr: "[::1]:3307", Database: "d"},
		"u:a://b@tcp(h)/d":                    {User: "u", Password: "a://b", Network: "tcp", Addr: "h:3306", Database: "d"},
		"u@unix(/run/s.sock)/d?timeout=5s":    {User: "u", Network: "unix", Addr: "/run/s.sock", Database: "d"},
		"mysql://u:p@h/d?tls=skip-verify":     {User: "u", Password: "p", Network: "tcp", Addr: "h:3306", Database: "d"},
	} {
		got, err := mysql.ParseDSN(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if i := strings.LastIndexByte(text, '?'); i > strings.LastIndexByte(text, '/') && got.Params.Encode() != text[i+1:] {
			t.Errorf("%s: parameters %v", text, got.Params)
		}
		got.Params = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, got, want)
		}
		if got.Network == "tcp" {
			again, err := mysql.ParseDSN(got.URL())
			if again.Params = nil; err != nil || !reflect.DeepEqual(again, want) {
				t.Errorf("%s as the URL %s: %+v, %v", text, got.URL(), again, err)
			}
		}
	}
}

// TestBadDSN: the error says what is wrong and what is accepted, and never holds the password,
// however the text is mangled.
func TestBadDSN(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                                       "no database",
		"hunter2":                                "not of a known form",
		"mysql:u:hunter2@tcp(h":                  "not of a known form",
		"mysql:u:hunter2@tcp(h)":                 "not of a known form",
		"mysql:u:hunter2@h:3306/d":               "not of a known form",
		"mysql:u:hunter2@udp(h:3306)/d":          "neither tcp nor unix",
		"mysql:u:hunter2@tcp(h)/":                "no database",
		"mysql://u:hunter2@h":                    "no database",
		"mysql://u:hunter2@h/":                   "no database",
		"mysql://u:hunter2/x@h/d":                "not a URL",
		"mysql://u:hunter2%zz@h/d":               "not a URL",
		"mysql://u:hunter2@h:port/d":             "not a URL",
		"mysql://u:hunter2@h/d#x":                "not the parameters",
		"mysql://u:hunter2@h/d?%zz":              "not the parameters",
		"mysql:u:hunter2@tcp(h)/d?a;b":           "not the parameters",
		"mysql://u:hunter2@h/d?hunter2=1":        "a parameter is none of",
		"mysql://u:hunter2@h/d?allowAllFiles=1":  "a parameter is none of",
		"mysql://u:hunter2@h/d?sql_mode=hunter2": "a parameter is none of",
		"mysql://u:hunter2@h/d?tls=1&tls=2":      "tls is given 2 times",
		"mysql://u:hunter2@h/d?timeout=hunter2":  "a parameter has no value",
		"mysql://u:hunter2@h/d?tls=hunter2":      "a parameter has no value",
		"mysql://u:hunter2@h/d?timeout=-1s":      "a parameter has no value",
		"mysql://u:hunter2@h:0/d":                "the port is none from 1 to 65535",
		"mysql://u:hunter2@h:65536/d":            "the port is none from 1 to 65535",
		"mysql:u:hunter2@tcp(h:x)/d":             "the port is none from 1 to 65535",
		"postgres://u:hunter2@h/d":               "another kind of database",
		"sqlite://u:hunter2@h/d":                 "another kind of database",
		"mysql://u:hunter2@h/d/e":                "not the name of a database",
	} {
		_, err := mysql.Open(t.Context(), text, mysql.Config{})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "mysql://USER") ||
			!errors.Is(err, decnet.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error that says %q", text, err, says)
		}
	}
}

// FuzzParseDSN: no text makes ParseDSN panic or show the password, and what it accepts as a
// URL it reads again as the same.
func FuzzParseDSN(f *testing.F) {
	for _, s := range []string{"mysql://u:p@h:3306/d?tls=true", "u:p@tcp(h:3306)/d", "mysql:u@unix(/s)/d", "mysql+x://u:%40@[::1]/d", "mysql://u@/d", "@/", ":@tcp()/d?a=b", "mysql://%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := mysql.ParseDSN(text)
		if err != nil {
			if !errors.Is(err, decnet.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if d.Network != "tcp" {
			return
		}
		again, err := mysql.ParseDSN(d.URL())
		if err != nil {
			return // a host that no URL can hold
		}
		if again.User != d.User || again.Password != d.Password || again.Database != d.Database {
			t.Fatalf("%q gives %+v, and as a URL %+v", text, d, again)
		}
	})
}

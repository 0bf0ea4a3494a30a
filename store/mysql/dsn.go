package mysql

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	driver "github.com/go-sql-driver/mysql"

	"github.com/decnet/decnet"
)

// DSN says where a database is and as whom to use it.
type DSN struct {
	User, Password string
	Network        string // "tcp" or "unix"
	Addr           string // host:port, or the path of a socket
	Database       string
	Params         url.Values // of the driver, those that ParseDSN accepts
}

const (
	forms       = "mysql://USER:PASSWORD@HOST:3306/DATABASE (with percent-encoding) or USER:PASSWORD@tcp(HOST:3306)/DATABASE"
	defaultPort = "3306"
)

// params are those that change how the server is reached. All others belong to the store.
var params = []string{"allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "compress",
	"readTimeout", "timeout", "tls", "writeTimeout"}

// ParseDSN reads both forms of a DSN: a URL, mysql://user:password@host:3306/database, whose
// user and password are percent-encoded, and that of the Go driver,
// user:password@tcp(host:3306)/database or user:password@unix(/path)/database. "mysql:" may
// stand in front of the latter, and "mariadb" or "mysql+anything" for the scheme of the
// former. The host is localhost and the port 3306 unless they are given. Parameters may
// follow behind a question mark: tls (true, skip-verify, preferred), timeout, readTimeout,
// writeTimeout, compress, allowNativePasswords, allowCleartextPasswords and
// allowFallbackToPlaintext, as the driver has them. An error wraps decnet.ErrInvalid and says
// what is accepted; it never holds the password.
func ParseDSN(dsn string) (DSN, error) {
	d, err := parse(dsn)
	if err != nil {
		return DSN{}, fmt.Errorf("store/mysql: DSN: %w, want %s: %w", err, forms, decnet.ErrInvalid)
	}
	return d, nil
}

func parse(dsn string) (d DSN, err error) {
	scheme, _, isURL := strings.Cut(dsn, "://")
	driverOf, _, _ := strings.Cut(scheme, "+")
	switch isURL = isURL && !strings.ContainsAny(scheme, ":@/("); {
	case !isURL:
		d, err = parseDriver(strings.TrimPrefix(dsn, "mysql:"))
	case driverOf != "mysql" && driverOf != "mariadb":
		return d, errors.New("another kind of database")
	default:
		d, err = parseURL(dsn)
	}
	if err != nil {
		return d, err
	}
	if d.Database == "" {
		return d, errors.New("no database is named")
	}
	if strings.ContainsAny(d.Database, "/\\`\x00") || len(d.Database) > 64 {
		return d, errors.New("not the name of a database")
	}
	for name, values := range d.Params {
		if !slices.Contains(params, name) {
			return d, fmt.Errorf("a parameter is none of %s", strings.Join(params, ", "))
		}
		if len(values) != 1 {
			return d, fmt.Errorf("%s is given %d times", name, len(values))
		}
	}
	if d.Network == "tcp" {
		_, port, err := net.SplitHostPort(d.Addr)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
			return d, errors.New("the port is none from 1 to 65535")
		}
	}
	_, err = d.config()
	return d, err
}

// Errors of the parsers below are left out of ours: they may quote the password.

func parseURL(dsn string) (DSN, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return DSN{}, errors.New("not a URL")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return DSN{}, errors.New("not the parameters of a URL")
	}
	host := u.Hostname()
	if host == "" {
		host = "localhost"
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	password, _ := u.User.Password()
	return DSN{User: u.User.Username(), Password: password, Network: "tcp", Addr: net.JoinHostPort(host, port),
		Database: strings.TrimPrefix(u.Path, "/"), Params: query}, nil
}

func parseDriver(dsn string) (DSN, error) {
	// The driver does not tell parameters that it knows from others: they are read here.
	path, query := dsn, ""
	if slash := strings.LastIndexByte(dsn, '/'); slash >= 0 {
		if i := strings.IndexByte(dsn[slash:], '?'); i >= 0 {
			path, query = dsn[:slash+i], dsn[slash+i+1:]
		}
	}
	cfg, err := driver.ParseDSN(path)
	if err != nil {
		return DSN{}, errors.New("not of a known form")
	}
	if cfg.Net != "tcp" && cfg.Net != "unix" {
		return DSN{}, errors.New("the network is neither tcp nor unix")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return DSN{}, errors.New("not the parameters of a DSN")
	}
	return DSN{User: cfg.User, Password: cfg.Passwd, Network: cfg.Net, Addr: cfg.Addr, Database: cfg.DBName, Params: values}, nil
}

// String names the place, without the password.
func (d DSN) String() string {
	return fmt.Sprintf("%s@%s(%s)/%s", d.User, d.Network, d.Addr, d.Database)
}

// URL is the DSN as a URL with the password in it, which ParseDSN reads. A socket has no URL.
func (d DSN) URL() string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(d.User, d.Password), Host: d.Addr, Path: "/" + d.Database, RawQuery: d.Params.Encode()}
	return u.String()
}

// config is how the driver is told.
func (d DSN) config() (*driver.Config, error) {
	cfg, err := driver.ParseDSN("/?" + d.Params.Encode())
	if err != nil || cfg.Timeout < 0 || cfg.ReadTimeout < 0 || cfg.WriteTimeout < 0 {
		return nil, errors.New("a parameter has no value that the driver knows")
	}
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = d.User, d.Password, d.Network, d.Addr, d.Database
	if cfg.TLS != nil {
		cfg.TLS.ServerName, _, _ = net.SplitHostPort(d.Addr) // until here that of the default address
	}
	return cfg, nil
}

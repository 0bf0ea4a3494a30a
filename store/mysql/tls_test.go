package mysql_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store/mysql"
)

// certify makes, in dir, the certificate of an authority that this process trusts from then
// on, and one for 127.0.0.1 that it has signed. It returns the options of a server that shows
// it. It must be called before anything looks for authorities.
func certify(dir string) ([]string, error) {
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	signedCA, err := x509.CreateCertificate(rand.Reader, ca, ca, authority.Public(), authority)
	if err != nil {
		return nil, err
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), authority)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, kind string, data []byte) error {
		return os.WriteFile(path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600)
	}
	err = errors.Join(write("ca.pem", "CERTIFICATE", signedCA), write("cert.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", secret),
		os.Setenv("SSL_CERT_FILE", path("ca.pem")))
	return []string{"--ssl-ca=" + path("ca.pem"), "--ssl-cert=" + path("cert.pem"), "--ssl-key=" + path("key.pem")}, err
}

// TestTLS: what the DSN says of TLS is what happens, with the password methods that servers
// use unless somebody chooses another; a connection that cannot be as safe as it should is
// refused and says why.
func TestTLS(t *testing.T) {
	t.Parallel()
	place, err := mysql.ParseDSN(database(t))
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]string{"native": "IDENTIFIED BY 'hunter2'", "empty": "IDENTIFIED BY ''"}
	if server.MySQL {
		methods = map[string]string{"sha2": "IDENTIFIED WITH caching_sha2_password BY 'hunter2'", "sha256": "IDENTIFIED WITH sha256_password BY 'hunter2'",
			"empty": "IDENTIFIED BY ''"}
	}
	place.Password = "hunter2"
	for method, identified := range methods {
		user := "tls_" + method
		server.Exec(t, "CREATE USER "+user+" "+identified, "GRANT ALL ON "+place.Database+".* TO "+user)
		t.Cleanup(func() { server.Exec(t, "DROP USER "+user) })
		for params, encrypted := range map[string]bool{"": false, "?tls=false": false, "?tls=true": true, "?tls=skip-verify": true, "?tls=preferred": true} {
			as := place
			if as.User = user; method == "empty" {
				as.Password = ""
			}
			dsn := as.URL() + params
			server.Exec(t, flushPasswords()...) // so that the whole method is run
			if err := open(t, dsn).Close(); err != nil {
				t.Errorf("%s%s: %v", method, params, err)
			}
			if got := cipher(t, dsn); got != encrypted {
				t.Errorf("%s%s: encrypted: %v, want %v", method, params, got, encrypted)
			}
		}
	}

	_, port, err := net.SplitHostPort(place.Addr)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := mysqltest.Start("--innodb-buffer-pool-size=16M", "--skip-ssl")
	if server.MySQL {
		plain, err = mysqltest.Start("--innodb-buffer-pool-size=16M", "--loose-skip-ssl", "--tls-version=")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plain.Stop(); err != nil {
			t.Error(err)
		}
	}()
	plain.Exec(t, "CREATE DATABASE decnet")
	for dsn, says := range map[string]string{
		"mysql://root@localhost:" + port + "/" + place.Database + "?tls=true": "the server's certificate is not trusted: ",
		plain.DSN("root", "", "decnet") + "?tls=true":                         "the server does not speak TLS: ",
		plain.DSN("root", "", "decnet") + "?tls=skip-verify":                  "the server does not speak TLS: ",
	} {
		_, err := mysql.Open(t.Context(), dsn, mysql.Config{})
		wantMessage(t, err, says)
	}
	if err := open(t, plain.DSN("root", "", "decnet")+"?tls=preferred").Close(); err != nil {
		t.Error(err)
	}
}

// flushPasswords makes MySQL forget who has logged in, to whom it asks less.
func flushPasswords() []string {
	if server.MySQL {
		return []string{"FLUSH PRIVILEGES"}
	}
	return nil
}

// cipher reports whether a connection is encrypted.
func cipher(t *testing.T, dsn string) bool {
	t.Helper()
	place, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", place.User+":"+place.Password+"@tcp("+place.Addr+")/?"+place.Params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var name, value string
	if err := db.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(value) != ""
}

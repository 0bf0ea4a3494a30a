package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	driver "github.com/go-sql-driver/mysql"

	"github.com/decnet/decnet"
)

// minPacket is the least max_allowed_packet that a server must have: what the largest record
// that the collector lets through needs, several times over.
const minPacket = 4 << 20

// minPage is the least innodb_page_size: the keys of the tables have no room in smaller pages.
const minPage = 16 << 10

// check refuses a server on which the store would not be right.
func check(ctx context.Context, db *sql.DB) error {
	var version, weights string
	var packet, page int
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	if err := db.QueryRowContext(ctx, "SELECT VERSION(), @@max_allowed_packet, @@innodb_page_size, WEIGHT_STRING(CONVERT(? USING "+foldingSet+") COLLATE "+foldingCollation+")",
		every).Scan(&version, &packet, &page, &weights); err != nil {
		return err
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	if packet < minPacket {
		return fmt.Errorf("max_allowed_packet of the server is %d, at least %d is needed: %w", packet, minPacket, decnet.ErrSemantic)
	}
	if page < minPage {
		return fmt.Errorf("innodb_page_size of the server is %d, at least %d is needed: %w", page, minPage, decnet.ErrSemantic)
	}
	for i := range every {
		if i >= 'a' && i <= 'z' {
			every[i] -= 'a' - 'A'
		}
	}
	if weights != string(every) {
		return fmt.Errorf("the server compares texts in %s in another way than is known: %w", foldingCollation, decnet.ErrSemantic)
	}
	return nil
}

func isMariaDB(version string) bool { return strings.Contains(strings.ToLower(version), "mariadb") }

// checkVersion refuses servers that are older than those that the store is made for.
func checkVersion(version string) error {
	name, least := "MySQL", []int{8, 0, 11}
	if isMariaDB(version) {
		name, least = "MariaDB", []int{10, 11, 0}
	}
	is := make([]int, 3)
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &is[0], &is[1], &is[2]); n > 1 && slices.Compare(is, least) >= 0 {
		return nil
	}
	return fmt.Errorf("the server is %s %q, at least %s %d.%d.%d is needed: %w", name, version, name, least[0], least[1], least[2], decnet.ErrSemantic)
}

// wrap names the place and the operation in err, and puts into words why there is no
// connection.
func (d DSN) wrap(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	var what string
	var network *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch number(err) {
	case errAccessDenied:
		what = "the server refuses the user or the password"
	case errDatabaseDenied:
		what = "the user may not use the database"
	case errUnknownDatabase:
		what = "there is no such database, create it first"
	case errTooManyConnections, errTooManyOfUser, errUserLimit:
		what = "the server has no connection left"
	case errHostDenied:
		what = "the server refuses connections from here"
	default:
		switch {
		case ctx.Err() != nil:
			err, what = ctx.Err(), "gave up waiting for the server"
		case errors.As(err, &certificate):
			what = "the server's certificate is not trusted"
		case errors.Is(err, driver.ErrNoTLS):
			what = "the server does not speak TLS"
		case errors.As(err, &name):
			what = "the host is not known"
		case errors.As(err, &network):
			what = "the server cannot be reached"
		}
	}
	if what == "" {
		err = dialect{}.Explain(err)
	} else {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("store/mysql: %s: %s: %w", d, op, err)
}

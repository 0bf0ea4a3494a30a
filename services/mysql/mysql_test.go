package mysql_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/mysql"
	"github.com/decnet/decnet/services/servicetest"
)

var port = services.Port{Network: "tcp", Number: 3306}

const (
	native = "mysql_native_password"
	sha2   = "caching_sha2_password"
)

func start(t testing.TB, cfg services.Config) (*servicetest.Decky, string) {
	t.Helper()
	d := servicetest.Start(t, mysql.Service{}, cfg, 1, services.Env{})
	return d, d.Addrs[port].String()
}

// peer is a client of our own, which shows each packet.
type peer struct {
	net.Conn
	seq      byte
	version  string
	id       uint32
	scramble []byte
	plugin   string
}

func connect(t testing.TB, addr string) *peer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return greeted(t, c)
}

func greeted(t testing.TB, c net.Conn) *peer {
	t.Helper()
	p := &peer{Conn: c}
	b := p.read(t)
	if b[0] != 10 {
		t.Fatalf("greeting %q", b)
	}
	end := 1 + strings.IndexByte(string(b[1:]), 0)
	p.version = string(b[1:end])
	b = b[end+1:]
	p.id = binary.LittleEndian.Uint32(b)
	p.scramble = append(append([]byte{}, b[4:12]...), b[31:43]...)
	p.plugin = strings.TrimRight(string(b[44:]), "\x00")
	return p
}

func (p *peer) read(t testing.TB) []byte {
	t.Helper()
	b, err := p.tryRead()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *peer) tryRead() ([]byte, error) {
	_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	var head [4]byte
	if _, err := io.ReadFull(p, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	p.seq = head[3] + 1
	_, err := io.ReadFull(p, b)
	return b, err
}

func (p *peer) send(t testing.TB, payload []byte) {
	t.Helper()
	b := append([]byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), p.seq}, payload...)
	p.seq++
	if _, err := p.Write(b); err != nil {
		t.Fatal(err)
	}
}

const capabilities = 1 | 1<<3 | 1<<9 | 1<<15 | 1<<16 | 1<<19

func response(caps uint32, user, plugin, db string, auth []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, caps)
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(b, 45)
	b = append(b, make([]byte, 23)...)
	b = append(append(b, user...), 0)
	b = append(append(b, byte(len(auth))), auth...)
	b = append(append(b, db...), 0)
	return append(append(b, plugin...), 0)
}

// login answers the greeting with a password, and returns the last packet of the log-in.
func (p *peer) login(t testing.TB, user, password, db string) []byte {
	t.Helper()
	p.send(t, response(capabilities, user, p.plugin, db, answerTo(p.plugin, password, p.scramble)))
	for {
		b := p.read(t)
		switch b[0] {
		case 0xfe:
			plugin, scramble, _ := strings.Cut(string(b[1:]), "\x00")
			p.scramble = []byte(scramble[:20])
			p.send(t, answerTo(plugin, password, p.scramble))
		case 0x01:
			switch {
			case b[1] == 4:
				p.send(t, []byte{2})
			case b[1] != 3:
				p.send(t, sealed(t, b[1:], password, p.scramble))
			}
		default:
			return b
		}
	}
}

func answerTo(plugin, password string, scramble []byte) []byte {
	if password == "" {
		return nil
	}
	if plugin == native {
		one := sha1.Sum([]byte(password))
		two := sha1.Sum(one[:])
		mix := sha1.Sum(append(append([]byte{}, scramble...), two[:]...))
		for i := range mix {
			mix[i] ^= one[i]
		}
		return mix[:]
	}
	one := sha256.Sum256([]byte(password))
	two := sha256.Sum256(one[:])
	mix := sha256.Sum256(append(two[:], scramble...))
	for i := range mix {
		mix[i] ^= one[i]
	}
	return mix[:]
}

func sealed(t testing.TB, key []byte, password string, scramble []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(key)
	if block == nil {
		t.Fatalf("no key in %q", key)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	plain := append([]byte(password), 0)
	for i := range plain {
		plain[i] ^= scramble[i%len(scramble)]
	}
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, parsed.(*rsa.PublicKey), plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func isOK(b []byte) bool { return len(b) > 0 && b[0] == 0 }

// command sends a command and returns its first packet.
func (p *peer) command(t testing.TB, com byte, arg string) []byte {
	t.Helper()
	p.seq = 0
	p.send(t, append([]byte{com}, arg...))
	return p.read(t)
}

// query returns the cells of a result, or the text of an error.
func (p *peer) query(t testing.TB, sql string) ([][]string, string) {
	t.Helper()
	b := p.command(t, 3, sql)
	if b[0] == 0xff {
		return nil, errorText(b)
	}
	if b[0] == 0 {
		return nil, ""
	}
	columns := int(b[0])
	for range columns + 1 {
		p.read(t)
	}
	var rows [][]string
	for {
		b := p.read(t)
		if b[0] == 0xfe && len(b) < 9 {
			return rows, ""
		}
		if b[0] == 0xff {
			return nil, errorText(b)
		}
		var row []string
		for range columns {
			n := int(b[0])
			b = b[1:]
			switch n {
			case 0xfb:
				row = append(row, "NULL")
				continue
			case 0xfc:
				n = int(binary.LittleEndian.Uint16(b))
				b = b[2:]
			case 0xfd:
				n = int(b[0]) | int(b[1])<<8 | int(b[2])<<16
				b = b[3:]
			}
			row = append(row, string(b[:n]))
			b = b[n:]
		}
		rows = append(rows, row)
	}
}

func errorText(b []byte) string {
	code := binary.LittleEndian.Uint16(b[1:])
	if len(b) > 9 && b[3] == '#' {
		return fmt.Sprintf("%d %s %s", code, b[4:9], b[9:])
	}
	return fmt.Sprintf("%d %s", code, b[3:])
}

// inside returns a client that is logged in.
func inside(t testing.TB, addr string) *peer {
	t.Helper()
	p := connect(t, addr)
	if b := p.login(t, "root", "root", ""); !isOK(b) {
		t.Fatalf("log-in: %q", b)
	}
	return p
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service:  mysql.Service{},
		Greeting: regexp.MustCompile(`(?s)^....\n8\.0\.\d+.*caching_sha2_password\x00$`),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			p := greeted(t, c)
			if b := p.login(t, "backup", "hunter2", ""); b[0] != 0xff {
				t.Errorf("log-in: %q", b)
			}
			return map[string]string{"username": "backup", "password": "hunter2", "outcome": "failure"}
		},
		Truncated: append([]byte{70, 0, 0, 1}, response(capabilities, "root", sha2, "", make([]byte, 20))...),
		Bait: func(t *testing.T, c net.Conn) string {
			p := greeted(t, c)
			p.login(t, "root", "root", "")
			rows, _ := p.query(t, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('mysql','sys','information_schema')")
			users, problem := p.query(t, "SELECT * FROM "+rows[0][0]+".users")
			return fmt.Sprint(users, problem)
		},
	})
}

// TestW50_ResponsesCanBeCracked takes what the events hold, and finds the password with
// it as a cracker would.
func TestW50_ResponsesCanBeCracked(t *testing.T) {
	for _, plugin := range []string{native, sha2} {
		t.Run(plugin, func(t *testing.T) {
			d, addr := start(t, services.Config{"auth_plugin": plugin, "accept": "nobody"})
			p := connect(t, addr)
			if p.plugin != plugin {
				t.Fatalf("the greeting offers %s", p.plugin)
			}
			p.send(t, response(capabilities, "dba", plugin, "crm", answerTo(plugin, "Winter2026!", p.scramble)))
			p.read(t)
			p.Close() // before any exchange that would give the password away
			e := d.Wait(t, "auth_attempt", map[string]string{"username": "dba", "secret_kind": plugin, "outcome": "failure", "database": "crm"})
			if _, ok := e.Field("password"); ok {
				t.Error("a password that was never sent is reported")
			}
			secret, err := hex.DecodeString(e.Value("secret"))
			if err != nil {
				t.Fatal(err)
			}
			challenge, err := hex.DecodeString(e.Value("challenge"))
			if err != nil || len(challenge) != 20 {
				t.Fatalf("challenge %x: %v", challenge, err)
			}
			found := ""
			for _, guess := range []string{"root", "winter2026!", "Winter2026!", "x"} {
				if string(answerTo(plugin, guess, challenge)) == string(secret) {
					found = guess
				}
			}
			if found != "Winter2026!" {
				t.Errorf("cracking finds %q", found)
			}
			line := "$mysqlna$" + e.Value("challenge") + "*" + e.Value("secret")
			if plugin == native && e.Value("hashcat") != line {
				t.Errorf("hashcat line %q, want %q", e.Value("hashcat"), line)
			}
		})
	}
}

func TestW20_PasswordsAreRecordedInClearWherePossible(t *testing.T) {
	d, addr := start(t, nil)
	t.Run("sealed with the public key", func(t *testing.T) {
		if b := connect(t, addr).login(t, "root", "not-it]\"\n", ""); errorText(b) != "1045 28000 Access denied for user 'root'@'localhost' (using password: YES)" {
			t.Errorf("%q", b)
		}
		d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "not-it]\"\n", "outcome": "failure", "tls": "false"})
	})
	t.Run("over TLS", func(t *testing.T) {
		p := connect(t, addr)
		p.send(t, response(capabilities|1<<11, "", "", "", nil)[:32])
		conn := tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true})
		p.Conn = conn
		p.send(t, response(capabilities|1<<11, "root", sha2, "", answerTo(sha2, "over tls", p.scramble)))
		if b := p.read(t); string(b) != "\x01\x04" {
			t.Fatalf("%q", b)
		}
		p.send(t, []byte("over tls\x00"))
		p.read(t)
		d.Wait(t, "auth_attempt", map[string]string{"password": "over tls", "tls": "true"})
		cn := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
		if cn != "MySQL_Server_8.0.41_Auto_Generated_Server_Certificate" {
			t.Errorf("common name %q", cn)
		}
	})
	t.Run("none", func(t *testing.T) {
		if b := connect(t, addr).login(t, "guest", "", ""); errorText(b) != "1045 28000 Access denied for user 'guest'@'localhost' (using password: NO)" {
			t.Errorf("%q", b)
		}
		d.Wait(t, "auth_attempt", map[string]string{"username": "guest", "password": "", "outcome": "failure"})
	})
}

func TestAuthSwitch(t *testing.T) {
	for _, c := range []struct{ server, client string }{{native, sha2}, {sha2, native}, {native, "mysql_clear_password"}} {
		t.Run(c.client+" to "+c.server, func(t *testing.T) {
			d, addr := start(t, services.Config{"auth_plugin": c.server})
			p := connect(t, addr)
			p.plugin = c.client
			if b := p.login(t, "root", "root", ""); !isOK(b) {
				t.Fatalf("log-in: %q", b)
			}
			d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "root", "method": c.server, "outcome": "success"})
		})
	}
}

func TestSecondLoginIsFast(t *testing.T) {
	_, addr := start(t, nil)
	inside(t, addr)
	p := connect(t, addr)
	p.send(t, response(capabilities, "root", sha2, "", answerTo(sha2, "root", p.scramble)))
	if b := p.read(t); string(b) != "\x01\x03" {
		t.Errorf("a user whose password is cached gets %q", b)
	}
	if b := p.read(t); !isOK(b) {
		t.Errorf("then %q", b)
	}
}

func TestAcceptKey(t *testing.T) {
	_, addr := start(t, services.Config{"accept": "any", "tries": "3"})
	for i, want := range []bool{false, false, true} {
		if b := connect(t, addr).login(t, "x", fmt.Sprint("guess", i), ""); isOK(b) != want {
			t.Errorf("attempt %d: %q", i+1, b)
		}
	}
	_, addr = start(t, services.Config{"accept": "nobody"})
	if b := connect(t, addr).login(t, "root", "root", ""); isOK(b) {
		t.Error("nobody was let in")
	}
	for _, cfg := range []services.Config{{"users": "root"}, {"flavor": "mariadb", "auth_plugin": sha2}, {"version": "a b"}} {
		if _, err := (mysql.Service{}).New(services.Env{Decky: "d"}, cfg); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: %v", cfg, err)
		}
	}
}

func TestW22_TheDeclaredPortIsServed(t *testing.T) {
	d, _ := start(t, nil)
	if len(d.Addrs) != len((mysql.Service{}).Info().Ports) {
		t.Error("a declared port is not served")
	}
	for _, addr := range d.Addrs {
		connect(t, addr.String())
	}
}

func TestW44_ScramblesAndNumbersDiffer(t *testing.T) {
	_, addr := start(t, nil)
	a, b := connect(t, addr), connect(t, addr)
	if string(a.scramble) == string(b.scramble) {
		t.Error("two greetings have the same scramble")
	}
	if b.id != a.id+1 {
		t.Errorf("connection ids %d, %d", a.id, b.id)
	}
	other := servicetest.Start(t, mysql.Service{}, nil, 2, services.Env{})
	if c := connect(t, other.Addrs[port].String()); c.id == a.id || c.id == a.id+2 {
		t.Errorf("two deckies count connections alike: %d", c.id)
	}
}

func TestBrokenPackets(t *testing.T) {
	_, addr := start(t, nil)
	for name, c := range map[string]struct{ in, want string }{
		"bad handshake": {"\x05\x00\x00\x01\x00\x02\x00\x00\x00", "1043 08S01 Bad handshake"},
		"wrong order":   {"\x01\x00\x00\x07\x00", "1156 Got packets out of order"},
		"too big":       {"\xff\xff\xff\x01\x00", "1153 Got a packet bigger than 'max_allowed_packet' bytes"},
	} {
		p := connect(t, addr)
		_, _ = p.Write([]byte(c.in))
		b, err := p.tryRead()
		if err != nil || errorText(b) != c.want {
			t.Errorf("%s: %q %v", name, b, err)
		}
		if _, err := p.tryRead(); err == nil {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	p := inside(t, addr)
	p.seq = 3
	p.send(t, []byte{0x0e})
	if b := p.read(t); errorText(b) != "1156 08S01 Got packets out of order" {
		t.Errorf("%q", b)
	}
}

func TestW49_WorkIsBounded(t *testing.T) {
	_, addr := start(t, nil)
	p := inside(t, addr)
	schema := app(t, p)
	from := time.Now()
	for _, sql := range []string{
		"SELECT COUNT(*) FROM " + schema + ".orders a, " + schema + ".orders b, " + schema + ".orders c, " + schema + ".orders d",
		"SELECT REPEAT('a', 1000000) FROM " + schema + ".orders a, " + schema + ".users b",
		"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"SELECT 1 WHERE '" + strings.Repeat("a", 5000) + "' LIKE '" + strings.Repeat("%a", 2000) + "b'",
	} {
		_, problem := p.query(t, sql)
		t.Logf("%.60s: %.60s", sql, problem)
	}
	if took := time.Since(from); took > time.Minute {
		t.Errorf("four statements took %s", took)
	}
	for i := range 40 {
		if _, problem := p.query(t, fmt.Sprintf("CREATE TABLE %s.t%d (a TEXT)", schema, i)); problem != "" {
			t.Fatal(problem)
		}
		if _, problem := p.query(t, fmt.Sprintf("INSERT INTO %s.t%d VALUES ('%s')", schema, i, strings.Repeat("x", 90_000))); strings.HasPrefix(problem, "1114 ") {
			return
		}
	}
	t.Error("3.6 MB were stored")
}

func app(t testing.TB, p *peer) string {
	t.Helper()
	rows, _ := p.query(t, "SHOW DATABASES")
	for _, r := range rows {
		switch r[0] {
		case "information_schema", "mysql", "performance_schema", "sys":
		default:
			return r[0]
		}
	}
	t.Fatal("no database of the application")
	return ""
}

func TestQueries(t *testing.T) {
	d, addr := start(t, nil)
	p := inside(t, addr)
	schema := app(t, p)
	if b := p.command(t, 2, schema); !isOK(b) {
		t.Fatalf("COM_INIT_DB: %q", b)
	}
	cases := []struct{ sql, want string }{
		{"select @@version_comment limit 1", "[[MySQL Community Server - GPL]]"},
		{"SELECT VERSION(), USER(), DATABASE()", "[[8.0.41 root@localhost " + schema + "]]"},
		{"SHOW TABLES", "[[orders] [sessions] [settings] [users]]"},
		{"SHOW VARIABLES LIKE 'lower_case_table_names'", "[[lower_case_table_names 0]]"},
		{"SHOW VARIABLES WHERE Variable_name = 'version_compile_os'", "[[version_compile_os Linux]]"},
		{"SELECT @@session.auto_increment_increment AS a, @@character_set_client AS b, @@max_allowed_packet", "[[1 utf8mb4 67108864]]"},
		{"/* mysql-connector-java-8.0.33 */SELECT @@session.transaction_isolation, @@wait_timeout", "[[REPEATABLE-READ 28800]]"},
		{"SET NAMES utf8mb4", "[]"},
		{"SET autocommit=1, sql_mode='STRICT_TRANS_TABLES'", "[]"},
		{"SELECT @@sql_mode", "[[STRICT_TRANS_TABLES]]"},
		{"SET @x := 5", "[]"},
		{"SELECT @x + 1, 'it''s', 0x4142, NULL, 1.5*2", "[[6 it's AB NULL 3]]"},
		{"SELECT COUNT(*) > 10 FROM users", "[[1]]"},
		{"SELECT id FROM users WHERE id IN (2,3) ORDER BY id DESC", "[[3] [2]]"},
		{"SELECT id FROM users LIMIT 2 OFFSET 1", "[[2] [3]]"},
		{"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema=DATABASE() AND table_name='users'", "[[7]]"},
		{"SELECT 1 UNION SELECT 2 UNION ALL SELECT 2 ORDER BY 1 DESC", "[[2] [2] [1]]"},
		{"SELECT IF(ASCII(SUBSTRING('root',1,1))>100,'y','n')", "[[y]]"},
		{"SELECT CASE WHEN 1=2 THEN 'a' ELSE 'b' END", "[[b]]"},
		{"CREATE TABLE warn (id INT AUTO_INCREMENT PRIMARY KEY, msg TEXT)", "[]"},
		{"INSERT INTO warn (msg) VALUES ('send 0.02 BTC')", "[]"},
		{"SELECT * FROM warn", "[[1 send 0.02 BTC]]"},
		{"UPDATE warn SET msg = CONCAT(msg, '!') WHERE id = 1", "[]"},
		{"SELECT msg FROM warn", "[[send 0.02 BTC!]]"},
		{"DROP TABLE users", "[]"},
		{"SHOW TABLES", "[[orders] [sessions] [settings] [warn]]"},
	}
	for _, c := range cases {
		rows, problem := p.query(t, c.sql)
		if got := fmt.Sprint(rows); problem != "" || got != c.want {
			t.Errorf("%s: got %s %s, want %s", c.sql, got, problem, c.want)
		}
		d.Wait(t, "command", map[string]string{"command": c.sql, "username": "root"})
	}
	errs := []struct{ sql, want string }{
		{"SELEC 1", "1064 42000 You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near 'SELEC 1' at line 1"},
		{"SELECT 1\nFROM", "1064 42000 You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '' at line 2"},
		{"SELECT nope", "1054 42S22 Unknown column 'nope' in 'field list'"},
		{"SELECT 1 FROM orders WHERE nope=1", "1054 42S22 Unknown column 'nope' in 'where clause'"},
		{"SELECT * FROM nope", "1146 42S02 Table '" + schema + ".nope' doesn't exist"},
		{"USE nope", "1049 42000 Unknown database 'nope'"},
		{"SELECT nope()", "1305 42000 FUNCTION " + schema + ".nope does not exist"},
		{"SELECT 1 INTO OUTFILE '/var/www/x.php'", "1290 HY000 The MySQL server is running with the --secure-file-priv option so it cannot execute this statement"},
		{"CREATE FUNCTION sys_exec RETURNS INT SONAME 'lib_mysqludf_sys.so'", "1126 HY000 Can't open shared library '/usr/lib/mysql/plugin/lib_mysqludf_sys.so' (errno: 2 /usr/lib/mysql/plugin/lib_mysqludf_sys.so: cannot open shared object file: No such file or directory)"},
		{"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE warn", "3948 42000 Loading local data is disabled; this must be enabled on both the client and server sides"},
		{"SELECT EXTRACTVALUE(1, CONCAT(0x7e, DATABASE()))", "1105 HY000 XPATH syntax error: '~" + schema + "'"},
		{"SET nope = 1", "1193 HY000 Unknown system variable 'nope'"},
		{"DROP DATABASE information_schema", "1044 42000 Access denied for user 'root'@'%' to database 'information_schema'"},
		{"", "1065 42000 Query was empty"},
	}
	for _, c := range errs {
		if _, problem := p.query(t, c.sql); problem != c.want {
			t.Errorf("%q: got %s, want %s", c.sql, problem, c.want)
		}
	}
	d.Wait(t, "file_access", map[string]string{"operation": "outfile", "path": "/var/www/x.php"})
	d.Wait(t, "file_access", map[string]string{"operation": "load_data", "path": "/etc/passwd", "local": "true"})
	d.Wait(t, "udf_attempt", map[string]string{"function": "sys_exec", "library": "lib_mysqludf_sys.so"})
}

func TestCommands(t *testing.T) {
	_, addr := start(t, nil)
	p := inside(t, addr)
	for name, com := range map[string]byte{"ping": 0x0e, "reset": 0x1f} {
		if b := p.command(t, com, ""); !isOK(b) {
			t.Errorf("%s: %q", name, b)
		}
	}
	if b := p.command(t, 9, ""); !regexp.MustCompile(`^Uptime: \d+  Threads: \d+  Questions: \d+ `).Match(b) {
		t.Errorf("statistics %q", b)
	}
	if b := p.command(t, 0x63, ""); errorText(b) != "1047 08S01 Unknown command" {
		t.Errorf("unknown command: %q", b)
	}
	if b := p.command(t, 2, "nope"); errorText(b) != "1049 42000 Unknown database 'nope'" {
		t.Errorf("init db: %q", b)
	}
	p.seq = 0
	p.send(t, []byte{1})
	if _, err := p.tryRead(); !errors.Is(err, io.EOF) {
		t.Errorf("quit: %v", err)
	}
}

func TestChangeUser(t *testing.T) {
	d, addr := start(t, nil)
	p := inside(t, addr)
	p.seq = 0
	p.send(t, []byte("\x11admin\x00\x00\x00\x2d\x00caching_sha2_password\x00"))
	b := p.read(t)
	if b[0] != 0xfe {
		t.Fatalf("%q", b)
	}
	_, scramble, _ := strings.Cut(string(b[1:]), "\x00")
	p.scramble = []byte(scramble[:20])
	p.send(t, answerTo(sha2, "admin", p.scramble))
	p.read(t)
	p.send(t, []byte{2})
	key := p.read(t)
	p.send(t, sealed(t, key[1:], "admin", p.scramble))
	if b := p.read(t); !isOK(b) {
		t.Fatalf("%q", b)
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "admin", "password": "admin", "outcome": "success"})
	if rows, _ := p.query(t, "SELECT USER()"); rows[0][0] != "admin@localhost" {
		t.Errorf("user %v", rows)
	}
}

func TestPreparedStatements(t *testing.T) {
	d, addr := start(t, nil)
	p := inside(t, addr)
	schema := app(t, p)
	b := p.command(t, 0x16, "SELECT id, login FROM "+schema+".users WHERE id = ? OR login = ?")
	if !isOK(b) {
		t.Fatalf("prepare: %q", b)
	}
	id := b[1:5]
	if columns, params := b[5], b[7]; columns != 2 || params != 2 {
		t.Fatalf("%d columns, %d parameters", columns, params)
	}
	for range 2 + 1 + 2 + 1 {
		p.read(t)
	}
	arg := append(append([]byte{}, id...), 0, 1, 0, 0, 0, 0, 1, 0x08, 0, 0xfd, 0)
	arg = binary.LittleEndian.AppendUint64(arg, 2)
	arg = append(arg, 4, 'n', 'o', 'n', 'e')
	b = p.command(t, 0x17, string(arg))
	if b[0] != 2 {
		t.Fatalf("execute: %q", b)
	}
	for range 3 {
		p.read(t)
	}
	row := p.read(t)
	if row[0] != 0 || binary.LittleEndian.Uint64(row[2:]) != 2 {
		t.Errorf("row %q", row)
	}
	if b := p.read(t); b[0] != 0xfe {
		t.Errorf("end %q", b)
	}
	d.Wait(t, "command", map[string]string{"kind": "execute"})
	if b := p.command(t, 0x17, "\x63\x00\x00\x00\x00\x01\x00\x00\x00"); errorText(b) != "1243 HY000 Unknown prepared statement handler (99) given to mysqld_stmt_execute" {
		t.Errorf("%q", b)
	}
}

func TestAttackersDoNotSeeEachOther(t *testing.T) {
	d, addr := start(t, nil)
	one := inside(t, addr)
	schema := app(t, one)
	if _, problem := one.query(t, "DROP DATABASE "+schema); problem != "" {
		t.Fatal(problem)
	}
	if rows, _ := inside(t, addr).query(t, "SHOW DATABASES LIKE '"+schema+"'"); len(rows) != 0 {
		t.Error("the attacker's own change is forgotten")
	}
	other := greeted(t, d.Dial(t, port)) // from 127.0.0.77
	if b := other.login(t, "root", "root", schema); !isOK(b) {
		t.Errorf("another attacker cannot use %s: %q", schema, b)
	}
}

func TestSleepEndsWithTheServer(t *testing.T) {
	d, addr := start(t, nil)
	p := inside(t, addr)
	p.seq = 0
	p.send(t, []byte("\x03SELECT SLEEP(25)"))
	d.Wait(t, "command", map[string]string{"command": "SELECT SLEEP(25)"})
	from := time.Now()
	d.Stop(t)
	if took := time.Since(from); took > 20*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// client runs a client program of the system.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

func TestCommandLineClient(t *testing.T) {
	for _, cfg := range []services.Config{nil, {"auth_plugin": native}, {"flavor": "mariadb"}} {
		t.Run(fmt.Sprint(cfg), func(t *testing.T) {
			d, addr := start(t, cfg)
			_, p, _ := net.SplitHostPort(addr)
			base := []string{"--no-defaults", "-h127.0.0.1", "-P" + p, "-uroot"}
			out := client(t, "mariadb", append(base, "-proot", "-t", "-e", "show databases; select 1+1 as two; describe mysql.user")...)
			if !strings.Contains(out, "| information_schema |") || !strings.Contains(out, "| two |") || !strings.Contains(out, "authentication_string") {
				t.Errorf("%s", out)
			}
			e := d.Wait(t, "session", nil)
			if e.Value("client_name") != "libmariadb" || e.Value("os") != "Linux" {
				t.Errorf("session %v", e.Fields)
			}
			out = client(t, "mariadb", append(base, "-pwrong")...)
			if !strings.Contains(out, "ERROR 1045 (28000): Access denied for user 'root'@'localhost' (using password: YES)") {
				t.Errorf("%s", out)
			}
		})
	}
}

func TestDump(t *testing.T) {
	_, addr := start(t, services.Config{"flavor": "mariadb"})
	_, p, _ := net.SplitHostPort(addr)
	schema := app(t, inside(t, addr))
	out := client(t, "mariadb-dump", "--no-defaults", "-h127.0.0.1", "-P"+p, "-uroot", "-proot", schema)
	if strings.Count(out, "INSERT INTO") != 4 || !strings.Contains(out, "-- Dump completed") {
		t.Errorf("%s", out)
	}
}

func TestScanners(t *testing.T) {
	d, addr := start(t, services.Config{"auth_plugin": native})
	_, p, _ := net.SplitHostPort(addr)
	list := t.TempDir() + "/words"
	if err := os.WriteFile(list, []byte("toor\n123456\nqwerty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("nmap", func(t *testing.T) {
		out := client(t, "nmap", "-Pn", "-sV", "-p", p, "--script", "+mysql-info", "127.0.0.1")
		for _, part := range []string{"MySQL 8.0.41", "Protocol: 10", "Auth Plugin Name: " + native} {
			if !strings.Contains(out, part) {
				t.Errorf("nmap does not show %q:\n%s", part, out)
			}
		}
	})
	t.Run("hydra", func(t *testing.T) {
		out := client(t, "hydra", "-I", "-t", "1", "-l", "root", "-P", list, "-s", p, "mysql://127.0.0.1")
		if !strings.Contains(out, "password: 123456") {
			t.Errorf("hydra: %s", out)
		}
		d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "123456", "outcome": "success"})
		d.Wait(t, "auth_attempt", map[string]string{"username": "root", "outcome": "failure", "secret_kind": native})
	})
	t.Run("medusa", func(t *testing.T) {
		// It knows the versions up to 5.
		old, addr := start(t, services.Config{"version": "5.7.38-log", "auth_plugin": native})
		_, p, _ := net.SplitHostPort(addr)
		defer old.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "123456"})
		out := client(t, "medusa", "-h", "127.0.0.1", "-n", p, "-u", "root", "-P", list, "-M", "mysql", "-t", "1")
		if !strings.Contains(out, "ACCOUNT FOUND") {
			t.Errorf("medusa: %s", out)
		}
	})
	t.Run("nmap brute", func(t *testing.T) {
		users := t.TempDir() + "/users"
		if err := os.WriteFile(users, []byte("root\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out := client(t, "nmap", "-Pn", "-p", p, "--script", "+mysql-brute", "--script-args", "userdb="+users+",passdb="+list, "127.0.0.1")
		if !strings.Contains(out, "- Valid credentials") {
			t.Errorf("nmap: %s", out)
		}
	})
}

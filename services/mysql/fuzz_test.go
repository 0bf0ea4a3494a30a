package mysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/decnet/decnet/services"
)

func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x0e"))
	f.Add([]byte("\xff\xff\xff\x00abc"))
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x00\x01\x03"))
	f.Add([]byte("\x01\x00\x00\x05\x0e"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := packets{r: bytes.NewReader(in), max: 1 << 24}
		total := 0
		for {
			b, err := p.read()
			total += len(b)
			if total > len(in) {
				t.Fatalf("%d bytes of payload from %d bytes", total, len(in))
			}
			if err != nil {
				return
			}
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	head := func(caps uint32) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, caps), make([]byte, 28)...)
	}
	f.Add(append(head(capProtocol41|capSecure|capPluginAuth), "root\x00\x03abcmysql_native_password\x00"...))
	f.Add(append(head(capProtocol41|capLenencAuth|capConnectAttrs|capPluginAuth|capConnectWithDB), "root\x00\x03abcdb\x00p\x00\x06\x01a\x03bcd"...))
	f.Add(append(head(capProtocol41|capLenencAuth), "root\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"...))
	f.Add([]byte("\x05\x00\x00\x00\x01root\x00pass"))
	f.Fuzz(func(t *testing.T, in []byte) {
		res, _ := parseResponse(in)
		n := len(res.user) + len(res.auth) + len(res.database) + len(res.plugin)
		for _, a := range res.attrs {
			n += len(a.name) + len(a.value)
		}
		if n > len(in) {
			t.Fatalf("%d bytes understood of %d", n, len(in))
		}
	})
}

func FuzzLex(f *testing.F) {
	for _, s := range statements {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		list := lex(sql)
		for i, tok := range list {
			if (tok.kind == tokEnd) != (i == len(list)-1) || tok.pos > len(sql) {
				t.Fatalf("%q: token %d of %d is %+v", sql, i, len(list), tok)
			}
		}
		n := 0
		for _, one := range splitStatements(sql) {
			n += len(one)
		}
		if n > len(sql) {
			t.Fatalf("%q: %d bytes of statements", sql, n)
		}
	})
}

// statements seed the fuzzing of what is behind the log-in.
var statements = []string{
	"select @@version_comment limit 1", "SELECT a.id, b.* FROM users a JOIN orders b ON a.id=b.user_id WHERE a.id IN (1,2) GROUP BY 1 HAVING count(*)>1 ORDER BY 1 DESC LIMIT 1,2",
	"SELECT 1 UNION ALL SELECT (SELECT max(id) FROM users)", "SHOW FULL COLUMNS FROM users LIKE 'i%'", "SHOW VARIABLES WHERE Variable_name='x' OR 1",
	"SET NAMES utf8, @a := 1, @@session.autocommit=0", "INSERT INTO settings(name,value) VALUES ('a',NULL),('b',0x41)", "UPDATE users SET login=concat(login,'x') WHERE id<3 LIMIT 1",
	"CREATE TABLE IF NOT EXISTS t (a int(11) NOT NULL AUTO_INCREMENT, b enum('x','y'), PRIMARY KEY (a)) ENGINE=InnoDB", "DROP TABLE IF EXISTS t, u", "DELETE FROM users",
	"SELECT CASE 1 WHEN 1 THEN 'a' END, if(1,2,3), -1, ~1, !0, 1<=>NULL, 'a' LIKE '%_\\%', cast('1' as char(3))", "SELECT 'a", "/*!40101 SET NAMES utf8 */", "select 1;;select 2 -- x",
	"SELECT extractvalue(1,concat(0x7e,(select group_concat(login separator '|') from users)))", "SELECT load_file('/etc/passwd') INTO OUTFILE '/tmp/a' FIELDS TERMINATED BY ','",
	"SELECT substring(repeat('ab',10),-3,2), lpad('a',5,'xy'), replace('aaa','a','bb'), elt(2,'a','b'), inet_aton('1.2.3.4')", "KILL QUERY 5", "DESCRIBE users", "EXPLAIN SELECT * FROM users",
	"SELECT * FROM (SELECT 1 a) x WHERE EXISTS (SELECT 1) AND a REGEXP '^[a-'", "USE `mysql`", "LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "GRANT ALL ON *.* TO x", "CALL a.b.c(1)", "SELECT ? + ?",
	"SELECT 1 INTO OUTFILE '/a' FIELDS 'x", "CREATE FUNCTION f RETURNS 'x", "CREATE TABLE t (a 'x", "SELECT cast(1 AS 'x",
}

// FuzzQuery runs statements as a client that is logged in would.
func FuzzQuery(f *testing.F) {
	for _, s := range statements {
		f.Add(s)
	}
	made, err := Service{}.New(services.Env{Decky: "fuzz"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	srv := made.(*server)
	f.Fuzz(func(t *testing.T, sql string) {
		if strings.Contains(strings.ToLower(sql), "sleep") {
			t.Skip("waits by design")
		}
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		sess := srv.env.NewSession("mysql", services.NewConn(ours, srv.env.Limits))
		c := &conn{packets: packets{}, srv: srv, session: sess, ctx: context.Background(), stream: sess, user: "root", caps: capProtocol41 | capMultiStatements,
			world: srv.freshWorld(), database: srv.app(), userVars: map[string]value{}, sessionVars: map[string]string{}, statements: map[uint32]*statement{}}
		c.query(sql)
		c.prepare(sql)
		ours.Close()
		theirs.Close()
	})
}

// FuzzCommand sends commands and what belongs to them after the log-in.
func FuzzCommand(f *testing.F) {
	f.Add([]byte("\x0e"))
	f.Add([]byte("\x11root\x00\x01adb\x00\x2d\x00mysql_native_password\x00"))
	f.Add([]byte("\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x08\x00\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add([]byte("\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x0c\x00\x07\xe8\x07\x01\x02\x03\x04\x05"))
	f.Add([]byte("\x03\x01\x01\x00\x01\xfd\x00\x01a\x01bselect 1"))
	f.Add([]byte("\x04users\x00%"))
	f.Add([]byte("\x18\x01\x00\x00\x00\x00\x00abc"))
	f.Add([]byte("\x1b\x00\x00"))
	made, err := Service{}.New(services.Env{Decky: "fuzz"}, services.Config{"auth_plugin": pluginNative})
	if err != nil {
		f.Fatal(err)
	}
	srv := made.(*server)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || bytes.Contains(bytes.ToLower(in), []byte("sleep")) {
			return
		}
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write([]byte("\x00\x00\x00\x01"))
			theirs.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		sess := srv.env.NewSession("mysql", services.NewConn(ours, srv.env.Limits))
		c := &conn{packets: packets{r: sess, max: loginPacket}, srv: srv, session: sess, ctx: context.Background(), stream: sess, user: "root", caps: capProtocol41 | capQueryAttrs | capPluginAuth,
			world: srv.freshWorld(), database: srv.app(), userVars: map[string]value{}, sessionVars: map[string]string{},
			statements: map[uint32]*statement{1: {sql: "SELECT ?", params: 1}}}
		_, _ = c.command(in[0], in[1:])
		ours.Close()
	})
}

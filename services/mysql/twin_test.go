package mysql_test

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
)

// realServer starts MariaDB with an account u, and returns its address.
func realServer(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mariadb-install-db", "mariadbd"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("the twin is compared where mariadb-server is installed")
		}
	}
	dir := t.TempDir()
	data := dir + "/data"
	install := exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+data, "--skip-test-db", "--auth-root-authentication-method=normal")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("mariadbd", "--no-defaults", "--user=root", "--datadir="+data, "--port="+strconv.Itoa(p), "--bind-address=127.0.0.1",
		"--socket="+dir+"/s", "--pid-file="+dir+"/pid", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--skip-log-error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	addr := "127.0.0.1:" + strconv.Itoa(p)
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		} else if time.Now().After(limit) {
			t.Fatal("the twin does not start: ", err)
		}
	}
	sql := "DELETE FROM mysql.global_priv WHERE user=''; FLUSH PRIVILEGES; CREATE USER root@'%' IDENTIFIED BY 'root'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION; DROP USER root@localhost; DROP USER IF EXISTS root@'127.0.0.1'"
	if out, err := exec.Command("mariadb", "--no-defaults", "-S", dir+"/s", "-e", sql).CombinedOutput(); err != nil {
		t.Fatalf("preparing the twin: %v\n%s", err, out)
	}
	return addr
}

// prepared is what both servers get before the statements that are compared.
var prepared = []string{
	"DROP DATABASE IF EXISTS twin", "CREATE DATABASE twin",
	"CREATE TABLE twin.t (id int(11) NOT NULL AUTO_INCREMENT, name varchar(40) NOT NULL, at datetime DEFAULT NULL, PRIMARY KEY (id))",
	"INSERT INTO twin.t (name) VALUES ('a'),('B'),('c')",
}

// compared are statements to which we must answer with the same rows or the same error.
var compared = []string{
	"SELECT 1", "SELECT 1+1, 'a', NULL, 1.5, 7/2, 7 DIV 2, 7%4, -3", "SELECT 'a' 'b', \"c\", 0x41, TRUE, FALSE", "SELECT DATABASE(), USER()", "SELECT CURRENT_USER()", "SELECT @@port > 0, @@autocommit, @@max_connections",
	"selec 1", "select foo", "select * from x", "use nope", "select * from mysql.nope", "select 1 from", "create function xx returns string soname 'a.so'", "create function xx returns string soname '/tmp/a.so'",
	"show tables", "select foo()", "set foo=1", "select @@foo", "drop database nope", "drop table a.b", "insert into a values(1)", "create database mysql", "select abs()", "show foo",
	"insert into twin.t values(1)", "select * from twin.t where foo=1", "select twin.t.foo from twin.t", "select t2.id from twin.t", "kill 99", "select count(*) from twin.t where", "'", "select 'a",
	"select @@secure_file_priv", "select * from (select 1) x", "describe twin.nope", "describe twin.t", "show columns from twin.t", "show create table twin.t", "select 1 union select 1,2", "select id, from twin.t", "drop function x",
	"install plugin a soname 'b.so'", "select sleep(0)", "select *", "", " ", "call p()", "xyz", "select id,name from twin.t", "select * from twin.t order by id desc limit 1", "select count(*), max(id), min(name), sum(id) from twin.t",
	"select name from twin.t where id in (1,3) and name like 'A%'", "select upper(name), length(name), concat(name,'-',id) from twin.t", "select group_concat(name) from twin.t", "select if(1>2,'x','y'), ifnull(null,3), coalesce(null,null,'z')",
	"select case when 1=1 then 'a' end", "select 1 union select 2 union all select 2", "select distinct 1 from twin.t", "select a.id,b.id from twin.t a, twin.t b where a.id<b.id order by 1,2", "select name from twin.t group by name order by name desc",
	"show databases like 'twin'", "show tables from twin", "show variables like 'version_comment_x'", "show variables like 'lower_case_table_names'", "show engines", "show warnings", "select md5('a'), sha1('a'), hex('ab'), unhex('4142'), reverse('abc')",
	"select substring('hello',2,3), left('hello',2), right('hello',2), mid('hello',2,2), substr('hello',-3)", "select lpad('a',3,'xy'), rpad('a',3,'xy'), repeat('ab',2), replace('abab','a','c'), trim('  a ')",
	"select ascii('A'), char(65,66), ord('a'), instr('hello','l'), locate('l','hello'), elt(2,'a','b'), field('b','a','b')", "select floor(1.7), ceil(1.2), round(1.5), pow(2,3), mod(7,3), greatest(1,5,3), least(4,2)",
	"select extractvalue(1,concat(0x7e,'abc'))", "select updatexml(1,concat(0x7e,'abc'),1)", "select 1 where 1=2", "select 1 is null, null is null, null<=>null, 1 between 0 and 2, not 1, 1 xor 1, 5 & 3, 5 | 3, 5 ^ 3, 1<<3",
	"select 'abc' like 'a%', 'abc' like '_b_', 'a' = 'A', 'a' regexp '^[ab]'", "insert into twin.t (name) values ('d')", "insert into twin.t (name,nope) values ('d',1)", "update twin.t set name='e' where id=4", "update twin.t set nope=1", "delete from twin.t where id=4",
	"create database twin", "create table twin.t (a int)", "create table twin.u (a int, b text)", "drop table twin.u", "drop table if exists twin.u", "truncate table twin.v", "use twin", "select database()", "show tables", "select nope()", "select * from nope", "select exists(select 1), (select 2)",
	"select (select 1 union select 2)", "select 1 limit 1,1", "select count(*) from information_schema.schemata where schema_name='twin'", "select table_name from information_schema.tables where table_schema='twin'", "select column_name from information_schema.columns where table_schema='twin' and table_name='t'",
	"select * from information_schema.nope", "set @a=5", "select @a, @b", "set autocommit=0", "select @@autocommit", "set autocommit=1", "set names utf8mb4", "begin", "commit", "select /* comment */ 1 -- more", "select 1 # more", "/*!40101 select 3 */",
	"select version() like '%MariaDB%'", "kill", "grant", "drop", "create", "alter table nope add x int", "select `id` from `twin`.`t` limit 1", "select t.* from t limit 1", "select x.* from t", "select 1 as `a b`", "select id i from t where i = 1", "select id from t having id > 2", "select ~0, !1",
}

var varies = regexp.MustCompile(`'[0-9.]+-MariaDB[^']*'`)

func TestAnswersAsTheRealServer(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, services.Config{"flavor": "mariadb"})
	a, b := inside(t, twin), inside(t, ours)
	for _, sql := range prepared {
		a.query(t, sql)
		if _, problem := b.query(t, sql); problem != "" {
			t.Fatal(sql, problem)
		}
	}
	for _, sql := range compared {
		want, wantProblem := a.query(t, sql)
		got, gotProblem := b.query(t, sql)
		if w, g := fmt.Sprint(want, wantProblem), fmt.Sprint(got, gotProblem); varies.ReplaceAllString(w, "") != varies.ReplaceAllString(g, "") {
			t.Errorf("%s\nreal %s\nours %s", sql, w, g)
		}
	}
}

// TestGreetsAsTheRealServer compares the first packet, but for the version, the number and
// the scramble.
func TestGreetsAsTheRealServer(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, services.Config{"flavor": "mariadb"})
	greeting := func(addr string) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b, err := (&peer{Conn: c}).tryRead()
		if err != nil {
			t.Fatal(err)
		}
		version, rest, _ := strings.Cut(string(b), "\x00")
		if !strings.HasPrefix(version, "\n5.5.5-10.") {
			t.Errorf("version %q", version)
		}
		return fmt.Sprintf("%q %q", rest[12:31], rest[43:])
	}
	if w, g := greeting(twin), greeting(ours); w != g {
		t.Errorf("real %s\nours %s", w, g)
	}
}

// TestRefusesAsTheRealServer compares how log-ins and broken packets are refused.
func TestRefusesAsTheRealServer(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, services.Config{"flavor": "mariadb"})
	for name, talk := range map[string]func(p *peer) []byte{
		"wrong password":   func(p *peer) []byte { return p.login(t, "root", "nope", "") },
		"no password":      func(p *peer) []byte { return p.login(t, "root", "", "") },
		"unknown user":     func(p *peer) []byte { return p.login(t, "nobody", "x", "") },
		"unknown database": func(p *peer) []byte { return p.login(t, "root", "root", "nope") },
		"short packet": func(p *peer) []byte {
			p.send(t, []byte{0x00, 0x02, 0, 0, 0})
			b, _ := p.tryRead()
			return b
		},
		"unknown command": func(p *peer) []byte {
			p.login(t, "root", "root", "")
			return p.command(t, 0x63, "")
		},
		"unknown statement": func(p *peer) []byte {
			p.login(t, "root", "root", "")
			return p.command(t, 0x17, "\x63\x00\x00\x00\x00\x01\x00\x00\x00")
		},
		"ping": func(p *peer) []byte {
			p.login(t, "root", "root", "")
			return p.command(t, 0x0e, "")
		},
		"init db": func(p *peer) []byte {
			p.login(t, "root", "root", "")
			return p.command(t, 2, "nope")
		},
		"ok packet of the log-in": func(p *peer) []byte { return p.login(t, "root", "root", "mysql") },
	} {
		if w, g := talk(connect(t, twin)), talk(connect(t, ours)); string(w) != string(g) {
			t.Errorf("%s: real %q\nours %q", name, w, g)
		}
	}
}

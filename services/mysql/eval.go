package mysql

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSteps and maxBytes bound what one statement may cost.
	maxSteps = 300_000
	maxBytes = 16 << 20
	// maxText bounds one value; the server gives NULL for a longer one.
	maxText = 1 << 20
	// longestSleep bounds what one statement can SLEEP.
	longestSleep = 30 * time.Second
)

var interrupted = fail(3024, "HY000", "Query execution was interrupted, maximum statement execution time exceeded")

// field is a column of a row that expressions can name.
type field struct{ table, name string }

// scope is where names are looked up: a row of some fields, or a group of rows.
type scope struct {
	fields  []field
	row     []value
	group   [][]value // in a grouped query; row is its first
	grouped bool
	outer   *scope
}

// evaluator computes the expressions of one statement.
type evaluator struct {
	c      *conn
	params []value
	clause string // for messages: 'field list', 'where clause'
	steps  int
	bytes  int
	slept  time.Duration
}

func (e *evaluator) spend(bytes int) {
	e.steps++
	e.bytes += bytes
	if e.steps > maxSteps || e.bytes > maxBytes {
		panic(interrupted)
	}
}

func (e *evaluator) eval(x expr, s *scope) value {
	e.spend(0)
	switch x := x.(type) {
	case literal:
		return x.v
	case param:
		if x.n >= 0 && x.n < len(e.params) {
			return e.params[x.n]
		}
		return value{}
	case column:
		return e.column(x, s)
	case variable:
		return e.c.variable(x.name)
	case unary:
		return e.unary(x, s)
	case infix:
		return e.binary(x, s)
	case inList:
		v := e.eval(x.x, s)
		for _, other := range x.list {
			if o := e.eval(other, s); v.kind != nullValue && o.kind != nullValue && compare(v, o) == 0 {
				return integer(1)
			}
		}
		return integer(0)
	case caseOf:
		return e.caseOf(x, s)
	case subquery:
		return e.subquery(x, s)
	case call:
		return e.call(x, s)
	}
	panic(fail(1235, "42000", "This version of %s doesn't yet support '%T'", e.c.srv.flav.product, x))
}

func (e *evaluator) column(x column, s *scope) value {
	name := x.path[len(x.path)-1]
	table := ""
	if len(x.path) > 1 {
		table = x.path[len(x.path)-2]
	}
	for ; s != nil; s = s.outer {
		for i, f := range s.fields {
			if strings.EqualFold(f.name, name) && (table == "" || strings.EqualFold(f.table, table)) {
				if i >= len(s.row) {
					return value{}
				}
				return s.row[i]
			}
		}
	}
	panic(fail(1054, "42S22", "Unknown column '%s' in '%s'", strings.Join(x.path, "."), e.c.srv.flav.clause(e.clause)))
}

func (e *evaluator) unary(x unary, s *scope) value {
	v := e.eval(x.x, s)
	switch x.op {
	case "ISNULL":
		return truth(v.kind == nullValue)
	case "NOT":
		if v.kind == nullValue {
			return v
		}
		return truth(!v.true())
	case "-":
		switch v.kind {
		case nullValue:
			return v
		case intValue:
			return integer(-v.i)
		}
		return real(-v.float())
	case "~":
		return text(strconv.FormatUint(^uint64(v.int()), 10))
	}
	return v
}

func (e *evaluator) binary(x infix, s *scope) value {
	a := e.eval(x.a, s)
	switch x.op {
	case "AND":
		if a.kind != nullValue && !a.true() {
			return integer(0)
		}
		b := e.eval(x.b, s)
		if b.kind != nullValue && !b.true() {
			return integer(0)
		}
		if a.kind == nullValue || b.kind == nullValue {
			return value{}
		}
		return integer(1)
	case "OR":
		if a.true() {
			return integer(1)
		}
		b := e.eval(x.b, s)
		if b.true() {
			return integer(1)
		}
		if a.kind == nullValue || b.kind == nullValue {
			return value{}
		}
		return integer(0)
	case "IN":
		sub := x.b.(subquery)
		_, rows := e.run(sub.sel, s)
		for _, r := range rows {
			if len(r) > 0 && a.kind != nullValue && r[0].kind != nullValue && compare(a, r[0]) == 0 {
				return integer(1)
			}
		}
		return integer(0)
	case ":=":
		b := e.eval(x.b, s)
		if v, ok := x.a.(variable); ok {
			e.c.userVars[strings.ToLower(v.name)] = b
		}
		return b
	}
	b := e.eval(x.b, s)
	if x.op == "<=>" {
		return truth(a.kind == b.kind && a.kind == nullValue || a.kind != nullValue && b.kind != nullValue && compare(a, b) == 0)
	}
	if a.kind == nullValue || b.kind == nullValue {
		return value{}
	}
	switch x.op {
	case "=":
		return truth(compare(a, b) == 0)
	case "<>", "!=":
		return truth(compare(a, b) != 0)
	case "<":
		return truth(compare(a, b) < 0)
	case ">":
		return truth(compare(a, b) > 0)
	case "<=":
		return truth(compare(a, b) <= 0)
	case ">=":
		return truth(compare(a, b) >= 0)
	case "XOR":
		return truth(a.true() != b.true())
	case "LIKE":
		e.spend(len(a.String()))
		return truth(like(a.String(), b.String()))
	case "REGEXP":
		re, err := regexp.Compile("(?is)" + b.String())
		if err != nil || len(b.String()) > 1000 {
			panic(fail(1139, "42000", "Got error 'syntax error' from regexp"))
		}
		e.spend(len(a.String()))
		return truth(re.MatchString(a.String()))
	}
	return arithmetic(x.op, a, b)
}

func arithmetic(op string, a, b value) value {
	whole := a.kind == intValue && b.kind == intValue
	x, y := a.float(), b.float()
	switch op {
	case "+":
		if whole {
			return integer(a.i + b.i)
		}
		return real(x + y)
	case "-":
		if whole {
			return integer(a.i - b.i)
		}
		return real(x - y)
	case "*":
		if whole && math.Abs(x*y) < math.MaxInt64/2 {
			return integer(a.i * b.i)
		}
		return real(x * y)
	case "/":
		if y == 0 {
			return value{}
		}
		if whole {
			return text(strconv.FormatFloat(x/y, 'f', 4, 64))
		}
		return real(x / y)
	case "DIV":
		if y == 0 {
			return value{}
		}
		return integer(int64(x / y))
	case "%", "MOD":
		if y == 0 {
			return value{}
		}
		if whole {
			return integer(a.i % b.i)
		}
		return real(math.Mod(x, y))
	case "|":
		return integer(a.int() | b.int())
	case "&":
		return integer(a.int() & b.int())
	case "^":
		return integer(a.int() ^ b.int())
	case "<<":
		return integer(a.int() << (uint64(b.int()) & 63))
	default:
		return integer(a.int() >> (uint64(b.int()) & 63))
	}
}

func (e *evaluator) caseOf(x caseOf, s *scope) value {
	var v value
	if x.x != nil {
		v = e.eval(x.x, s)
	}
	for _, w := range x.whens {
		when := e.eval(w[0], s)
		if x.x == nil && when.true() || x.x != nil && v.kind != nullValue && when.kind != nullValue && compare(v, when) == 0 {
			return e.eval(w[1], s)
		}
	}
	if x.other == nil {
		return value{}
	}
	return e.eval(x.other, s)
}

func (e *evaluator) subquery(x subquery, s *scope) value {
	cols, rows := e.run(x.sel, s)
	switch {
	case x.exists:
		return truth(len(rows) > 0)
	case len(cols) != 1:
		panic(fail(1241, "21000", "Operand should contain 1 column(s)"))
	case len(rows) > 1:
		panic(fail(1242, "21000", "Subquery returns more than 1 row"))
	case len(rows) == 0:
		return value{}
	}
	return rows[0][0]
}

// aggregates are the functions over groups.
var aggregates = []string{"count", "sum", "avg", "min", "max", "group_concat"}

// aggregated reports whether x contains an aggregate function.
func aggregated(x expr) bool {
	switch x := x.(type) {
	case call:
		return slices.Contains(aggregates, x.name) || slices.ContainsFunc(x.args, aggregated)
	case unary:
		return aggregated(x.x)
	case infix:
		return aggregated(x.a) || aggregated(x.b)
	case inList:
		return aggregated(x.x)
	case caseOf:
		for _, w := range x.whens {
			if aggregated(w[0]) || aggregated(w[1]) {
				return true
			}
		}
		return x.other != nil && aggregated(x.other)
	}
	return false
}

func (e *evaluator) aggregate(x call, s *scope) value {
	if !s.grouped {
		panic(fail(1111, "HY000", "Invalid use of group function"))
	}
	if x.star {
		return integer(int64(len(s.group)))
	}
	if len(x.args) == 0 {
		e.argumentCount(x.name)
	}
	var list []value
	seen := map[string]bool{}
	for _, row := range s.group {
		v := e.eval(x.args[0], &scope{fields: s.fields, row: row, outer: s.outer})
		if x.name == "group_concat" {
			for _, a := range x.args[1:] {
				if p, ok := a.(param); ok && p.n < 0 {
					break
				}
				v = text(v.String() + e.eval(a, &scope{fields: s.fields, row: row, outer: s.outer}).String())
			}
		}
		if v.kind == nullValue || x.distinct && seen[v.String()] {
			continue
		}
		seen[v.String()] = true
		list = append(list, v)
	}
	switch x.name {
	case "count":
		return integer(int64(len(list)))
	case "group_concat":
		sep := ","
		for i, a := range x.args {
			if p, ok := a.(param); ok && p.n < 0 {
				sep = e.eval(x.args[i+1], s).String()
			}
		}
		return e.join(list, sep)
	}
	if len(list) == 0 {
		return value{}
	}
	switch x.name {
	case "min":
		return slices.MinFunc(list, compare)
	case "max":
		return slices.MaxFunc(list, compare)
	}
	sum, whole := 0.0, true
	for _, v := range list {
		sum += v.float()
		whole = whole && v.kind == intValue
	}
	if x.name == "avg" {
		return text(strconv.FormatFloat(sum/float64(len(list)), 'f', 4, 64))
	}
	if whole {
		return integer(int64(sum))
	}
	return real(sum)
}

// join is GROUP_CONCAT, cut at group_concat_max_len.
func (e *evaluator) join(list []value, sep string) value {
	if len(list) == 0 {
		return value{}
	}
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(v.String())
		if b.Len() > 1024 {
			break
		}
	}
	e.spend(b.Len())
	return text(b.String()[:min(b.Len(), 1024)])
}

func (e *evaluator) argumentCount(name string) {
	panic(fail(1582, "42000", "Incorrect parameter count in the call to native function '%s'", name))
}

// arity of the functions, by least and most arguments.
var arity = map[string][2]int{
	"version": {0, 0}, "user": {0, 0}, "current_user": {0, 0}, "session_user": {0, 0}, "system_user": {0, 0}, "database": {0, 0}, "schema": {0, 0},
	"connection_id": {0, 0}, "now": {0, 1}, "sysdate": {0, 1}, "current_timestamp": {0, 1}, "utc_timestamp": {0, 1}, "localtime": {0, 1}, "curdate": {0, 0}, "current_date": {0, 0},
	"curtime": {0, 1}, "current_time": {0, 1}, "unix_timestamp": {0, 1}, "uuid": {0, 0}, "rand": {0, 1}, "pi": {0, 0}, "last_insert_id": {0, 1},
	"row_count": {0, 0}, "found_rows": {0, 0}, "sleep": {1, 1}, "benchmark": {2, 2}, "load_file": {1, 1}, "concat": {1, 64}, "concat_ws": {2, 64},
	"length": {1, 1}, "char_length": {1, 1}, "upper": {1, 1}, "ucase": {1, 1}, "lower": {1, 1}, "lcase": {1, 1}, "hex": {1, 1}, "unhex": {1, 1}, "md5": {1, 1}, "sha": {1, 1},
	"sha1": {1, 1}, "sha2": {2, 2}, "crc32": {1, 1}, "ascii": {1, 1}, "ord": {1, 1}, "char": {1, 64}, "reverse": {1, 1}, "trim": {1, 1}, "ltrim": {1, 1}, "rtrim": {1, 1},
	"left": {2, 2}, "right": {2, 2}, "substring": {2, 3}, "substr": {2, 3}, "mid": {2, 3}, "replace": {3, 3}, "repeat": {2, 2}, "space": {1, 1}, "instr": {2, 2}, "locate": {2, 3},
	"lpad": {3, 3}, "rpad": {3, 3}, "if": {3, 3}, "ifnull": {2, 2}, "nullif": {2, 2}, "coalesce": {1, 64}, "isnull": {1, 1}, "greatest": {2, 64}, "least": {2, 64},
	"abs": {1, 1}, "floor": {1, 1}, "ceil": {1, 1}, "ceiling": {1, 1}, "round": {1, 2}, "mod": {2, 2}, "pow": {2, 2}, "power": {2, 2}, "sqrt": {1, 1}, "sign": {1, 1},
	"cast": {1, 1}, "convert": {1, 1}, "to_base64": {1, 1}, "from_base64": {1, 1}, "elt": {2, 64}, "field": {2, 64}, "extractvalue": {2, 2}, "updatexml": {3, 3},
	"inet_aton": {1, 1}, "format": {2, 2}, "quote": {1, 1}, "date": {1, 1}, "year": {1, 1}, "password": {1, 1}, "bin": {1, 1}, "oct": {1, 1},
	"get_lock": {2, 2}, "release_lock": {1, 1}, "is_free_lock": {1, 1}, "charset": {1, 1}, "collation": {1, 1},
}

func (e *evaluator) call(x call, s *scope) value {
	if slices.Contains(aggregates, x.name) {
		if s == nil {
			s = &scope{}
		}
		return e.aggregate(x, s)
	}
	n, known := arity[x.name]
	if !known || x.name == "password" && !e.c.srv.flav.mariadb {
		name := x.name
		if e.c.database != "" {
			name = e.c.database + "." + name
		}
		panic(fail(1305, "42000", "FUNCTION %s does not exist", name))
	}
	if len(x.args) < n[0] || len(x.args) > n[1] {
		e.argumentCount(strings.ToLower(x.name))
	}
	if x.name == "if" {
		if e.eval(x.args[0], s).true() {
			return e.eval(x.args[1], s)
		}
		return e.eval(x.args[2], s)
	}
	args := make([]value, len(x.args))
	for i, a := range x.args {
		args[i] = e.eval(a, s)
	}
	v := e.function(x.name, args)
	e.spend(len(v.s))
	return v
}

// function computes a function of the session or of its arguments.
func (e *evaluator) function(name string, a []value) value {
	now := e.c.srv.env.Now()
	switch name {
	case "version":
		return text(e.c.srv.version)
	case "user", "session_user", "system_user":
		return text(e.c.user + "@" + e.c.host)
	case "current_user":
		return text(e.c.user + "@%")
	case "database", "schema":
		if e.c.database == "" {
			return value{}
		}
		return text(e.c.database)
	case "connection_id":
		return integer(int64(e.c.id))
	case "now", "sysdate", "current_timestamp", "localtime", "utc_timestamp":
		return text(now.UTC().Format(time.DateTime))
	case "curdate", "current_date":
		return text(now.UTC().Format(time.DateOnly))
	case "curtime", "current_time":
		return text(now.UTC().Format(time.TimeOnly))
	case "unix_timestamp":
		if len(a) == 0 {
			return integer(now.Unix())
		}
		t, err := time.Parse(time.DateTime, a[0].String())
		if err != nil {
			return integer(0)
		}
		return integer(t.Unix())
	case "uuid":
		var b [16]byte
		_, _ = io.ReadFull(e.c.srv.env.Rand, b[:])
		return text(fmt.Sprintf("%x-%x-11ee-%x-%x", b[:4], b[4:6], b[8:10], b[10:]))
	case "rand":
		var b [4]byte
		_, _ = io.ReadFull(e.c.srv.env.Rand, b[:])
		return real(float64(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3])) / (1 << 32))
	case "pi":
		return text("3.141593")
	case "last_insert_id":
		return integer(e.c.insertID)
	case "row_count", "found_rows":
		return integer(e.c.rows)
	case "sleep":
		return e.sleep(a[0])
	case "benchmark", "get_lock", "release_lock", "is_free_lock":
		if name == "benchmark" {
			return integer(0)
		}
		return integer(1)
	case "load_file":
		e.c.loadFile(a[0].String())
		return value{}
	case "coalesce", "ifnull":
		for _, v := range a {
			if v.kind != nullValue {
				return v
			}
		}
		return value{}
	case "isnull":
		return truth(a[0].kind == nullValue)
	case "nullif":
		if a[0].kind != nullValue && a[1].kind != nullValue && compare(a[0], a[1]) == 0 {
			return value{}
		}
		return a[0]
	case "concat_ws":
		var parts []string
		for _, v := range a[1:] {
			if v.kind != nullValue {
				parts = append(parts, v.String())
			}
		}
		return bounded(strings.Join(parts, a[0].String()))
	case "char":
		var b []byte
		for _, v := range a {
			b = append(b, byte(v.int()))
		}
		return text(string(b))
	case "charset":
		return text("utf8mb4")
	case "collation":
		return text("utf8mb4_0900_ai_ci")
	case "extractvalue", "updatexml":
		return e.xpath(a[1])
	}
	if slices.ContainsFunc(a, func(v value) bool { return v.kind == nullValue }) {
		return value{}
	}
	if v, ok := textFunction(name, a); ok {
		return v
	}
	return numberFunction(name, a)
}

// xpath is what extractvalue and updatexml give for a path: the error with which the
// injections that use them read data.
func (e *evaluator) xpath(path value) value {
	p := path.String()
	if p == "" || p[0] == '/' || isWord(p[0]) && p[0] != '~' {
		return text("")
	}
	panic(fail(1105, "HY000", "XPATH syntax error: '%s'", p[:min(len(p), 31)]))
}

func (e *evaluator) sleep(v value) value {
	if v.kind == nullValue || v.float() < 0 {
		if v.kind == nullValue {
			panic(fail(1210, "HY000", "Incorrect arguments to sleep"))
		}
		return integer(0)
	}
	d := time.Duration(min(v.float(), longestSleep.Seconds()) * float64(time.Second))
	d = min(d, longestSleep-e.slept)
	e.slept += d
	e.c.sleep(d)
	return integer(0)
}

// sleep waits, with the world unlocked.
func (c *conn) sleep(d time.Duration) {
	c.world.mu.Unlock()
	defer c.world.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// bounded is s, or NULL when it is too long.
func bounded(s string) value {
	if len(s) > maxText {
		return value{}
	}
	return text(s)
}

func textFunction(name string, a []value) (value, bool) {
	s := a[0].String()
	switch name {
	case "concat":
		n := 0
		for _, v := range a {
			n += len(v.String())
		}
		if n > maxText {
			return value{}, true
		}
		var b strings.Builder
		for _, v := range a {
			b.WriteString(v.String())
		}
		return text(b.String()), true
	case "length":
		return integer(int64(len(s))), true
	case "char_length":
		return integer(int64(len([]rune(s)))), true
	case "upper", "ucase":
		return text(strings.ToUpper(s)), true
	case "lower", "lcase":
		return text(strings.ToLower(s)), true
	case "hex":
		if a[0].kind == intValue {
			return text(strings.ToUpper(strconv.FormatUint(uint64(a[0].i), 16))), true
		}
		return bounded(strings.ToUpper(hex.EncodeToString([]byte(s)))), true
	case "unhex", "from_base64":
		decode := hex.DecodeString
		if name == "from_base64" {
			decode = base64.StdEncoding.DecodeString
		}
		b, err := decode(s)
		if err != nil {
			return value{}, true
		}
		return text(string(b)), true
	case "to_base64":
		return bounded(base64.StdEncoding.EncodeToString([]byte(s))), true
	case "md5":
		sum := md5.Sum([]byte(s))
		return text(hex.EncodeToString(sum[:])), true
	case "sha", "sha1":
		sum := sha1.Sum([]byte(s))
		return text(hex.EncodeToString(sum[:])), true
	case "sha2":
		sum := sha256.Sum256([]byte(s))
		return text(hex.EncodeToString(sum[:])), true
	case "password":
		once := sha1.Sum([]byte(s))
		twice := sha1.Sum(once[:])
		return text("*" + strings.ToUpper(hex.EncodeToString(twice[:]))), true
	case "crc32":
		return integer(int64(crc32.ChecksumIEEE([]byte(s)))), true
	case "ascii", "ord":
		if s == "" {
			return integer(0), true
		}
		return integer(int64(s[0])), true
	case "reverse":
		r := []rune(s)
		slices.Reverse(r)
		return text(string(r)), true
	case "trim":
		return text(strings.Trim(s, " ")), true
	case "ltrim":
		return text(strings.TrimLeft(s, " ")), true
	case "rtrim":
		return text(strings.TrimRight(s, " ")), true
	case "left":
		return text(string([]rune(s)[:clamp(a[1].int(), len([]rune(s)))])), true
	case "right":
		r := []rune(s)
		return text(string(r[len(r)-clamp(a[1].int(), len(r)):])), true
	case "substring", "substr", "mid":
		return text(substring(s, a[1:])), true
	case "replace":
		from, to := a[1].String(), a[2].String()
		if from == "" {
			return a[0], true
		}
		if len(s)+strings.Count(s, from)*max(0, len(to)-len(from)) > maxText {
			return value{}, true
		}
		return text(strings.ReplaceAll(s, from, to)), true
	case "repeat", "space":
		n := a[len(a)-1].int()
		if name == "space" {
			s = " "
		}
		if n <= 0 || s == "" {
			return text(""), true
		}
		if n > maxText || int(n)*len(s) > maxText {
			return value{}, true
		}
		return text(strings.Repeat(s, int(n))), true
	case "instr":
		return integer(int64(strings.Index(strings.ToLower(s), strings.ToLower(a[1].String())) + 1)), true
	case "locate":
		return integer(int64(strings.Index(strings.ToLower(a[1].String()), strings.ToLower(s)) + 1)), true
	case "lpad", "rpad":
		return pad(name == "lpad", s, a[1].int(), a[2].String()), true
	case "elt":
		if n := a[0].int(); n >= 1 && n < int64(len(a)) {
			return a[n], true
		}
		return value{}, true
	case "field":
		for i, v := range a[1:] {
			if compare(a[0], v) == 0 {
				return integer(int64(i + 1)), true
			}
		}
		return integer(0), true
	case "quote":
		return text("'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"), true
	case "date":
		return text(s[:min(len(s), 10)]), true
	case "year":
		return number(s[:min(len(s), 4)]), true
	case "cast", "convert":
		return a[0], true
	}
	return value{}, false
}

func clamp(n int64, size int) int { return int(max(0, min(n, int64(size)))) }

func substring(s string, a []value) string {
	r := []rune(s)
	from := a[0].int()
	if from < 0 {
		from += int64(len(r)) + 1
	}
	if from < 1 || from > int64(len(r)) {
		return ""
	}
	r = r[from-1:]
	if len(a) > 1 {
		r = r[:clamp(a[1].int(), len(r))]
	}
	return string(r)
}

func pad(left bool, s string, n int64, fill string) value {
	if n < 0 || n > maxText {
		return value{}
	}
	if int64(len(s)) >= n {
		return text(s[:n])
	}
	if fill == "" {
		return text("")
	}
	more := strings.Repeat(fill, int(n)/len(fill)+1)[:int(n)-len(s)]
	if left {
		return text(more + s)
	}
	return text(s + more)
}

func numberFunction(name string, a []value) value {
	f := a[0].float()
	switch name {
	case "greatest":
		return slices.MaxFunc(a, compare)
	case "least":
		return slices.MinFunc(a, compare)
	case "abs":
		if a[0].kind == intValue {
			return integer(max(a[0].i, -a[0].i))
		}
		return real(math.Abs(f))
	case "floor":
		return integer(int64(math.Floor(f)))
	case "ceil", "ceiling":
		return integer(int64(math.Ceil(f)))
	case "round":
		if len(a) == 2 {
			return text(strconv.FormatFloat(f, 'f', clamp(a[1].int(), 30), 64))
		}
		return integer(int64(math.Round(f)))
	case "mod":
		return arithmetic("%", a[0], a[1])
	case "pow", "power":
		return real(math.Pow(f, a[1].float()))
	case "sqrt":
		if f < 0 {
			return value{}
		}
		return real(math.Sqrt(f))
	case "sign":
		return integer(int64(compare(a[0], integer(0))))
	case "bin":
		return text(strconv.FormatUint(uint64(a[0].int()), 2))
	case "oct":
		return text(strconv.FormatUint(uint64(a[0].int()), 8))
	case "format":
		return text(strconv.FormatFloat(f, 'f', clamp(a[1].int(), 30), 64))
	case "inet_aton":
		return inetAton(a[0].String())
	}
	return value{}
}

func inetAton(s string) value {
	n := int64(0)
	parts := strings.Split(s, ".")
	for _, p := range parts {
		b, err := strconv.ParseUint(p, 10, 8)
		if err != nil || len(parts) > 4 {
			return value{}
		}
		n = n<<8 | int64(b)
	}
	return integer(n)
}

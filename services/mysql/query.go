package mysql

import (
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// run executes one statement with the world locked. It panics with a *failure.
func (c *conn) run(sql string, params []value) *result {
	p := &parser{sql: sql, tokens: lex(sql), flav: c.srv.flav}
	first := p.peek()
	if first.kind == tokEnd {
		panic(emptyQuery)
	}
	if first.kind != tokWord && !first.is("(") {
		p.fail()
	}
	e := &evaluator{c: c, params: params, clause: "field"}
	switch strings.ToUpper(first.text) {
	case "SELECT", "(":
		return c.runSelect(p, e)
	case "SHOW":
		p.at++
		return c.show(p, e)
	case "DESC", "DESCRIBE", "EXPLAIN":
		p.at++
		if p.peek().is("SELECT") {
			return c.explain(p, e)
		}
		return c.showColumns(c.table(p.path()), false)
	case "USE":
		p.at++
		name := p.name()
		p.end()
		c.use(name)
		return &result{}
	case "SET":
		return c.set(p, e)
	case "BEGIN", "START":
		c.transaction = true
		return &result{}
	case "COMMIT", "ROLLBACK":
		c.transaction = false
		return &result{}
	case "SAVEPOINT", "RELEASE", "LOCK", "UNLOCK", "FLUSH", "ANALYZE", "OPTIMIZE", "RESET", "XA", "DO", "HANDLER", "PURGE":
		return &result{}
	case "INSERT", "REPLACE":
		return c.insert(p, e)
	case "UPDATE":
		return c.update(p, e)
	case "DELETE":
		return c.delete(p, e)
	case "TRUNCATE":
		return c.truncate(p)
	case "CREATE":
		return c.create(p)
	case "DROP":
		return c.drop(p)
	case "ALTER":
		return c.alter(p)
	case "GRANT", "REVOKE", "RENAME":
		p.at++
		if p.peek().kind == tokEnd {
			p.fail()
		}
		return &result{}
	case "LOAD":
		return c.load(p)
	case "INSTALL":
		c.installPlugin(p)
	case "KILL":
		p.at++
		_ = p.accept("QUERY") || p.accept("CONNECTION")
		id := e.eval(p.expr(), nil).int()
		if id == int64(c.id) {
			panic(fail(1317, "70100", "Query execution was interrupted"))
		}
		panic(fail(1094, "HY000", "Unknown thread id: %d", id))
	case "CALL":
		p.at++
		path := p.path()
		if len(path) == 1 {
			if c.database == "" {
				panic(noDatabase)
			}
			path = []string{c.database, path[0]}
		}
		panic(fail(1305, "42000", "PROCEDURE %s does not exist", strings.Join(path, ".")))
	case "PREPARE", "EXECUTE", "DEALLOCATE":
		panic(fail(1295, "HY000", "This command is not supported in the prepared statement protocol yet"))
	case "SHUTDOWN":
		panic(fail(1227, "42000", "Access denied; you need (at least one of) the SHUTDOWN privilege(s) for this operation"))
	}
	p.fail()
	return nil
}

func (c *conn) runSelect(p *parser, e *evaluator) *result {
	paren := p.accept("(")
	sel := p.selection()
	if paren {
		p.expect(")")
		p.unions(sel)
		p.orderAndLimit(sel)
	}
	p.end()
	names, rows := e.run(sel, nil)
	if sel.into {
		return &result{affected: int64(len(rows))}
	}
	return &result{columns: names, rows: rows}
}

func (c *conn) explain(p *parser, e *evaluator) *result {
	sel := p.selection()
	p.end()
	name, n := value{}, value{}
	if len(sel.from) > 0 && sel.from[0].sub == nil {
		t := c.table(sel.from[0].path)
		name, n = text(t.name), integer(int64(len(t.rows)))
	}
	e.run(sel, nil)
	return &result{
		columns: []string{"id", "select_type", "table", "partitions", "type", "possible_keys", "key", "key_len", "ref", "rows", "filtered", "Extra"},
		rows:    [][]value{{integer(1), text("SIMPLE"), name, {}, text("ALL"), {}, {}, {}, {}, n, text("100.00"), {}}},
	}
}

// find splits the path of a table, and returns its database.
func (c *conn) find(path []string) (*database, string) {
	name := path[len(path)-1]
	db := c.database
	if len(path) > 1 {
		db = path[len(path)-2]
	}
	if db == "" {
		panic(noDatabase)
	}
	d := c.world.database(db)
	if d == nil {
		if len(path) > 1 {
			panic(fail(1049, "42000", "Unknown database '%s'", db))
		}
		panic(noDatabase)
	}
	return d, name
}

// table returns the table or view at path.
func (c *conn) table(path []string) *table {
	d, name := c.find(path)
	if t := d.tables[strings.ToLower(name)]; t != nil {
		return t
	}
	if isView(d.name) {
		if t := c.view(d.name, strings.ToLower(name)); t != nil {
			return t
		}
		if strings.EqualFold(d.name, "information_schema") {
			if !c.srv.flav.mariadb {
				name = strings.ToUpper(name)
			}
			panic(fail(1109, "42S02", "Unknown table '%s' in information_schema", name))
		}
	}
	panic(fail(1146, "42S02", "Table '%s.%s' doesn't exist", d.name, name))
}

// writable returns a base table at path.
func (c *conn) writable(path []string) *table {
	if d, _ := c.find(path); isView(d.name) {
		panic(fail(1044, "42000", "Access denied for user '%s'@'%%' to database '%s'", c.user, d.name))
	}
	return c.table(path)
}

func (t *table) column(name string) int {
	return slices.IndexFunc(t.columns, func(col columnType) bool { return strings.EqualFold(col.name, name) })
}

func (t *table) fields() []field {
	out := make([]field, len(t.columns))
	for i, col := range t.columns {
		out[i] = field{t.name, col.name}
	}
	return out
}

func (c *conn) insert(p *parser, e *evaluator) *result {
	p.at++
	for p.accept("IGNORE") || p.accept("LOW_PRIORITY") || p.accept("DELAYED") || p.accept("INTO") {
	}
	path := p.path()
	t := c.writable(path)
	var at []int
	if p.peek().is("(") && !p.tokens[min(p.at+1, len(p.tokens)-1)].is("SELECT") {
		p.at++
		for !p.accept(")") {
			name := p.name()
			i := t.column(name)
			if i < 0 {
				panic(fail(1054, "42S22", "Unknown column '%s' in '%s'", name, c.insertClause()))
			}
			at = append(at, i)
			if !p.peek().is(")") {
				p.expect(",")
			}
		}
	} else {
		for i := range t.columns {
			at = append(at, i)
		}
	}
	var rows [][]value
	switch {
	case p.accept("VALUES"), p.accept("VALUE"):
		for {
			p.expect("(")
			var row []value
			for !p.accept(")") {
				if p.accept("DEFAULT") {
					row = append(row, value{})
				} else {
					row = append(row, e.eval(p.expr(), nil))
				}
				if !p.peek().is(")") {
					p.expect(",")
				}
			}
			rows = append(rows, row)
			if !p.accept(",") {
				break
			}
		}
	case p.peek().is("SELECT"):
		_, rows = e.run(p.selection(), nil)
	case p.accept("SET"):
		at = nil
		var row []value
		for {
			i := t.column(p.name())
			p.expect("=")
			if i < 0 {
				p.fail()
			}
			at, row = append(at, i), append(row, e.eval(p.expr(), nil))
			if !p.accept(",") {
				break
			}
		}
		rows = [][]value{row}
	default:
		p.fail()
	}
	r := &result{}
	for n, row := range rows {
		if len(row) != len(at) {
			panic(fail(1136, "21S01", "Column count doesn't match value count at row %d", n+1))
		}
		full := make([]value, len(t.columns))
		size := 0
		for i, v := range row {
			full[at[i]] = v
			size += len(v.s) + cellSize
		}
		for i, col := range t.columns {
			if col.extra == "auto_increment" && full[i].kind == nullValue {
				t.next = max(t.next, 1)
				full[i] = integer(t.next)
				t.next++
				if r.insertID == 0 {
					r.insertID = full[i].i
				}
			}
		}
		if !c.world.room(size) {
			panic(fail(1114, "HY000", "The table '%s' is full", t.name))
		}
		t.rows = append(slices.Clip(t.rows), full)
		r.affected++
	}
	if len(rows) > 1 {
		r.info = "Records: " + itoa(r.affected) + "  Duplicates: 0  Warnings: 0"
	}
	return r
}

func (c *conn) insertClause() string {
	if c.srv.flav.mariadb {
		return "INSERT INTO"
	}
	return "field list"
}

func (c *conn) update(p *parser, e *evaluator) *result {
	p.at++
	t := c.writable(p.path())
	p.expect("SET")
	type assignment struct {
		at int
		e  expr
	}
	var list []assignment
	for {
		path := p.path()
		i := t.column(path[len(path)-1])
		if i < 0 {
			panic(fail(1054, "42S22", "Unknown column '%s' in '%s'", strings.Join(path, "."), c.srv.flav.clause("set")))
		}
		p.expect("=")
		list = append(list, assignment{i, p.expr()})
		if !p.accept(",") {
			break
		}
	}
	chosen := c.chosen(p, e, t)
	rows := slices.Clone(t.rows)
	changed := int64(0)
	for i, hit := range chosen {
		if !hit {
			continue
		}
		row := slices.Clone(rows[i])
		differs := false
		for _, a := range list {
			v := e.eval(a.e, &scope{fields: t.fields(), row: rows[i]})
			if !c.world.room(max(0, len(v.s)-len(row[a.at].s))) {
				panic(fail(1114, "HY000", "The table '%s' is full", t.name))
			}
			differs = differs || v != row[a.at]
			row[a.at] = v
		}
		if differs {
			changed++
		}
		rows[i] = row
	}
	t.rows = rows
	matched := int64(0)
	for _, hit := range chosen {
		if hit {
			matched++
		}
	}
	return &result{affected: changed, info: "Rows matched: " + itoa(matched) + "  Changed: " + itoa(changed) + "  Warnings: 0"}
}

// chosen reads WHERE, ORDER BY and LIMIT to the end of the statement, and tells which
// rows of t they mean.
func (c *conn) chosen(p *parser, e *evaluator, t *table) []bool {
	sel := &selection{limit: -1}
	if p.accept("WHERE") {
		sel.where = p.expr()
	}
	p.orderAndLimit(sel)
	p.end()
	hits := make([]bool, len(t.rows))
	left := sel.limit
	e.clause = "where"
	for i, row := range t.rows {
		if left == 0 {
			break
		}
		if sel.where == nil || e.eval(sel.where, &scope{fields: t.fields(), row: row}).true() {
			hits[i] = true
			left--
		}
	}
	e.clause = "field"
	return hits
}

func (c *conn) delete(p *parser, e *evaluator) *result {
	p.at++
	p.expect("FROM")
	t := c.writable(p.path())
	hits := c.chosen(p, e, t)
	var kept [][]value
	for i, row := range t.rows {
		if !hits[i] {
			kept = append(kept, row)
		}
	}
	n := len(t.rows) - len(kept)
	t.rows = kept
	return &result{affected: int64(n)}
}

func (c *conn) truncate(p *parser) *result {
	p.at++
	p.accept("TABLE")
	t := c.writable(p.path())
	p.end()
	t.rows, t.next = nil, 1
	return &result{}
}

func (c *conn) create(p *parser) *result {
	p.at++
	for p.accept("OR") || p.accept("REPLACE") || p.accept("TEMPORARY") || p.accept("AGGREGATE") || p.accept("UNIQUE") {
	}
	switch {
	case p.accept("DATABASE"), p.accept("SCHEMA"):
		exists := p.accept("IF", "NOT", "EXISTS")
		name := p.name()
		switch {
		case c.world.database(name) != nil && exists:
			return &result{affected: 1, warnings: 1}
		case c.world.database(name) != nil:
			panic(fail(1007, "HY000", "Can't create database '%s'; database exists", name))
		case !c.world.room(1024 + len(name)):
			panic(fail(1030, "HY000", "Got error 28 - 'No space left on device' from storage engine"))
		}
		c.world.dbs[strings.ToLower(name)] = newDatabase(name)
		return &result{affected: 1}
	case p.accept("TABLE"):
		return c.createTable(p)
	case p.accept("FUNCTION"):
		c.createFunction(p)
	case p.accept("USER"), p.accept("INDEX"), p.accept("VIEW"), p.accept("PROCEDURE"), p.accept("TRIGGER"), p.accept("EVENT"), p.accept("ROLE"), p.accept("SERVER"):
		if p.peek().kind == tokEnd {
			p.fail()
		}
		return &result{}
	}
	p.fail()
	return nil
}

func (c *conn) createTable(p *parser) *result {
	exists := p.accept("IF", "NOT", "EXISTS")
	d, name := c.find(p.path())
	if isView(d.name) {
		panic(fail(1044, "42000", "Access denied for user '%s'@'%%' to database '%s'", c.user, d.name))
	}
	t := &table{name: name, next: 1}
	if p.accept("(") {
		for {
			c.columnOrKey(p, t)
			if p.accept(")") {
				break
			}
			p.expect(",")
		}
	}
	if len(t.columns) == 0 && !p.peek().is("AS") && !p.peek().is("SELECT") && !p.peek().is("LIKE") {
		panic(fail(1113, "42000", "A table must have at least 1 column"))
	}
	switch {
	case d.tables[strings.ToLower(name)] != nil && exists:
		return &result{warnings: 1}
	case d.tables[strings.ToLower(name)] != nil:
		panic(fail(1050, "42S01", "Table '%s' already exists", name))
	case !c.world.room(2048 + len(p.sql)):
		panic(fail(1030, "HY000", "Got error 28 - 'No space left on device' from storage engine"))
	}
	d.add(t)
	return &result{}
}

// columnOrKey reads one line of CREATE TABLE.
func (c *conn) columnOrKey(p *parser, t *table) {
	first := p.peek()
	isKey := first.kind == tokWord && slices.Contains([]string{"PRIMARY", "KEY", "INDEX", "UNIQUE", "CONSTRAINT", "FOREIGN", "FULLTEXT", "CHECK"}, strings.ToUpper(first.text))
	col := columnType{null: true}
	if !isKey {
		col.name = p.name()
		if p.peek().kind != tokWord {
			p.fail()
		}
	}
	depth, typed := 0, false
	kind := map[string]string{"PRIMARY": "PRI", "UNIQUE": "UNI", "KEY": "MUL", "INDEX": "MUL"}[strings.ToUpper(first.text)]
	for ; depth > 0 || !p.peek().is(",") && !p.peek().is(")"); p.at++ {
		tok := p.peek()
		switch {
		case tok.kind == tokEnd || tok.kind == tokBad:
			p.fail()
		case tok.is("("):
			depth++
		case tok.is(")"):
			depth--
		case isKey:
			if i := t.column(tok.text); depth == 1 && i >= 0 && kind != "" {
				t.columns[i].key = kind
				t.columns[i].null = t.columns[i].null && kind != "PRI"
			}
		case tok.is("NOT"):
			col.null = false
		case tok.is("PRIMARY"):
			col.key, col.null = "PRI", false
		case tok.is("UNIQUE"):
			col.key = "UNI"
		case tok.is("AUTO_INCREMENT"):
			col.extra = "auto_increment"
		}
		if !typed {
			col.typ += strings.ToLower(tok.text)
			next := p.tokens[min(p.at+1, len(p.tokens)-1)]
			typed = depth == 0 && !next.is("(")
		}
	}
	if !isKey {
		t.columns = append(t.columns, col)
	}
}

// createFunction records a function that lives in a library, and fails as where the
// library is not there.
func (c *conn) createFunction(p *parser) {
	p.accept("IF", "NOT", "EXISTS")
	name := p.path()
	for p.peek().kind != tokEnd {
		if p.accept("SONAME") {
			t := p.next()
			if t.kind != tokString {
				p.at--
				p.fail()
			}
			c.session.Warn("udf_attempt", decnet.F("function", name[len(name)-1]), decnet.F("library", t.text))
			panic(c.noLibrary(t.text, false))
		}
		p.at++
	}
	panic(fail(1419, "HY000", "You do not have the SUPER privilege and binary logging is enabled (you *might* want to use the less safe log_bin_trust_function_creators variable)"))
}

func (c *conn) installPlugin(p *parser) {
	p.at++
	p.expect("PLUGIN")
	name := p.name()
	p.expect("SONAME")
	t := p.next()
	if t.kind != tokString {
		p.at--
		p.fail()
	}
	c.session.Warn("udf_attempt", decnet.F("plugin", name), decnet.F("library", t.text))
	panic(c.noLibrary(t.text, true))
}

func (c *conn) noLibrary(lib string, plugin bool) *failure {
	if strings.Contains(lib, "/") {
		return fail(1124, "HY000", "No paths allowed for shared library")
	}
	dir := c.srv.vars["plugin_dir"]
	switch {
	case c.srv.flav.mariadb && plugin:
		lib = dir + lib
		fallthrough
	case c.srv.flav.mariadb:
		return fail(1126, "HY000", "Can't open shared library '%s' (errno: 2, cannot open shared object file: No such file or directory)", lib)
	}
	return fail(1126, "HY000", "Can't open shared library '%s' (errno: 2 %s: cannot open shared object file: No such file or directory)", dir+lib, dir+lib)
}

func (c *conn) drop(p *parser) *result {
	p.at++
	p.accept("TEMPORARY")
	switch {
	case p.accept("DATABASE"), p.accept("SCHEMA"):
		exists := p.accept("IF", "EXISTS")
		name := p.name()
		p.end()
		d := c.world.database(name)
		switch {
		case d == nil && exists:
			return &result{warnings: 1}
		case d == nil:
			panic(fail(1008, "HY000", "Can't drop database '%s'; database doesn't exist", name))
		case isView(name):
			panic(fail(1044, "42000", "Access denied for user '%s'@'%%' to database '%s'", c.user, name))
		case strings.EqualFold(name, "mysql") && !c.srv.flav.mariadb:
			panic(fail(3552, "HY000", "Access to system schema 'mysql' is rejected."))
		}
		delete(c.world.dbs, strings.ToLower(name))
		if strings.EqualFold(c.database, name) {
			c.database = ""
		}
		return &result{affected: int64(len(d.tables))}
	case p.accept("TABLE"), p.accept("TABLES"), p.accept("VIEW"):
		exists := p.accept("IF", "EXISTS")
		var unknown []string
		for {
			path := p.path()
			if len(path) == 1 && c.database == "" {
				panic(noDatabase)
			}
			db := c.database
			if len(path) > 1 {
				db = path[len(path)-2]
			}
			name := path[len(path)-1]
			if d := c.world.database(db); d != nil && d.tables[strings.ToLower(name)] != nil {
				delete(d.tables, strings.ToLower(name))
			} else {
				unknown = append(unknown, db+"."+name)
			}
			if !p.accept(",") {
				break
			}
		}
		if len(unknown) > 0 && !exists {
			panic(fail(1051, "42S02", "Unknown table '%s'", strings.Join(unknown, ",")))
		}
		return &result{warnings: uint16(min(len(unknown), 100))}
	case p.accept("FUNCTION"), p.accept("PROCEDURE"):
		if p.accept("IF", "EXISTS") {
			return &result{warnings: 1}
		}
		path := p.path()
		if len(path) == 1 {
			if c.database == "" {
				panic(fail(1305, "42000", "FUNCTION (UDF) %s does not exist", path[0]))
			}
			path = []string{c.database, path[0]}
		}
		panic(fail(1305, "42000", "FUNCTION %s does not exist", strings.Join(path, ".")))
	case p.accept("USER"), p.accept("INDEX"), p.accept("TRIGGER"), p.accept("EVENT"), p.accept("ROLE"):
		if p.peek().kind == tokEnd {
			p.fail()
		}
		return &result{}
	}
	p.fail()
	return nil
}

func (c *conn) alter(p *parser) *result {
	p.at++
	switch {
	case p.accept("TABLE"):
		c.writable(p.path())
	case p.accept("DATABASE"), p.accept("SCHEMA"), p.accept("USER"):
	default:
		p.fail()
	}
	if p.peek().kind == tokEnd {
		p.fail()
	}
	return &result{}
}

// load records LOAD DATA. The server has no file to read, and asks no client for one.
func (c *conn) load(p *parser) *result {
	p.at++
	if !p.accept("DATA") && !p.accept("XML") {
		p.fail()
	}
	local := false
	for p.accept("LOW_PRIORITY") || p.accept("CONCURRENT") {
	}
	if p.accept("LOCAL") {
		local = true
	}
	p.expect("INFILE")
	t := p.next()
	if t.kind != tokString {
		p.at--
		p.fail()
	}
	c.session.Warn("file_access", decnet.F("operation", "load_data"), decnet.F("path", t.text), decnet.F("local", boolText(local)))
	if local && c.srv.flav.mariadb {
		panic(fail(4166, "HY000", "The used command is not allowed because the MariaDB server or client has disabled the local infile capability"))
	}
	if local {
		panic(fail(3948, "42000", "Loading local data is disabled; this must be enabled on both the client and server sides"))
	}
	if c.srv.flav.mariadb {
		panic(fail(29, "HY000", "File '%s' not found (Errcode: 13 \"Permission denied\")", t.text))
	}
	panic(c.securePriv())
}

func (c *conn) securePriv() *failure {
	return fail(1290, "HY000", "The %s server is running with the --secure-file-priv option so it cannot execute this statement", c.srv.flav.product)
}

// loadFile records LOAD_FILE, which gives NULL for what it may not read.
func (c *conn) loadFile(path string) {
	c.session.Warn("file_access", decnet.F("operation", "load_file"), decnet.F("path", path))
}

// writeFile records SELECT … INTO OUTFILE, with what would have been written. MySQL's
// packages forbid it, MariaDB's do not.
func (c *conn) writeFile(sel *selection) {
	c.session.Warn("file_access", decnet.F("operation", "outfile"), decnet.F("path", sel.outfile))
	var content []byte
	for _, it := range sel.items {
		if l, ok := it.e.(literal); ok {
			content = append(content, l.v.String()...)
		}
	}
	if len(content) > 0 {
		_, _ = c.session.CaptureBytes(c.ctx, sel.outfile, content, decnet.F("operation", "outfile"))
	}
	if !c.srv.flav.mariadb {
		panic(c.securePriv())
	}
}

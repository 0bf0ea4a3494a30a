package mysql

import (
	"strings"
)

// filter is what may end a SHOW: LIKE or WHERE.
type filter struct {
	like  string
	given bool
	where expr
}

func (p *parser) filter() filter {
	var f filter
	switch {
	case p.accept("LIKE"):
		t := p.next()
		if t.kind != tokString {
			p.at--
			p.fail()
		}
		f.like, f.given = t.text, true
	case p.accept("WHERE"):
		f.where = p.expr()
	}
	p.end()
	return f
}

// filtered keeps the rows whose first column fits.
func (e *evaluator) filtered(r *result, f filter) *result {
	fields := make([]field, len(r.columns))
	for i, n := range r.columns {
		fields[i] = field{name: n}
	}
	e.clause = "where"
	var kept [][]value
	for _, row := range r.rows {
		if f.given && !like(row[0].String(), f.like) || f.where != nil && !e.eval(f.where, &scope{fields: fields, row: row}).true() {
			continue
		}
		kept = append(kept, row)
	}
	r.rows = kept
	return r
}

// nameRows is a result of one column.
func nameRows(column string, names []string) *result {
	r := &result{columns: []string{column}}
	for _, n := range names {
		r.rows = append(r.rows, []value{text(n)})
	}
	return r
}

// fromDatabase reads FROM db, or takes the current one.
func (c *conn) fromDatabase(p *parser) *database {
	name := c.database
	if p.accept("FROM") || p.accept("IN") {
		name = p.name()
	}
	if name == "" {
		panic(noDatabase)
	}
	d := c.world.database(name)
	if d == nil {
		panic(fail(1049, "42000", "Unknown database '%s'", name))
	}
	return d
}

func (c *conn) show(p *parser, e *evaluator) *result {
	for p.accept("GLOBAL") || p.accept("SESSION") || p.accept("LOCAL") {
	}
	full := p.accept("FULL") || p.accept("EXTENDED", "FULL")
	switch {
	case p.accept("DATABASES"), p.accept("SCHEMAS"):
		f := p.filter()
		name := "Database"
		if f.given {
			name = "Database (" + f.like + ")"
		}
		return e.filtered(nameRows(name, c.world.names()), f)
	case p.accept("TABLES"):
		d := c.fromDatabase(p)
		f := p.filter()
		name := "Tables_in_" + d.name
		if f.given {
			name += " (" + f.like + ")"
		}
		r := nameRows(name, c.tableNames(d))
		if full {
			r.columns = append(r.columns, "Table_type")
			for i := range r.rows {
				r.rows[i] = append(r.rows[i], text(tableType(d)))
			}
		}
		return e.filtered(r, f)
	case p.accept("TABLE", "STATUS"):
		d := c.fromDatabase(p)
		return e.filtered(tableStatus(c, d), p.filter())
	case p.accept("COLUMNS"), p.accept("FIELDS"):
		if !p.accept("FROM") && !p.accept("IN") {
			p.fail()
		}
		path := p.path()
		if p.accept("FROM") || p.accept("IN") {
			path = []string{p.name(), path[len(path)-1]}
		}
		return e.filtered(c.showColumns(c.table(path), full), p.filter())
	case p.accept("CREATE", "TABLE"):
		t := c.table(p.path())
		return &result{columns: []string{"Table", "Create Table"}, rows: [][]value{{text(t.name), text(c.createText(t))}}}
	case p.accept("CREATE", "DATABASE"), p.accept("CREATE", "SCHEMA"):
		d := c.world.database(p.name())
		if d == nil {
			panic(fail(1049, "42000", "Unknown database '%s'", p.tokens[p.at-1].text))
		}
		return &result{columns: []string{"Database", "Create Database"}, rows: [][]value{{text(d.name), text("CREATE DATABASE `" + d.name + "` /*!40100 DEFAULT CHARACTER SET utf8mb4 */")}}}
	case p.accept("INDEX"), p.accept("INDEXES"), p.accept("KEYS"):
		if !p.accept("FROM") && !p.accept("IN") {
			p.fail()
		}
		return indexes(c.table(p.path()))
	case p.accept("VARIABLES"):
		return e.filtered(&result{columns: []string{"Variable_name", "Value"}, rows: c.listVariables()}, p.filter())
	case p.accept("STATUS"):
		return e.filtered(&result{columns: []string{"Variable_name", "Value"}, rows: c.listStatus()}, p.filter())
	case p.accept("PROCESSLIST"):
		return c.processList(p.sql)
	case p.accept("GRANTS"):
		return c.grants()
	case p.accept("WARNINGS"), p.accept("ERRORS"):
		return &result{columns: []string{"Level", "Code", "Message"}}
	case p.accept("ENGINES"), p.accept("STORAGE", "ENGINES"):
		return engines(c.srv.flav)
	case p.accept("PLUGINS"):
		return &result{columns: []string{"Name", "Status", "Type", "Library", "License"}, rows: [][]value{
			{text("binlog"), text("ACTIVE"), text("STORAGE ENGINE"), {}, text("GPL")},
			{text(pluginNative), text("ACTIVE"), text("AUTHENTICATION"), {}, text("GPL")},
			{text(c.srv.plugin), text("ACTIVE"), text("AUTHENTICATION"), {}, text("GPL")},
			{text("InnoDB"), text("ACTIVE"), text("STORAGE ENGINE"), {}, text("GPL")},
		}}
	case p.accept("CHARACTER", "SET"), p.accept("CHARSET"):
		return e.filtered(charsets(), p.filter())
	case p.accept("COLLATION"):
		return e.filtered(collations(), p.filter())
	case p.accept("MASTER", "STATUS"), p.accept("BINARY", "LOGS"), p.accept("MASTER", "LOGS"):
		return &result{columns: []string{"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB"}}
	case p.accept("SLAVE", "STATUS"), p.accept("REPLICA", "STATUS"), p.accept("SLAVE", "HOSTS"):
		return &result{columns: []string{"Slave_IO_State", "Master_Host", "Master_User", "Master_Port"}}
	case p.accept("TRIGGERS"), p.accept("EVENTS"), p.accept("OPEN", "TABLES"):
		return &result{columns: []string{"Database", "Name"}}
	case p.accept("PROCEDURE", "STATUS"), p.accept("FUNCTION", "STATUS"):
		return &result{columns: []string{"Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"}}
	case p.accept("PRIVILEGES"):
		return &result{columns: []string{"Privilege", "Context", "Comment"}, rows: [][]value{{text("Select"), text("Tables"), text("To retrieve rows from table")}}}
	case p.accept("COUNT"):
		return &result{columns: []string{"@@session.warning_count"}, rows: [][]value{{integer(0)}}}
	}
	p.fail()
	return nil
}

func (c *conn) showColumns(t *table, full bool) *result {
	r := &result{columns: []string{"Field", "Type", "Null", "Key", "Default", "Extra"}}
	if full {
		r.columns = []string{"Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"}
	}
	for _, col := range t.columns {
		null := "NO"
		if col.null {
			null = "YES"
		}
		row := []value{text(col.name), text(col.typ), text(null), text(col.key), {}, text(col.extra)}
		if full {
			row = []value{text(col.name), text(col.typ), {}, text(null), text(col.key), {}, text(col.extra), text("select,insert,update,references"), text("")}
		}
		r.rows = append(r.rows, row)
	}
	return r
}

// createText is SHOW CREATE TABLE.
func (c *conn) createText(t *table) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE `" + t.name + "` (\n")
	var keys []string
	for i, col := range t.columns {
		b.WriteString("  `" + col.name + "` " + col.typ)
		switch {
		case !col.null:
			b.WriteString(" NOT NULL")
		case col.extra == "":
			b.WriteString(" DEFAULT NULL")
		}
		if col.extra != "" {
			b.WriteString(" " + strings.ToUpper(col.extra))
		}
		switch col.key {
		case "PRI":
			keys = append(keys, "PRIMARY KEY (`"+col.name+"`)")
		case "UNI":
			keys = append(keys, "UNIQUE KEY `"+col.name+"` (`"+col.name+"`)")
		case "MUL":
			keys = append(keys, "KEY `"+col.name+"` (`"+col.name+"`)")
		}
		if i+1 < len(t.columns) || len(keys) > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	for i, k := range keys {
		b.WriteString("  " + k)
		if i+1 < len(keys) {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString(") ENGINE=InnoDB")
	if t.next > 1 {
		b.WriteString(" AUTO_INCREMENT=" + itoa(t.next))
	}
	b.WriteString(" DEFAULT CHARSET=utf8mb4 COLLATE=" + c.srv.vars["collation_server"])
	return b.String()
}

func tableType(d *database) string {
	if strings.EqualFold(d.name, "information_schema") {
		return "SYSTEM VIEW"
	}
	return "BASE TABLE"
}

func tableStatus(c *conn, d *database) *result {
	r := &result{columns: []string{"Name", "Engine", "Version", "Row_format", "Rows", "Avg_row_length", "Data_length", "Max_data_length", "Index_length", "Data_free", "Auto_increment", "Create_time", "Update_time", "Check_time", "Collation", "Checksum", "Create_options", "Comment"}}
	for _, name := range d.names() {
		t := d.tables[strings.ToLower(name)]
		next := value{}
		if t.next > 0 {
			next = integer(t.next)
		}
		r.rows = append(r.rows, []value{text(t.name), text("InnoDB"), integer(10), text("Dynamic"), integer(int64(len(t.rows))), integer(16384 / int64(max(1, len(t.rows)))), integer(16384), integer(0), integer(0), integer(0), next, text(c.srv.created()), {}, {}, text(c.srv.vars["collation_server"]), {}, text(""), text("")})
	}
	return r
}

func indexes(t *table) *result {
	r := &result{columns: []string{"Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name", "Collation", "Cardinality", "Sub_part", "Packed", "Null", "Index_type", "Comment", "Index_comment"}}
	for _, col := range t.columns {
		name, many := col.name, integer(1)
		switch col.key {
		case "":
			continue
		case "PRI":
			name, many = "PRIMARY", integer(0)
		case "UNI":
			many = integer(0)
		}
		r.rows = append(r.rows, []value{text(t.name), many, text(name), integer(1), text(col.name), text("A"), integer(int64(len(t.rows))), {}, {}, text(""), text("BTREE"), text(""), text("")})
	}
	return r
}

// processList shows the scheduler and the connection that asks.
func (c *conn) processList(sql string) *result {
	db := value{}
	if c.database != "" {
		db = text(c.database)
	}
	me := []value{integer(int64(c.id)), text(c.user), text(c.host + ":" + itoa(int64(c.session.Attacker.Port()))), db, text("Query"), integer(0), text("init"), text(sql)}
	r := &result{columns: []string{"Id", "User", "Host", "db", "Command", "Time", "State", "Info"}}
	if c.srv.flav.mariadb {
		me[6] = text("starting")
		r.columns = append(r.columns, "Progress")
		r.rows = [][]value{append(me, text("0.000"))}
		return r
	}
	r.rows = [][]value{
		{integer(5), text("event_scheduler"), text("localhost"), {}, text("Daemon"), integer(c.srv.uptime()), text("Waiting on empty queue"), {}},
		me,
	}
	return r
}

func (c *conn) grants() *result {
	user := "`" + c.user + "`@`%`"
	r := nameRows("Grants for "+c.user+"@%", nil)
	if c.srv.flav.mariadb {
		r.rows = [][]value{{text("GRANT ALL PRIVILEGES ON *.* TO " + user + " WITH GRANT OPTION")}}
		return r
	}
	r.rows = [][]value{
		{text("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, FILE, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, EVENT, TRIGGER ON *.* TO " + user)},
	}
	return r
}

func engines(f *flavor) *result {
	r := &result{columns: []string{"Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"}}
	add := func(list ...string) {
		row := make([]value, len(list))
		for i, s := range list {
			row[i] = text(s)
		}
		r.rows = append(r.rows, row)
	}
	if f.mariadb {
		add("CSV", "YES", "Stores tables as CSV files", "NO", "NO", "NO")
		add("MRG_MyISAM", "YES", "Collection of identical MyISAM tables", "NO", "NO", "NO")
		add("MEMORY", "YES", "Hash based, stored in memory, useful for temporary tables", "NO", "NO", "NO")
		add("Aria", "YES", "Crash-safe tables with MyISAM heritage. Used for internal temporary tables and privilege tables", "NO", "NO", "NO")
		add("MyISAM", "YES", "Non-transactional engine with good performance and small data footprint", "NO", "NO", "NO")
		add("SEQUENCE", "YES", "Generated tables filled with sequential values", "YES", "NO", "YES")
		add("InnoDB", "DEFAULT", "Supports transactions, row-level locking, foreign keys and encryption for tables", "YES", "YES", "YES")
		add("PERFORMANCE_SCHEMA", "YES", "Performance Schema", "NO", "NO", "NO")
		return r
	}
	add("MEMORY", "YES", "Hash based, stored in memory, useful for temporary tables", "NO", "NO", "NO")
	add("MRG_MYISAM", "YES", "Collection of identical MyISAM tables", "NO", "NO", "NO")
	add("CSV", "YES", "CSV storage engine", "NO", "NO", "NO")
	add("PERFORMANCE_SCHEMA", "YES", "Performance Schema", "NO", "NO", "NO")
	add("MyISAM", "YES", "MyISAM storage engine", "NO", "NO", "NO")
	add("InnoDB", "DEFAULT", "Supports transactions, row-level locking, and foreign keys", "YES", "YES", "YES")
	add("BLACKHOLE", "YES", "/dev/null storage engine (anything you write to it disappears)", "NO", "NO", "NO")
	add("ARCHIVE", "YES", "Archive storage engine", "NO", "NO", "NO")
	return r
}

func charsets() *result {
	return &result{columns: []string{"Charset", "Description", "Default collation", "Maxlen"}, rows: [][]value{
		{text("ascii"), text("US ASCII"), text("ascii_general_ci"), integer(1)},
		{text("binary"), text("Binary pseudo charset"), text("binary"), integer(1)},
		{text("latin1"), text("cp1252 West European"), text("latin1_swedish_ci"), integer(1)},
		{text("utf8mb3"), text("UTF-8 Unicode"), text("utf8mb3_general_ci"), integer(3)},
		{text("utf8mb4"), text("UTF-8 Unicode"), text("utf8mb4_0900_ai_ci"), integer(4)},
	}}
}

func collations() *result {
	return &result{columns: []string{"Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"}, rows: [][]value{
		{text("latin1_swedish_ci"), text("latin1"), integer(8), text("Yes"), text("Yes"), integer(1)},
		{text("utf8mb3_general_ci"), text("utf8mb3"), integer(33), text("Yes"), text("Yes"), integer(1)},
		{text("utf8mb4_general_ci"), text("utf8mb4"), integer(45), text(""), text("Yes"), integer(1)},
		{text("utf8mb4_bin"), text("utf8mb4"), integer(46), text(""), text("Yes"), integer(1)},
		{text("utf8mb4_0900_ai_ci"), text("utf8mb4"), integer(255), text("Yes"), text("Yes"), integer(0)},
		{text("binary"), text("binary"), integer(63), text("Yes"), text("Yes"), integer(1)},
	}}
}

package mysql

import (
	"slices"
	"strings"
	"time"
)

// viewNames are the tables of information_schema that can be read.
var viewNames = []string{
	"CHARACTER_SETS", "COLLATIONS", "COLUMNS", "ENGINES", "EVENTS", "FILES", "KEY_COLUMN_USAGE", "PARTITIONS", "PLUGINS", "PROCESSLIST",
	"REFERENTIAL_CONSTRAINTS", "ROUTINES", "SCHEMATA", "SCHEMA_PRIVILEGES", "STATISTICS", "TABLES", "TABLE_CONSTRAINTS", "TABLE_PRIVILEGES",
	"TRIGGERS", "USER_PRIVILEGES", "VIEWS",
}

// tableNames lists the tables of d.
func (c *conn) tableNames(d *database) []string {
	if strings.EqualFold(d.name, "information_schema") {
		return slices.Clone(viewNames)
	}
	return d.names()
}

// created is when the databases were made: some time before the machine was last started.
func (s *server) created() string {
	age := time.Duration(20+s.env.Identity.Rand("mysql:created").IntN(300)) * 24 * time.Hour
	return time.Date(2025, 6, 1, 9, 14, 7, 0, time.UTC).Add(-age).Format(time.DateTime)
}

// viewOf makes a view of named columns.
func viewOf(name string, columns string, rows [][]value) *table {
	t := &table{name: name, rows: rows}
	for col := range strings.FieldsSeq(columns) {
		t.columns = append(t.columns, columnType{name: col, typ: varchar(64), null: true})
	}
	return t
}

// view computes a table of information_schema or performance_schema, nil when there is
// none of that name.
func (c *conn) view(db, name string) *table {
	if strings.EqualFold(db, "performance_schema") {
		switch name {
		case "session_variables", "global_variables":
			return viewOf(name, "VARIABLE_NAME VARIABLE_VALUE", c.listVariables())
		case "session_status", "global_status":
			return viewOf(name, "VARIABLE_NAME VARIABLE_VALUE", c.listStatus())
		}
		return nil
	}
	upper := strings.ToUpper(name)
	switch upper {
	case "SCHEMATA":
		var rows [][]value
		for _, n := range c.world.names() {
			rows = append(rows, []value{text("def"), text(n), text("utf8mb4"), text(c.srv.vars["collation_server"]), {}})
		}
		return viewOf(upper, "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH", rows)
	case "TABLES":
		return c.tablesView()
	case "COLUMNS":
		return c.columnsView()
	case "STATISTICS", "KEY_COLUMN_USAGE", "TABLE_CONSTRAINTS":
		return c.keysView(upper)
	case "PROCESSLIST":
		return viewOf(upper, "ID USER HOST DB COMMAND TIME STATE INFO", c.processList("").rows)
	case "USER_PRIVILEGES":
		var rows [][]value
		for _, priv := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "PROCESS", "FILE", "INDEX", "ALTER", "SHOW DATABASES"} {
			rows = append(rows, []value{text("'" + c.user + "'@'%'"), text("def"), text(priv), text("NO")})
		}
		return viewOf(upper, "GRANTEE TABLE_CATALOG PRIVILEGE_TYPE IS_GRANTABLE", rows)
	case "ENGINES":
		return viewOf(upper, "ENGINE SUPPORT COMMENT TRANSACTIONS XA SAVEPOINTS", engines(c.srv.flav).rows)
	case "CHARACTER_SETS":
		return viewOf(upper, "CHARACTER_SET_NAME DESCRIPTION DEFAULT_COLLATE_NAME MAXLEN", charsets().rows)
	case "COLLATIONS":
		return viewOf(upper, "COLLATION_NAME CHARACTER_SET_NAME ID IS_DEFAULT IS_COMPILED SORTLEN", collations().rows)
	case "PLUGINS":
		return viewOf(upper, "PLUGIN_NAME PLUGIN_VERSION PLUGIN_STATUS PLUGIN_TYPE PLUGIN_LIBRARY", [][]value{{text(pluginNative), text("1.0"), text("ACTIVE"), text("AUTHENTICATION"), {}}, {text("InnoDB"), text("8.0"), text("ACTIVE"), text("STORAGE ENGINE"), {}}})
	case "ROUTINES":
		return viewOf(upper, "SPECIFIC_NAME ROUTINE_CATALOG ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE ROUTINE_DEFINITION", nil)
	case "SCHEMA_PRIVILEGES":
		return viewOf(upper, "GRANTEE TABLE_CATALOG TABLE_SCHEMA PRIVILEGE_TYPE IS_GRANTABLE", nil)
	case "TABLE_PRIVILEGES":
		return viewOf(upper, "GRANTEE TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PRIVILEGE_TYPE IS_GRANTABLE", nil)
	case "TRIGGERS":
		return viewOf(upper, "TRIGGER_CATALOG TRIGGER_SCHEMA TRIGGER_NAME EVENT_MANIPULATION EVENT_OBJECT_SCHEMA EVENT_OBJECT_TABLE ACTION_STATEMENT", nil)
	case "VIEWS":
		return viewOf(upper, "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION", nil)
	case "EVENTS":
		return viewOf(upper, "EVENT_CATALOG EVENT_SCHEMA EVENT_NAME EVENT_DEFINITION", nil)
	case "PARTITIONS":
		return viewOf(upper, "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PARTITION_NAME", nil)
	case "FILES":
		return viewOf(upper, "FILE_ID FILE_NAME FILE_TYPE TABLESPACE_NAME LOGFILE_GROUP_NAME ENGINE TOTAL_EXTENTS INITIAL_SIZE EXTENT_SIZE EXTRA", nil)
	case "REFERENTIAL_CONSTRAINTS":
		return viewOf(upper, "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_NAME REFERENCED_TABLE_NAME", nil)
	}
	return nil
}

// eachTable visits the tables of all databases in order.
func (c *conn) eachTable(visit func(*database, *table)) {
	for _, n := range c.world.names() {
		d := c.world.database(n)
		for _, name := range d.names() {
			visit(d, d.tables[strings.ToLower(name)])
		}
	}
}

func (c *conn) tablesView() *table {
	var rows [][]value
	collation := text(c.srv.vars["collation_server"])
	for _, n := range viewNames {
		rows = append(rows, []value{text("def"), text("information_schema"), text(n), text("SYSTEM VIEW"), {}, integer(10), {}, integer(0), integer(0), integer(0), {}, text(c.srv.created()), {}, {}, text("")})
	}
	c.eachTable(func(d *database, t *table) {
		next := value{}
		if t.next > 0 {
			next = integer(t.next)
		}
		rows = append(rows, []value{text("def"), text(d.name), text(t.name), text(tableType(d)), text("InnoDB"), integer(10), text("Dynamic"), integer(int64(len(t.rows))), integer(16384), integer(0), next, text(c.srv.created()), {}, collation, text("")})
	})
	return viewOf("TABLES", "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION ROW_FORMAT TABLE_ROWS DATA_LENGTH INDEX_LENGTH AUTO_INCREMENT CREATE_TIME UPDATE_TIME TABLE_COLLATION TABLE_COMMENT", rows)
}

func (c *conn) columnsView() *table {
	var rows [][]value
	c.eachTable(func(d *database, t *table) {
		for i, col := range t.columns {
			null := "NO"
			if col.null {
				null = "YES"
			}
			base, _, _ := strings.Cut(col.typ, "(")
			rows = append(rows, []value{text("def"), text(d.name), text(t.name), text(col.name), integer(int64(i + 1)), {}, text(null), text(base), {}, {}, text(col.typ), text(col.key), text(col.extra), text("select,insert,update,references"), text(""), text("")})
		}
	})
	return viewOf("COLUMNS", "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH CHARACTER_SET_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT GENERATION_EXPRESSION", rows)
}

// keysView is the three views of primary and other keys.
func (c *conn) keysView(view string) *table {
	var rows [][]value
	c.eachTable(func(d *database, t *table) {
		for _, col := range t.columns {
			name, kind := col.name, "UNIQUE"
			switch col.key {
			case "PRI":
				name, kind = "PRIMARY", "PRIMARY KEY"
			case "UNI":
			default:
				continue
			}
			rows = append(rows, []value{text(d.name), text(name), text(d.name), text(t.name), text(col.name), integer(1), text(kind)})
		}
	})
	return viewOf(view, "CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION CONSTRAINT_TYPE", rows)
}

package mysql

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// variables are the global settings of the decky's server.
func (s *server) variables() map[string]string {
	rel := s.env.Identity.Release()
	host := s.env.Identity.Hostname
	v := map[string]string{
		"auto_increment_increment": "1", "auto_increment_offset": "1", "autocommit": "ON", "back_log": "151", "basedir": "/usr/", "big_tables": "OFF",
		"bind_address": "0.0.0.0", "binlog_format": "ROW", "character_set_client": "utf8mb4", "character_set_connection": "utf8mb4",
		"character_set_database": "utf8mb4", "character_set_filesystem": "binary", "character_set_results": "utf8mb4", "character_set_server": "utf8mb4",
		"character_set_system": "utf8mb3", "character_sets_dir": "/usr/share/mysql/charsets/", "collation_connection": "utf8mb4_0900_ai_ci",
		"collation_database": "utf8mb4_0900_ai_ci", "collation_server": "utf8mb4_0900_ai_ci", "connect_timeout": "10", "datadir": "/var/lib/mysql/",
		"default_storage_engine": "InnoDB", "event_scheduler": "ON", "explicit_defaults_for_timestamp": "ON", "flush": "OFF", "foreign_key_checks": "ON",
		"general_log": "OFF", "general_log_file": "/var/lib/mysql/" + host + ".log", "group_concat_max_len": "1024", "have_dynamic_loading": "YES",
		"have_openssl": "YES", "have_ssl": "YES", "hostname": host, "init_connect": "", "innodb_buffer_pool_size": "134217728", "innodb_file_per_table": "ON",
		"innodb_flush_log_at_trx_commit": "1", "innodb_version": strings.SplitN(s.version, "-", 2)[0], "interactive_timeout": "28800", "lc_messages": "en_US", "lc_time_names": "en_US",
		"license": "GPL", "local_infile": "OFF", "log_bin": "ON", "log_error": "/var/log/mysql/error.log", "log_output": "FILE", "long_query_time": "10.000000",
		"lower_case_file_system": "OFF", "lower_case_table_names": "0", "max_allowed_packet": "67108864", "max_connect_errors": "100", "max_connections": "151",
		"max_execution_time": "0", "max_prepared_stmt_count": "16382", "net_buffer_length": "16384", "net_read_timeout": "30", "net_write_timeout": "60",
		"open_files_limit": "10000", "performance_schema": "ON", "pid_file": "/var/run/mysqld/mysqld.pid", "plugin_dir": "/usr/lib/mysql/plugin/", "port": "3306",
		"protocol_version": "10", "read_only": "OFF", "secure_file_priv": "/var/lib/mysql-files/", "server_id": "1", "server_uuid": s.uuid(),
		"skip_external_locking": "ON", "skip_name_resolve": "OFF", "skip_networking": "OFF", "slow_query_log": "OFF", "socket": "/var/run/mysqld/mysqld.sock",
		"sql_auto_is_null": "OFF", "sql_log_bin": "ON", "sql_notes": "ON", "sql_quote_show_create": "ON", "sql_safe_updates": "OFF", "sql_select_limit": "18446744073709551615",
		"sql_mode":        "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
		"super_read_only": "OFF", "system_time_zone": "UTC", "table_open_cache": "4000", "thread_cache_size": "9", "thread_handling": "one-thread-per-connection",
		"time_zone": "SYSTEM", "tls_version": "TLSv1.2,TLSv1.3", "tmp_table_size": "16777216", "tmpdir": "/tmp", "transaction_isolation": "REPEATABLE-READ",
		"transaction_read_only": "OFF", "unique_checks": "ON", "version": s.version, "version_comment": s.flav.comment(rel), "version_compile_machine": "x86_64",
		"version_compile_os": "Linux", "version_compile_zlib": "1.3.1", "wait_timeout": "28800", "default_authentication_plugin": s.plugin, "have_query_cache": "NO",
		"net_retry_count": "10", "old_passwords": "0",
	}
	if s.flav.mariadb {
		maps.Copy(v, map[string]string{
			"bind_address": "0.0.0.0", "binlog_format": "MIXED", "collation_connection": "utf8mb4_general_ci", "collation_database": "utf8mb4_general_ci",
			"collation_server": "utf8mb4_general_ci", "event_scheduler": "OFF", "have_ssl": "DISABLED", "local_infile": "ON", "log_bin": "OFF", "max_allowed_packet": "16777216",
			"secure_file_priv": "", "performance_schema": "OFF", "tx_isolation": "REPEATABLE-READ", "tx_read_only": "OFF", "version_compile_os": "debian-linux-gnu", "group_concat_max_len": "1048576",
			"sql_mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION", "query_cache_size": "1048576", "query_cache_type": "OFF",
			"pid_file": "/run/mysqld/mysqld.pid", "socket": "/run/mysqld/mysqld.sock", "have_query_cache": "YES", "system_versioning_asof": "DEFAULT", "open_files_limit": "32768", "old_mode": "UTF8_IS_UTF8MB3",
		})
		for _, name := range []string{"server_uuid", "super_read_only", "transaction_isolation", "transaction_read_only", "default_authentication_plugin", "max_execution_time", "version_compile_zlib"} {
			delete(v, name)
		}
	}
	return v
}

// uuid is server_uuid, made at the first start.
func (s *server) uuid() string {
	h := s.env.Identity.Hex("mysql:uuid", 32)
	return h[:8] + "-" + h[8:12] + "-11ee-" + h[16:20] + "-" + h[20:]
}

// setting returns a variable as the session sees it.
func (c *conn) setting(name string) (string, bool) {
	if v, ok := c.sessionVars[name]; ok {
		return v, true
	}
	v, ok := c.srv.vars[name]
	return v, ok
}

// variable is the value of @name or @@scope.name.
func (c *conn) variable(name string) value {
	name = strings.ToLower(name)
	system, ok := strings.CutPrefix(name, "@@")
	if !ok {
		return c.userVars[name]
	}
	for _, scope := range []string{"global.", "session.", "local."} {
		system = strings.TrimPrefix(system, scope)
	}
	switch system {
	case "identity", "last_insert_id":
		return integer(c.insertID)
	case "warning_count", "error_count":
		return integer(0)
	case "pseudo_thread_id":
		return integer(int64(c.id))
	case "timestamp":
		return real(float64(c.srv.env.Now().UnixMicro()) / 1e6)
	}
	v, ok := c.setting(system)
	if !ok {
		panic(fail(1193, "HY000", "Unknown system variable '%s'", system))
	}
	switch v {
	case "ON", "YES":
		if system != "have_ssl" && system != "have_openssl" && v == "ON" {
			return integer(1)
		}
	case "OFF":
		return integer(0)
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return integer(n)
	}
	if system == "secure_file_priv" && v == "" && c.srv.flav.mariadb {
		return value{}
	}
	return text(v)
}

// maxVariables bounds the variables that a session can set.
const maxVariables = 256

// set answers SET.
func (c *conn) set(p *parser, e *evaluator) *result {
	p.at++
	switch {
	case p.accept("NAMES"), p.accept("CHARACTER", "SET"), p.accept("CHARSET"):
		t := p.next()
		if t.kind == tokEnd {
			p.at--
			p.fail()
		}
		cs := strings.ToLower(t.text)
		for _, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
			c.sessionVars[name] = cs
		}
		return &result{}
	case p.accept("PASSWORD"), p.accept("ROLE"), p.accept("DEFAULT"), p.accept("RESOURCE"):
		return &result{}
	case p.accept("TRANSACTION"), p.accept("SESSION", "TRANSACTION"), p.accept("GLOBAL", "TRANSACTION"):
		return &result{}
	}
	for {
		global := p.accept("GLOBAL") || p.accept("PERSIST")
		_ = p.accept("SESSION") || p.accept("LOCAL")
		t := p.next()
		if t.kind != tokWord && t.kind != tokVariable && t.kind != tokName {
			p.at--
			p.fail()
		}
		if !p.accept("=") && !p.accept(":=") {
			p.fail()
		}
		c.assign(strings.ToLower(t.text), t.kind == tokVariable, global, c.settingValue(p, e))
		if !p.accept(",") {
			break
		}
	}
	p.end()
	return &result{}
}

// settingValue reads what a variable is set to: an expression or a bare word.
func (c *conn) settingValue(p *parser, e *evaluator) value {
	t := p.peek()
	if t.kind == tokWord && (p.tokens[p.at+1].kind == tokEnd || p.tokens[p.at+1].is(",") || p.tokens[p.at+1].is(";")) {
		p.at++
		return text(t.text)
	}
	return e.eval(p.expr(), nil)
}

func (c *conn) assign(name string, variable, global bool, v value) {
	if variable && !strings.HasPrefix(name, "@@") {
		if len(c.userVars) < maxVariables {
			c.userVars[name] = v
		}
		return
	}
	name = strings.TrimPrefix(name, "@@")
	for _, scope := range []string{"global.", "session.", "local."} {
		if scope == "global." && strings.HasPrefix(name, scope) {
			global = true
		}
		name = strings.TrimPrefix(name, scope)
	}
	if _, known := c.setting(name); !known {
		panic(fail(1193, "HY000", "Unknown system variable '%s'", name))
	}
	switch name {
	case "version", "version_comment", "datadir", "plugin_dir", "secure_file_priv", "hostname", "port", "socket", "basedir", "server_uuid", "version_compile_os", "license":
		panic(fail(1238, "HY000", "Variable '%s' is a read only variable", name))
	case "general_log", "general_log_file", "slow_query_log", "local_infile", "max_connections":
		if !global {
			panic(fail(1229, "HY000", "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL", name))
		}
	}
	s := v.String()
	switch strings.ToUpper(s) {
	case "DEFAULT":
		delete(c.sessionVars, name)
		return
	case "TRUE":
		s = "1"
	case "FALSE":
		s = "0"
	}
	if old := c.srv.vars[name]; old == "ON" || old == "OFF" {
		s = map[bool]string{true: "ON", false: "OFF"}[s == "1" || strings.EqualFold(s, "ON")]
	}
	if name == "autocommit" {
		c.autocommit = s == "ON"
	}
	if len(c.sessionVars) < maxVariables && len(s) < 1024 {
		c.sessionVars[name] = s
	}
}

// listVariables is SHOW VARIABLES.
func (c *conn) listVariables() [][]value {
	var rows [][]value
	for _, name := range slices.Sorted(maps.Keys(c.srv.vars)) {
		v, _ := c.setting(name)
		rows = append(rows, []value{text(name), text(v)})
	}
	return rows
}

// uptime returns for how many seconds the server has run: a little less than the machine.
func (s *server) uptime() int64 {
	boot := s.env.Identity.BootTime(s.env.Now())
	return max(1, int64(s.env.Now().Sub(boot).Seconds())-9)
}

// questions is how many statements the server has answered: those of the application and
// ours.
func (s *server) questions() int64 {
	return s.uptime()/60*(2+s.env.Identity.Rand("mysql:questions").Int64N(30)) + s.queries.Load()
}

// statistics is the answer to COM_STATISTICS.
func (s *server) statistics() string {
	up, q := s.uptime(), s.questions()
	if s.flav.mariadb {
		return fmt.Sprintf("Uptime: %d  Threads: 2  Questions: %d  Slow queries: 0  Opens: 48  Open tables: 38  Queries per second avg: %.3f", up, q, float64(q)/float64(up))
	}
	return fmt.Sprintf("Uptime: %d  Threads: 2  Questions: %d  Slow queries: 0  Opens: 170  Flush tables: 3  Open tables: 85  Queries per second avg: %.3f", up, q, float64(q)/float64(up))
}

// listStatus is SHOW STATUS.
func (c *conn) listStatus() [][]value {
	s := c.srv
	q := s.questions()
	list := map[string]int64{
		"Aborted_clients": 0, "Aborted_connects": 3, "Bytes_received": q * 71, "Bytes_sent": q * 402, "Com_select": q * 7 / 10, "Com_insert": q / 20,
		"Com_update": q / 30, "Com_delete": q / 200, "Connections": int64(s.nextID.Load()), "Created_tmp_tables": q / 90, "Handler_read_first": q / 300,
		"Innodb_buffer_pool_pages_total": 8192, "Innodb_page_size": 16384, "Max_used_connections": 6, "Open_tables": 85, "Opened_tables": 170,
		"Queries": q, "Questions": q, "Slow_queries": 0, "Table_locks_immediate": q / 11, "Threads_cached": 1, "Threads_connected": 2,
		"Threads_created": 3, "Threads_running": 2, "Uptime": s.uptime(), "Uptime_since_flush_status": s.uptime(),
	}
	words := map[string]string{"Ssl_cipher": "", "Ssl_version": "", "Compression": "OFF"}
	if c.secure {
		words["Ssl_cipher"], words["Ssl_version"] = "TLS_AES_128_GCM_SHA256", "TLSv1.3"
	}
	for name, n := range list {
		words[name] = itoa(n)
	}
	var rows [][]value
	for _, name := range slices.Sorted(maps.Keys(words)) {
		rows = append(rows, []value{text(name), text(words[name])})
	}
	return rows
}

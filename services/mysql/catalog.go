package mysql

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// worldsKept bounds for how many attackers the server remembers what they changed.
	worldsKept = 32
	// quota bounds the bytes that one attacker can add to the databases.
	quota = 2 << 20
	// cellSize is what one cell is charged beside its text.
	cellSize = 48
)

// columnType describes a column of a table.
type columnType struct {
	name  string
	typ   string // as SHOW COLUMNS has it
	null  bool
	key   string // "PRI", "UNI", "MUL", ""
	extra string // "auto_increment"
}

// table is a base table or a view of the server's own.
type table struct {
	name    string
	columns []columnType
	rows    [][]value
	next    int64 // AUTO_INCREMENT
}

// database is a set of tables by lower-case name.
type database struct {
	name   string
	tables map[string]*table
}

// world is the databases as one attacker left them.
type world struct {
	mu   sync.Mutex
	dbs  map[string]*database
	used int
}

// worlds holds one world for each of the attackers seen last.
type worlds struct {
	mu    sync.Mutex
	byIP  *simplelru.LRU[string, *world]
	fresh func() *world
}

func newWorlds(fresh func() *world) *worlds {
	byIP, err := simplelru.NewLRU[string, *world](worldsKept, nil)
	if err != nil {
		panic(err) // worldsKept is positive
	}
	return &worlds{byIP: byIP, fresh: fresh}
}

func (w *worlds) of(ip string) *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one, ok := w.byIP.Get(ip); ok {
		return one
	}
	one := w.fresh()
	w.byIP.Add(ip, one)
	return one
}

// room charges n bytes, if they fit.
func (w *world) room(n int) bool {
	if n > quota-w.used {
		return false
	}
	w.used += n
	return true
}

func (w *world) database(name string) *database { return w.dbs[strings.ToLower(name)] }

func (w *world) names() []string {
	var names []string
	for _, d := range w.dbs {
		names = append(names, d.name)
	}
	slices.Sort(names)
	return names
}

func (d *database) names() []string {
	var names []string
	for _, t := range d.tables {
		names = append(names, t.name)
	}
	slices.Sort(names)
	return names
}

func (d *database) add(t *table) { d.tables[strings.ToLower(t.name)] = t }

func newDatabase(name string) *database { return &database{name, map[string]*table{}} }

// isView reports whether db is a database that nobody can change.
func isView(db string) bool {
	return strings.EqualFold(db, "information_schema") || strings.EqualFold(db, "performance_schema")
}

// freshWorld is what a new attacker finds: the server's own databases, and the bait.
func (s *server) freshWorld() *world {
	w := &world{dbs: map[string]*database{}}
	for _, d := range []*database{newDatabase("information_schema"), newDatabase("performance_schema"), newDatabase("sys"), s.systemDatabase(), s.bait()} {
		w.dbs[strings.ToLower(d.name)] = d
	}
	return w
}

func varchar(n int) string { return fmt.Sprintf("varchar(%d)", n) }

// systemDatabase is the database mysql: its users, and the tables that tools look for.
func (s *server) systemDatabase() *database {
	d := newDatabase("mysql")
	users := &table{name: "user", columns: []columnType{
		{name: "Host", typ: "char(255)", key: "PRI"}, {name: "User", typ: "char(32)", key: "PRI"},
		{name: "Select_priv", typ: "enum('N','Y')"}, {name: "Insert_priv", typ: "enum('N','Y')"}, {name: "File_priv", typ: "enum('N','Y')"},
		{name: "Super_priv", typ: "enum('N','Y')"}, {name: "plugin", typ: "char(64)"}, {name: "authentication_string", typ: "text", null: true},
		{name: "password_expired", typ: "enum('N','Y')"}, {name: "account_locked", typ: "enum('N','Y')"},
	}}
	if s.flav.mariadb {
		users.columns = slices.Insert(users.columns, 2, columnType{name: "Password", typ: "longtext", null: true})
	}
	r := s.env.Identity.Rand("mysql:users")
	add := func(host, user, priv, plugin, hash, locked string) {
		row := []value{text(host), text(user), text(priv), text(priv), text(priv), text(priv), text(plugin), text(hash), text("N"), text(locked)}
		if s.flav.mariadb {
			row = slices.Insert(row, 2, text(hash))
		}
		users.rows = append(users.rows, row)
	}
	add("%", s.app()+"_rw", "N", pluginNative, "*"+strings.ToUpper(hexDigits(r, 40)), "N")
	if !s.flav.mariadb {
		for _, u := range []string{"mysql.infoschema", "mysql.session", "mysql.sys"} {
			add("localhost", u, "N", pluginSHA2, "$A$005$THISISACOMBINATIONOFINVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED", "Y")
		}
	}
	add("%", "root", "Y", pluginNative, "*"+strings.ToUpper(hexDigits(r, 40)), "N")
	d.add(users)
	d.add(&table{name: "func", columns: []columnType{{name: "name", typ: "char(64)", key: "PRI"}, {name: "ret", typ: "tinyint"}, {name: "dl", typ: "char(128)"}, {name: "type", typ: "enum('function','aggregate')"}}})
	d.add(&table{name: "db", columns: []columnType{{name: "Host", typ: "char(255)", key: "PRI"}, {name: "Db", typ: "char(64)", key: "PRI"}, {name: "User", typ: "char(32)", key: "PRI"}}})
	d.add(&table{name: "plugin", columns: []columnType{{name: "name", typ: varchar(64), key: "PRI"}, {name: "dl", typ: varchar(128)}}})
	return d
}

func hexDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

var (
	firstNames = []string{"Anna", "Bruno", "Carla", "Dario", "Elif", "Farid", "Greta", "Hugo", "Irina", "Jonas", "Karin", "Luis", "Marta", "Nils", "Olga", "Pavel", "Rosa", "Sven", "Tanja", "Viktor"}
	lastNames  = []string{"Adler", "Becker", "Costa", "Dietz", "Ekman", "Fischer", "Garcia", "Hansen", "Ivanov", "Jensen", "Keller", "Lorenz", "Moreau", "Novak", "Olsen", "Petit", "Rossi", "Silva", "Toth", "Weber"}
	apps       = []string{"shop", "portal", "crm", "billing", "intranet", "booking", "tickets", "warehouse"}
	products   = []string{"Desk lamp", "Office chair", "Webcam", "Headset", "Monitor arm", "Keyboard", "Docking station", "Label printer", "Whiteboard", "Cable box"}
)

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// app is what the decky is for; its other services agree.
func (s *server) app() string { return s.env.Identity.Pick("app", apps...) }

// bait is the database of the decky's application.
func (s *server) bait() *database {
	r := s.env.Identity.Rand("mysql:bait")
	d := newDatabase(s.app())
	domain := s.env.Identity.Domain
	if domain == "" {
		domain = s.app() + ".internal"
	}
	epoch := time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC)
	when := func() value {
		return text(epoch.Add(time.Duration(r.IntN(400*24*3600)) * time.Second).Format(time.DateTime))
	}

	whole := "int"
	if s.flav.mariadb {
		whole = "int(11)"
	}
	users := &table{name: "users", columns: []columnType{
		{name: "id", typ: whole, key: "PRI", extra: "auto_increment"}, {name: "login", typ: varchar(64), key: "UNI"}, {name: "email", typ: varchar(190)},
		{name: "password_hash", typ: varchar(120)}, {name: "role", typ: varchar(20)}, {name: "created_at", typ: "datetime"}, {name: "last_login", typ: "datetime", null: true},
	}}
	for i := range 14 + r.IntN(10) {
		first, last := pick(r, firstNames), pick(r, lastNames)
		login := strings.ToLower(first[:1] + last + fmt.Sprint(i))
		role := "user"
		if i < 2 {
			role = "admin"
		}
		users.rows = append(users.rows, []value{integer(int64(i + 1)), text(login), text(strings.ToLower(first+"."+last) + "@" + domain),
			text("pbkdf2_sha256$260000$" + hexDigits(r, 16) + "$" + hexDigits(r, 64)), text(role), when(), when()})
	}
	users.next = int64(len(users.rows) + 1)
	d.add(users)

	orders := &table{name: "orders", columns: []columnType{
		{name: "id", typ: whole, key: "PRI", extra: "auto_increment"}, {name: "user_id", typ: whole, key: "MUL"}, {name: "product", typ: varchar(80)},
		{name: "amount", typ: "decimal(10,2)"}, {name: "state", typ: varchar(16)}, {name: "created_at", typ: "datetime"},
	}}
	for i := range 30 + r.IntN(40) {
		orders.rows = append(orders.rows, []value{integer(int64(1000 + i)), integer(int64(1 + r.IntN(len(users.rows)))), text(pick(r, products)),
			text(fmt.Sprintf("%d.%02d", 9+r.IntN(400), r.IntN(100))), text(pick(r, []string{"paid", "open", "shipped", "cancelled"})), when()})
	}
	orders.next = int64(1000 + len(orders.rows))
	d.add(orders)

	settings := &table{name: "settings", columns: []columnType{
		{name: "name", typ: varchar(64), key: "PRI"}, {name: "value", typ: "text", null: true}, {name: "updated_at", typ: "datetime"},
	}}
	for _, p := range [][2]string{
		{"site_name", strings.ToUpper(s.app()[:1]) + s.app()[1:]}, {"smtp_host", "mail." + domain}, {"smtp_user", "noreply@" + domain},
		{"smtp_password", hexDigits(r, 14)}, {"api_secret", hexDigits(r, 40)}, {"backup_path", "/srv/backup/" + s.app()},
	} {
		settings.rows = append(settings.rows, []value{text(p[0]), text(p[1]), when()})
	}
	d.add(settings)

	tokens := &table{name: "sessions", columns: []columnType{
		{name: "token", typ: "char(40)", key: "PRI"}, {name: "user_id", typ: whole, key: "MUL"}, {name: "ip", typ: varchar(45)}, {name: "expires_at", typ: "datetime"},
	}}
	for range 5 + r.IntN(8) {
		tokens.rows = append(tokens.rows, []value{text(hexDigits(r, 40)), integer(int64(1 + r.IntN(len(users.rows)))),
			text(fmt.Sprintf("10.%d.%d.%d", r.IntN(40), r.IntN(250), 2+r.IntN(250))), when()})
	}
	d.add(tokens)
	return d
}

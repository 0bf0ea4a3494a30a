package store

import "context"

// Kind says what a column holds.
type Kind uint8

// The kinds of columns, and what the values of a row are in Go. A text is bytes; it need not
// be valid UTF-8.
const (
	Int  Kind = iota // int64
	Text             // string
	Blob             // []byte
)

// Column is one column of a [Table].
type Column struct {
	Name string
	Kind Kind
	Null bool // a value may be nil
}

// Table is one of the tables that a store is copied as. The first Key columns identify a row;
// rows are in their order, texts compared byte by byte.
type Table struct {
	Name    string
	Columns []Column
	Key     int
}

// Figures are the figures that a store keeps and that no table holds.
type Figures struct {
	Totals
	LastRecord      int64 // the ID of the record ingested last
	ProfiledThrough int64 // the ID of the last record that was folded into profiles
}

// Exporter is the role of handing out all that a store holds, row by row, for a copy into an
// [Importer]. A store may lack it.
type Exporter interface {
	// Figures returns the figures at this moment. They change with every record that is
	// written or purged, and with every fold.
	Figures(ctx context.Context) (Figures, error)
	// Export returns the rows of a table that follow the row with the key after, nil: from
	// the first: at most limit of them, fewer where they are large, and none at the end. It
	// gives decnet.ErrInvalid when there is no such table or after is not a key of it.
	Export(ctx context.Context, table string, after []any, limit int) ([][]any, error)
	// CountRows returns how many rows a table has.
	CountRows(ctx context.Context, table string) (int64, error)
}

// Importer is the role of becoming the copy of another store. From BeginImport to EndImport,
// in whatever process, a store takes no other writes and exports nothing: it gives
// decnet.ErrSemantic. A store may lack the role.
type Importer interface {
	Exporter
	// BeginImport makes an empty store one that is being filled with what the named store
	// has when its figures are f. It gives decnet.ErrConflict when the store is not empty,
	// unless it is being filled with just that.
	BeginImport(ctx context.Context, from string, f Figures) error
	// Imported returns the key of the last row of a table; nil when it has none.
	Imported(ctx context.Context, table string) ([]any, error)
	// Import adds rows to a table in one transaction, each with a greater key than the one
	// before. It gives decnet.ErrConflict outside of an import.
	Import(ctx context.Context, table string, rows [][]any) error
	// EndImport sets the figures and makes the store one like any other.
	EndImport(ctx context.Context) error
}

// Tables lists the tables of a store, in the order in which they are to be copied.
func Tables() []Table {
	integer := func(name string) Column { return Column{Name: name} }
	text := func(name string) Column { return Column{Name: name, Kind: Text} }
	null := func(c Column) Column { c.Null = true; return c }
	return []Table{
		{"records", []Column{integer("id"), integer("time"), text("decky"), text("service"), text("type"), text("attacker"), integer("severity"),
			integer("sensor"), text("fields"), text("msg"), null(text("trace_id")), null(text("span_id")), text("raw")}, 1},
		{"bounties", []Column{integer("id"), {Name: "digest", Kind: Blob}, integer("first_seen"), integer("last_seen"), integer("count"),
			text("decky"), text("service"), text("attacker"), text("type"), text("payload")}, 1},
		{"sources", []Column{text("attacker"), integer("records"), integer("bounties"), integer("credentials")}, 1},
		{"attackers", []Column{integer("id"), text("uuid"), text("address"), integer("first_seen"), integer("last_seen"), integer("events"),
			text("services"), text("deckies"), integer("decky_count"), text("traversal"), null(text("behavior")), null(text("state")), integer("updated_at")}, 1},
		{"attacker_services", []Column{integer("attacker_id"), text("service")}, 2},
		{"commands", []Column{integer("id"), integer("attacker_id"), integer("time"), text("decky"), text("service"), text("text")}, 1},
		{"fingerprints", []Column{integer("id"), integer("attacker_id"), text("kind"), text("value"), text("raw")}, 1},
		{"rejected", []Column{integer("id"), integer("time"), text("source"), integer("position"), null(Column{Name: "line", Kind: Blob}), text("reason")}, 1},
		{"cursors", []Column{text("source"), text("generation"), integer("position")}, 1},
		{"users", []Column{text("uuid"), text("username"), text("password_hash"), text("role"), integer("must_change_password")}, 1},
		{"revoked_tokens", []Column{text("id"), integer("expires")}, 1},
		{"state", []Column{text("name"), text("value")}, 1},
	}
}

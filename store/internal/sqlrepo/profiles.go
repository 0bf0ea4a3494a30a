package sqlrepo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
	"github.com/decnet/decnet/store"
)

// behavior is decnet.Behavior as it is stored.
type behavior struct {
	OSGuess         string          `json:"os_guess,omitempty"`
	HopDistance     int             `json:"hop_distance,omitempty"`
	Retransmits     int             `json:"retransmits,omitempty"`
	Class           string          `json:"class,omitempty"`
	BeaconInterval  time.Duration   `json:"beacon_interval,omitempty"`
	BeaconJitterPct float64         `json:"beacon_jitter_pct,omitempty"`
	ToolGuesses     []string        `json:"tool_guesses,omitempty"`
	TCP             json.RawMessage `json:"tcp,omitempty"`
	Timing          json.RawMessage `json:"timing,omitempty"`
	Phases          json.RawMessage `json:"phases,omitempty"`
}

func encodeBehavior(b *decnet.Behavior) (sql.NullString, error) {
	if b == nil {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(behavior(*b))
	if err != nil {
		return sql.NullString{}, fmt.Errorf("behavior: %w: %w", decnet.ErrInvalid, err)
	}
	return sql.NullString{String: string(text), Valid: true}, nil
}

func decodeBehavior(text string) (*decnet.Behavior, error) {
	var b behavior
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, err
	}
	return (*decnet.Behavior)(&b), nil
}

// profilesChunk is how many addresses one query of Profiles asks for.
const profilesChunk = 256

// Profiles implements [store.Attackers].
func (r *Repo) Profiles(ctx context.Context, addrs []netip.Addr) (map[netip.Addr]store.Profile, error) {
	out := make(map[netip.Addr]store.Profile)
	err := r.read(ctx, "profiles", func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(addrs, profilesChunk) {
			args := make([]any, len(chunk))
			asked := make(map[string]netip.Addr, len(chunk))
			for i, a := range chunk {
				text := store.AddrText(a)
				args[i], asked[text] = text, a
			}
			if err := query(ctx, tx, func(rows *sql.Rows) error {
				var state []byte
				_, a, err := scanAttacker(rows, &state)
				if err == nil {
					out[asked[store.AddrText(a.Addr)]] = store.Profile{Attacker: a, State: state}
				}
				return err
			}, "SELECT "+attackerColumns+", a.state FROM "+attackerTables+" WHERE a.address IN ("+placeholders(len(chunk))+")", args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ProfiledThrough implements [store.Attackers].
func (r *Repo) ProfiledThrough(ctx context.Context) (int64, error) {
	return r.total(ctx, "last profiled record", "profiled_through")
}

// FoldProfiles implements [store.Attackers].
func (r *Repo) FoldProfiles(ctx context.Context, profiles []store.Profile, from, through int64) error {
	const op = "fold profiles"
	if through < from {
		return r.invalid(op, "from record %d through %d", from, through)
	}
	return r.write(ctx, op, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, "UPDATE totals SET profiled_through = ? WHERE profiled_through = ?", through, from))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("record %d is not the last one folded: %w", from, decnet.ErrConflict)
		}
		if len(profiles) == 0 {
			return nil
		}
		f, err := r.newFolder(ctx, tx, profiles)
		if err != nil {
			return err
		}
		for i := range profiles {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f.fold(&profiles[i]); err != nil {
				return fmt.Errorf("%v: %w", profiles[i].Addr, err)
			}
		}
		if f.script != nil {
			return f.script.run()
		}
		return nil
	})
}

// folder writes profiles within one transaction, which ends its statements.
type folder struct {
	ctx    context.Context
	tx     *sql.Tx
	script *script           // nil: each statement is prepared, and run at once
	stored map[string]stored // with a script: by address, of those that are known

	find, update, insert, clear, service, command, feature statement
}

// stored is what the store has of an attacker.
type stored struct {
	id       int64 // 0: nothing
	services string
}

// statement is one that a folder runs for many profiles.
type statement struct {
	text string
	*sql.Stmt
}

func (r *Repo) newFolder(ctx context.Context, tx *sql.Tx, profiles []store.Profile) (*folder, error) {
	f := &folder{ctx: context.WithoutCancel(ctx), tx: tx} // fold is short: its caller asks the context
	d := r.Dialect
	f.find.text = "SELECT id, services FROM attackers WHERE address = ?"
	f.update.text = "UPDATE attackers SET first_seen = ?, last_seen = ?, events = ?, services = ?, deckies = ?, decky_count = ?," +
		" traversal = ?, behavior = ?, state = ?, updated_at = ? WHERE id = ?"
	f.insert.text = "INSERT INTO attackers (first_seen, last_seen, events, services, deckies, decky_count," +
		" traversal, behavior, state, updated_at, uuid, address) VALUES (" + placeholders(12) + ")"
	f.clear.text = "DELETE FROM attacker_services WHERE attacker_id = ?"
	f.service.text = d.Upsert("INSERT INTO attacker_services (service, attacker_id) VALUES (?, ?)",
		[]string{"service", "attacker_id"}, []Assign{{"service", d.New("service")}})
	f.command.text = "INSERT INTO commands (attacker_id, time, decky, service, text) VALUES (?, ?, ?, ?, ?)"
	f.feature.text = d.Upsert("INSERT INTO fingerprints (attacker_id, kind, value, raw) VALUES (?, ?, ?, ?)",
		[]string{"attacker_id", "kind", "value"}, []Assign{{"kind", d.New("kind")}})
	if d.Rows() > 1 {
		f.script = &script{running: ctx, tx: tx}
		return f, f.findAll(profiles)
	}
	for _, st := range []*statement{&f.find, &f.update, &f.insert, &f.clear, &f.service, &f.command, &f.feature} {
		var err error
		if st.Stmt, err = tx.PrepareContext(f.ctx, st.text); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// findAll asks for what is stored of all profiles at a time.
func (f *folder) findAll(profiles []store.Profile) error {
	f.stored = make(map[string]stored, len(profiles))
	for chunk := range slices.Chunk(profiles, profilesChunk) {
		args := make([]any, len(chunk))
		for i := range chunk {
			args[i] = store.AddrText(chunk[i].Addr)
		}
		if err := query(f.ctx, f.tx, func(rows *sql.Rows) error {
			var address string
			var a stored
			err := rows.Scan(&a.id, &a.services, &address)
			f.stored[address] = a
			return err
		}, "SELECT id, services, address FROM attackers WHERE address IN ("+placeholders(len(args))+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// known returns what is stored of an address.
func (f *folder) known(address string) (a stored, err error) {
	if f.script != nil {
		return f.stored[address], nil
	}
	err = f.find.QueryRowContext(f.ctx, address).Scan(&a.id, &a.services)
	if errors.Is(err, sql.ErrNoRows) {
		return stored{}, nil
	}
	return a, err
}

// run runs a statement, with a script later.
func (f *folder) run(st statement, args ...any) error {
	if f.script != nil {
		return f.script.add(st.text, args...)
	}
	_, err := st.ExecContext(f.ctx, args...)
	return err
}

func (f *folder) fold(p *store.Profile) error {
	if !p.Addr.IsValid() {
		return fmt.Errorf("a profile has no address: %w", decnet.ErrInvalid)
	}
	address := store.AddrText(p.Addr)
	known, err := f.known(address)
	if err != nil {
		return err
	}
	id, err := f.row(p, known.id)
	if err != nil {
		return err
	}
	services := list(p.Services)
	if known.id == 0 || services != known.services {
		if err := f.services(id, p.Services); err != nil {
			return err
		}
	}
	if f.script != nil {
		f.stored[address] = stored{id, services}
	}
	for _, c := range p.Commands {
		if err := f.run(f.command, id, c.Time.UnixMicro(), c.Decky, c.Service, c.Text); err != nil {
			return err
		}
	}
	for _, p := range p.Fingerprints {
		if err := f.run(f.feature, id, p.Kind, p.Value, p.Raw); err != nil {
			return err
		}
	}
	return nil
}

// services replaces the services of an attacker.
func (f *folder) services(id int64, services []string) error {
	if err := f.run(f.clear, id); err != nil {
		return err
	}
	for _, s := range services {
		if err := f.run(f.service, s, id); err != nil {
			return err
		}
	}
	return nil
}

// row writes the row of p in attackers, which has an id unless it is new, and returns that.
func (f *folder) row(p *store.Profile, id int64) (int64, error) {
	behavior, err := encodeBehavior(p.Behavior)
	if err != nil {
		return 0, err
	}
	values := []any{p.FirstSeen.UnixMicro(), p.LastSeen.UnixMicro(), p.Events, list(p.Services), list(p.Deckies), len(p.Deckies),
		p.Traversal, behavior, optional(string(p.State)), p.UpdatedAt.UnixMicro()}
	if id > 0 {
		return id, f.run(f.update, append(values, id)...)
	}
	values = append(values, uuid.NewString(), store.AddrText(p.Addr))
	var res sql.Result
	if f.script != nil {
		res, err = f.tx.ExecContext(f.ctx, f.insert.text, values...)
	} else {
		res, err = f.insert.ExecContext(f.ctx, values...)
	}
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// list is the JSON text of a list of names, of any bytes.
func list(names []string) string {
	text := []byte{'['}
	for i, name := range names {
		if i > 0 {
			text = append(text, ',')
		}
		text = jsontext.Append(text, name)
	}
	return string(append(text, ']'))
}

package sqlrepo

import (
	"context"
	"database/sql"
	"encoding/json"
)

// State implements [store.State].
func (r *Repo) State(ctx context.Context, key string) (json.RawMessage, error) {
	var value []byte
	err := r.read(ctx, "state "+key, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT value FROM state WHERE name = ?", key).Scan(&value)
	})
	return value, err
}

// SetState implements [store.State].
func (r *Repo) SetState(ctx context.Context, key string, value json.RawMessage) error {
	op := "set state " + key
	if !json.Valid(value) {
		return r.invalid(op, "the value is not JSON")
	}
	return r.write(ctx, op, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, r.Dialect.Upsert("INSERT INTO state (name, value) VALUES (?, ?)", []string{"name"},
			[]Assign{{"value", r.Dialect.New("value")}}), key, string(value))
		return err
	})
}

package sqlrepo

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/decnet/decnet"
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
	return r.write(ctx, op, func(tx *sql.Tx) error { return r.setState(ctx, tx, key, value) })
}

// SwapState implements [store.State].
func (r *Repo) SwapState(ctx context.Context, key string, old, value json.RawMessage) error {
	op := "swap state " + key
	if !json.Valid(value) {
		return r.invalid(op, "the value is not JSON")
	}
	return r.write(ctx, op, func(tx *sql.Tx) error {
		var stored []byte
		err := tx.QueryRowContext(ctx, "SELECT value FROM state WHERE name = ?", key).Scan(&stored)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if set := err == nil; set != (old != nil) || !bytes.Equal(stored, old) {
			return fmt.Errorf("another has changed it: %w", decnet.ErrConflict)
		}
		return r.setState(ctx, tx, key, value)
	})
}

func (r *Repo) setState(ctx context.Context, tx *sql.Tx, key string, value json.RawMessage) error {
	_, err := tx.ExecContext(ctx, r.Dialect.Upsert("INSERT INTO state (name, value) VALUES (?, ?)", []string{"name"},
		[]Assign{{"value", r.Dialect.New("value")}}), key, string(value))
	return err
}

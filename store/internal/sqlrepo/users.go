package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

const userColumns = "uuid, username, password_hash, role, must_change_password"

func scanUser(row interface{ Scan(...any) error }) (store.User, error) {
	var u store.User
	err := row.Scan(&u.UUID, &u.Username, &u.PasswordHash, &u.Role, &u.MustChangePassword)
	return u, err
}

// CreateUser implements [store.Users].
func (r *Repo) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	op := fmt.Sprintf("create user %q", u.Username)
	if u.Username == "" {
		return store.User{}, r.invalid(op, "no name")
	}
	if u.Role == "" {
		u.Role = store.RoleViewer
	}
	if err := r.checkRole(op, u.Role); err != nil {
		return store.User{}, err
	}
	u.UUID = uuid.NewString()
	err := r.write(ctx, op, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO users ("+userColumns+") VALUES (?, ?, ?, ?, ?)",
			u.UUID, u.Username, u.PasswordHash, u.Role, u.MustChangePassword)
		if err != nil && r.Dialect.Duplicate(err) {
			return fmt.Errorf("the name is taken: %w", decnet.ErrConflict)
		}
		return err
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

func (r *Repo) checkRole(op, role string) error {
	if role != store.RoleAdmin && role != store.RoleViewer {
		return fmt.Errorf("%s: %s: role %q is neither %s nor %s: %w", r.Name, op, role, store.RoleAdmin, store.RoleViewer, decnet.ErrSemantic)
	}
	return nil
}

// User implements [store.Users].
func (r *Repo) User(ctx context.Context, uuid string) (store.User, error) {
	return r.user(ctx, "user "+uuid, "uuid", uuid)
}

// UserByName implements [store.Users].
func (r *Repo) UserByName(ctx context.Context, name string) (store.User, error) {
	return r.user(ctx, fmt.Sprintf("user %q", name), "username", name)
}

func (r *Repo) user(ctx context.Context, op, column, value string) (store.User, error) {
	var u store.User
	err := r.read(ctx, op, func(tx *sql.Tx) error {
		var err error
		u, err = scanUser(tx.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users WHERE "+column+" = ?", value))
		return err
	})
	return u, err
}

// Users implements [store.Users].
func (r *Repo) Users(ctx context.Context) ([]store.User, error) {
	var out []store.User
	err := r.read(ctx, "users", func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			u, err := scanUser(rows)
			if err == nil {
				out = append(out, u)
			}
			return err
		}, "SELECT "+userColumns+" FROM users ORDER BY username")
	})
	return out, err
}

// SetPassword implements [store.Users].
func (r *Repo) SetPassword(ctx context.Context, uuid, hash string, mustChange bool) error {
	return r.changeUser(ctx, "set password of user "+uuid,
		"UPDATE users SET password_hash = ?, must_change_password = ? WHERE uuid = ?", hash, mustChange, uuid)
}

// SetRole implements [store.Users].
func (r *Repo) SetRole(ctx context.Context, uuid, role string) error {
	op := "set role of user " + uuid
	if err := r.checkRole(op, role); err != nil {
		return err
	}
	return r.changeUser(ctx, op, "UPDATE users SET role = ? WHERE uuid = ?", role, uuid)
}

// DeleteUser implements [store.Users].
func (r *Repo) DeleteUser(ctx context.Context, uuid string) error {
	return r.changeUser(ctx, "delete user "+uuid, "DELETE FROM users WHERE uuid = ?", uuid)
}

// changeUser runs a statement that must find one user.
func (r *Repo) changeUser(ctx context.Context, op, text string, args ...any) error {
	return r.write(ctx, op, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, text, args...))
		if err == nil && n == 0 {
			err = decnet.ErrNotFound
		}
		return err
	})
}

// RevokeToken implements [store.Users]. It also forgets the tokens that have expired.
func (r *Repo) RevokeToken(ctx context.Context, id string, expires time.Time) error {
	d := r.Dialect
	return r.write(ctx, "revoke token", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM revoked_tokens WHERE expires < ?", r.Now().UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, d.Upsert("INSERT INTO revoked_tokens (id, expires) VALUES (?, ?)", []string{"id"},
			[]Assign{{"expires", d.Greatest("revoked_tokens.expires", d.New("expires"))}}), id, expires.UnixMicro())
		return err
	})
}

// TokenRevoked implements [store.Users].
func (r *Repo) TokenRevoked(ctx context.Context, id string) (bool, error) {
	var revoked bool
	err := r.read(ctx, "revoked token", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE id = ?)", id).Scan(&revoked)
	})
	return revoked, err
}

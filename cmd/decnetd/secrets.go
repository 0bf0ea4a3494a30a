package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// makeData makes the data directory, readable by its user alone. A directory of somebody
// else, such as /tmp or /var/lib, stays as it is and is refused.
func makeData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w (give another --data)", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w (give another --data)", err)
	}
	ours := func(e fs.DirEntry) bool { return e.Name() == "lock" || e.Name() == "decnet.db" }
	if len(entries) > 0 && !slices.ContainsFunc(entries, ours) {
		return fmt.Errorf("data directory %s holds files of others: give an empty or a new one as --data", dir)
	}
	return os.Chmod(dir, 0o700)
}

// minSecret is the length of the shortest secret that signs tokens.
const minSecret = 32

// checkEnv refuses secrets of the operator that are too weak.
func checkEnv(env func(string) string) error {
	if s := env("DECNET_JWT_SECRET"); s != "" && len(s) < minSecret {
		return fmt.Errorf("DECNET_JWT_SECRET must be a secret of at least %d characters", minSecret)
	}
	if name := env("DECNET_ADMIN_USER"); name != "" {
		if err := checkUsername(name); err != nil {
			return fmt.Errorf("DECNET_ADMIN_USER: %w", err)
		}
	}
	return nil
}

// tokenSecret returns DECNET_JWT_SECRET, or the secret that is kept in the data directory
// and made at the first start.
func tokenSecret(dir string, env func(string) string) ([]byte, error) {
	if s := env("DECNET_JWT_SECRET"); s != "" {
		return []byte(s), nil
	}
	path := filepath.Join(dir, "token-secret")
	text, err := os.ReadFile(path)
	if err == nil {
		secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(secret) < minSecret {
			return nil, fmt.Errorf("%s does not hold %d bytes in hexadecimal: delete it to get a new one", path, minSecret)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	secret := make([]byte, minSecret)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	return secret, writeWhole(path, []byte(hex.EncodeToString(secret)+"\n"))
}

// writeWhole writes a file so that a crash leaves the old content or the new, and no other.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// admin is the account that the first start makes.
type admin struct {
	name, password string
	generated      bool
	hash           string
	err            error // of hashing
}

// newAdmin returns the account of the environment, with a generated password unless
// DECNET_ADMIN_PASSWORD is set.
func newAdmin(env func(string) string) *admin {
	a := &admin{name: cmp.Or(env("DECNET_ADMIN_USER"), "admin"), password: env("DECNET_ADMIN_PASSWORD")}
	if a.password == "" {
		a.password, a.generated = rand.Text(), true
	}
	if a.hash, a.err = api.HashPassword(a.password); a.err != nil {
		a.err = fmt.Errorf("DECNET_ADMIN_PASSWORD: %w", a.err)
	}
	return a
}

// create stores the account. Its password must be changed at the first log-in.
func (a *admin) create(ctx context.Context, users store.Users) error {
	if a.err != nil {
		return a.err
	}
	_, err := users.CreateUser(ctx, store.User{
		Username: a.name, PasswordHash: a.hash, Role: store.RoleAdmin, MustChangePassword: true,
	})
	return err
}

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
)

func newUser(env func(string) string) *cobra.Command {
	const fromInput = "The password is read from standard input; an empty line generates one. It must be changed at the next log-in."
	s := &state{env: env}
	cmd := &cobra.Command{Use: "user", Short: "Accounts, when nobody can log in", Args: cobra.NoArgs, RunE: needsCommand}
	s.flags(cmd)

	var role string
	var asJSON bool
	add := &cobra.Command{
		Use: "add NAME", Short: "Make an account", Long: "Make an account. " + fromInput, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if role != store.RoleAdmin && role != store.RoleViewer {
				return &usageError{fmt.Errorf("--role must be %s or %s", store.RoleAdmin, store.RoleViewer)}
			}
			if err := checkUsername(args[0]); err != nil {
				return &usageError{err}
			}
			return s.with(cmd, func(db store.Repository) error {
				password, hash, err := readPassword(cmd)
				if err != nil {
					return err
				}
				_, err = db.CreateUser(cmd.Context(), store.User{Username: args[0], PasswordHash: hash, Role: role, MustChangePassword: true})
				if errors.Is(err, decnet.ErrConflict) {
					return fmt.Errorf("there is a user %q already", args[0])
				}
				if err != nil {
					return err
				}
				return tell(cmd, args[0], password, asJSON)
			})
		},
	}
	add.Flags().StringVar(&role, "role", store.RoleViewer, "admin or viewer")

	passwd := &cobra.Command{
		Use: "passwd NAME", Short: "Set a password", Long: "Set a password. " + fromInput, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(db store.Repository, u store.User) error {
				password, hash, err := readPassword(cmd)
				if err != nil {
					return err
				}
				if err := db.SetPassword(cmd.Context(), u.UUID, hash, true); err != nil {
					return err
				}
				return tell(cmd, u.Username, password, asJSON)
			})
		},
	}
	remove := &cobra.Command{
		Use: "delete NAME", Short: "Delete an account", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(db store.Repository, u store.User) error {
				users, err := db.Users(cmd.Context())
				if err != nil {
					return err
				}
				if u.Role == store.RoleAdmin && !slices.ContainsFunc(users, func(o store.User) bool { return o.Role == store.RoleAdmin && o.UUID != u.UUID }) {
					return fmt.Errorf("%q is the only %s: add another first", u.Username, store.RoleAdmin)
				}
				if err := db.DeleteUser(cmd.Context(), u.UUID); err != nil {
					return err
				}
				return tell(cmd, u.Username, "", asJSON)
			})
		},
	}
	list := &cobra.Command{
		Use: "list", Short: "List the accounts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(db store.Repository) error {
				users, err := db.Users(cmd.Context())
				if err != nil {
					return err
				}
				return listUsers(cmd, users, asJSON)
			})
		},
	}
	for _, c := range []*cobra.Command{add, list, passwd, remove} {
		c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
		cmd.AddCommand(c)
	}
	return cmd
}

// checkUsername holds for the names of accounts that this program makes.
func checkUsername(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 64 || !services.Printable(name) {
		return errors.New("the name of a user has 1 to 64 characters, all of them printable")
	}
	return nil
}

func listUsers(cmd *cobra.Command, users []store.User, asJSON bool) error {
	type row struct {
		UUID       string `json:"uuid"`
		Username   string `json:"username"`
		Role       string `json:"role"`
		MustChange bool   `json:"must_change_password"`
	}
	rows := []row{}
	var cells [][]string
	for _, u := range users {
		rows = append(rows, row{u.UUID, u.Username, u.Role, u.MustChangePassword})
		change := ""
		if u.MustChangePassword {
			change = "password must be changed"
		}
		cells = append(cells, []string{u.Username, u.Role, change})
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), rows)
	}
	printTable(cmd.OutOrStdout(), []string{"USER", "ROLE", ""}, cells)
	return nil
}

func (s *state) with(cmd *cobra.Command, f func(store.Repository) error) error {
	src, err := s.existing()
	if err != nil {
		return err
	}
	db, err := src.Open(cmd.Context())
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

func (s *state) withUser(cmd *cobra.Command, name string, f func(store.Repository, store.User) error) error {
	return s.with(cmd, func(db store.Repository) error {
		u, err := db.UserByName(cmd.Context(), name)
		if errors.Is(err, decnet.ErrNotFound) {
			return fmt.Errorf("there is no user %q", name)
		}
		if err != nil {
			return err
		}
		return f(db, u)
	})
}

// readPassword returns the password that was typed (without echo on a terminal) or one
// that was generated, which alone is returned in clear, and its hash.
func readPassword(cmd *cobra.Command) (generated, hash string, err error) {
	line, err := passwordLine(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return "", "", err
	}
	if line == "" {
		generated = rand.Text()
		line = generated
	}
	hash, err = api.HashPassword(line)
	return generated, hash, err
}

func passwordLine(ctx context.Context, in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(prompt, "New password (empty: generate one): ")
		defer fmt.Fprintln(prompt)
		return typed(ctx, int(f.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(&input{ctx: ctx, r: in}, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// typed returns the line that is typed at a terminal, without echo. The terminal echoes again
// when ctx ends.
func typed(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(terminal)
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		return string(r.line), r.err
	case <-ctx.Done():
		return "", errors.Join(errInterrupted, term.Restore(terminal, before))
	}
}

// tell prints the password that was generated for an account, unless that is "".
func tell(cmd *cobra.Command, name, generated string, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			Username string `json:"username"`
			Password string `json:"password,omitempty"` // that was generated
		}{name, generated})
	}
	if generated == "" {
		return nil
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "password of %s: %s\n", name, generated)
	return err
}

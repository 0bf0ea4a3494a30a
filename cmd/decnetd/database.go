package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/store/sqlite"
)

// state is where a command finds what the system keeps.
type state struct{ data, dsn string }

func (s *state) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&s.data, "data", "./decnet-data", "directory of database, spool, artifacts and secrets")
	cmd.PersistentFlags().StringVar(&s.dsn, "db", "", "database, sqlite:FILE (default sqlite:<data>/decnet.db)")
}

// file returns the path of the SQLite file.
func (s *state) file() (string, error) {
	if s.dsn == "" {
		return filepath.Join(s.data, "decnet.db"), nil
	}
	scheme, rest, ok := strings.Cut(s.dsn, ":")
	switch {
	case ok && scheme == "sqlite" && rest != "":
		return rest, nil
	case scheme == "mysql":
		return "", &usageError{errors.New("--db: this version stores in SQLite only: give sqlite:FILE")}
	}
	return "", &usageError{fmt.Errorf("--db: %q is not of the form sqlite:FILE", s.dsn)}
}

// existing returns the path of the SQLite file, which must be there.
func (s *state) existing() (string, error) {
	path, err := s.file()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no database: %w (give --data or --db, or run decnetd up first)", err)
	}
	return path, nil
}

func newDB() *cobra.Command {
	s := new(state)
	cmd := &cobra.Command{Use: "db", Short: "The schema of the database", Args: cobra.NoArgs, RunE: needsCommand}
	s.flags(cmd)

	var asJSON bool
	show := func(cmd *cobra.Command, schema sqlite.Schema) error {
		out := cmd.OutOrStdout()
		type row struct {
			Version int64   `json:"version"`
			Name    string  `json:"name"`
			Applied *string `json:"applied"`
		}
		list := []row{}
		var rows [][]string
		for _, m := range schema.Migrations {
			r := row{Version: m.Version, Name: m.Name}
			applied := "pending"
			if !m.Applied.IsZero() {
				applied = m.Applied.UTC().Format(time.RFC3339)
				r.Applied = &applied
			}
			list = append(list, r)
			rows = append(rows, []string{fmt.Sprint(m.Version), m.Name, applied})
		}
		if asJSON {
			return printJSON(out, map[string]any{"version": schema.Version, "latest": schema.Latest, "migrations": list})
		}
		printTable(out, []string{"VERSION", "MIGRATION", "APPLIED"}, rows)
		_, err := fmt.Fprintf(out, "\nschema %d of %d\n", schema.Version, schema.Latest)
		return err
	}
	migrate := &cobra.Command{
		Use: "migrate", Short: "Bring the schema up to date", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := s.file()
			if err != nil {
				return err
			}
			if s.dsn == "" {
				if err := makeData(s.data); err != nil {
					return err
				}
			}
			schema, err := sqlite.Migrate(cmd.Context(), path)
			if err != nil {
				return err
			}
			return show(cmd, schema)
		},
	}
	status := &cobra.Command{
		Use: "status", Short: "Tell where the schema stands", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := s.existing()
			if err != nil {
				return err
			}
			schema, err := sqlite.Status(cmd.Context(), path)
			if err != nil {
				return err
			}
			return show(cmd, schema)
		},
	}
	for _, c := range []*cobra.Command{migrate, status} {
		c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	}
	var yes bool
	reset := &cobra.Command{
		Use: "reset", Short: "Delete everything in the database, accounts included", Args: cobra.NoArgs,
		Long: "Delete everything in the database, accounts and the fleet included. The spool stays: the next start reads it again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := s.existing()
			if err != nil {
				return err
			}
			if !yes {
				return &usageError{fmt.Errorf("reset deletes everything in %s: confirm with --yes", path)}
			}
			if _, err := os.Stat(s.data); err == nil {
				lock, err := lockData(s.data)
				if err != nil {
					return err
				}
				defer lock.Close()
			}
			if err := sqlite.Reset(cmd.Context(), path); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is empty\n", path)
			return err
		},
	}
	reset.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	cmd.AddCommand(migrate, status, reset)
	return cmd
}

// needsCommand is the action of a command that only groups others.
func needsCommand(cmd *cobra.Command, _ []string) error {
	return &usageError{fmt.Errorf("a command is missing (see %s --help)", cmd.CommandPath())}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
)

// state is where a command finds what the system keeps.
type state struct {
	data, dsn string
	env       func(string) string
}

func (s *state) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&s.data, "data", "./decnet-data", "directory of database, spool, artifacts and secrets")
	cmd.PersistentFlags().StringVar(&s.dsn, "db", "", "database, "+dsn.Forms+" (default: what DECNET_DB_URL or DECNET_DB_TYPE and its like say, or sqlite:<data>/decnet.db)")
}

// ownFile is the SQLite file of the data directory.
func (s *state) ownFile() string { return filepath.Join(s.data, "decnet.db") }

// source finds the database.
func (s *state) source() (dsn.Source, error) {
	src, err := dsn.Choose(s.dsn, s.env, s.ownFile())
	if err != nil && s.dsn != "" {
		return src, &usageError{fmt.Errorf("--db: %w", err)}
	}
	return src, err
}

// existing finds the database, which must be there when it is a file.
func (s *state) existing() (dsn.Source, error) {
	src, err := s.source()
	if err != nil {
		return src, err
	}
	if path, ok := src.Path(); ok {
		if _, err := os.Stat(path); err != nil {
			return src, fmt.Errorf("no database: %w (give --data or --db, or run decnetd up first)", err)
		}
	}
	return src, nil
}

func newDB(env func(string) string) *cobra.Command {
	s := &state{env: env}
	cmd := &cobra.Command{Use: "db", Short: "The database: schema and copies", Args: cobra.NoArgs, RunE: needsCommand}
	s.flags(cmd)

	var asJSON bool
	show := func(cmd *cobra.Command, schema store.Schema) error {
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
			src, err := s.source()
			if err != nil {
				return err
			}
			if path, _ := src.Path(); path == s.ownFile() {
				if err := makeData(s.data); err != nil {
					return err
				}
			}
			schema, err := src.Migrate(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, schema)
		},
	}
	status := &cobra.Command{
		Use: "status", Short: "Tell where the schema stands", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := s.existing()
			if err != nil {
				return err
			}
			schema, err := src.Status(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd, schema)
		},
	}
	var yes bool
	reset := &cobra.Command{
		Use: "reset", Short: "Delete everything in the database, accounts included", Args: cobra.NoArgs,
		Long: "Delete everything in the database, accounts and the fleet included. The spool stays: the next start reads it again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := s.existing()
			if err != nil {
				return err
			}
			if !yes {
				return &usageError{fmt.Errorf("reset deletes everything in %s: confirm with --yes", src)}
			}
			if _, err := os.Stat(s.data); err == nil {
				lock, err := lockData(s.data)
				if err != nil {
					return err
				}
				defer lock.Close()
			}
			if err := src.Reset(cmd.Context()); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"database": src.String()})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is empty\n", src)
			return err
		},
	}
	for _, c := range []*cobra.Command{migrate, status, reset} {
		c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	}
	reset.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	cmd.AddCommand(migrate, status, newDBCopy(), reset)
	return cmd
}

// needsCommand is the action of a command that only groups others.
func needsCommand(cmd *cobra.Command, _ []string) error {
	return &usageError{fmt.Errorf("a command is missing (see %s --help)", cmd.CommandPath())}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/store/dsn"
	"github.com/decnet/decnet/store/transfer"
)

// copyFlags are the flags of decnetd db copy.
type copyFlags struct {
	from, to string
	asJSON   bool
}

func newDBCopy() *cobra.Command {
	f := &copyFlags{}
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy a database into another one, which must be empty", Args: cobra.NoArgs,
		Long: "Copy everything in a database into another one, of the same kind or not, with all IDs. The other one must be\n" +
			"empty, or a copy of the same database that was interrupted, which goes on then; until it is complete,\n" +
			"nothing else can write there. Nobody may write into the source meanwhile: stop decnetd first.\n\n" +
			"A database is named " + dsn.Forms + ".",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"db", "data"} {
				if cmd.Flags().Changed(name) {
					return &usageError{fmt.Errorf("copy takes no --%s: name both databases with --from and --to", name)}
				}
			}
			return f.run(cmd)
		},
	}
	cmd.Flags().StringVar(&f.from, "from", "", "database to copy")
	cmd.Flags().StringVar(&f.to, "to", "", "database to fill")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (f *copyFlags) run(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	var sides [2]dsn.Source
	for i, flag := range []struct{ name, text string }{{"--from", f.from}, {"--to", f.to}} {
		if flag.text == "" {
			return &usageError{fmt.Errorf("%s is missing: it names a database, %s", flag.name, dsn.Forms)}
		}
		if sides[i], err = dsn.Parse(flag.text); err != nil {
			return &usageError{fmt.Errorf("%s: %w", flag.name, err)}
		}
	}
	if path, ok := sides[0].Path(); ok {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("--from: no database: %w", err)
		}
	}
	release, err := lockBoth(sides)
	if err != nil {
		return err
	}
	defer release()
	from, err := sides[0].Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := sides[1].Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()

	show := newCopyProgress(cmd.ErrOrStderr())
	err = transfer.Copy(ctx, from, to, transfer.Options{From: sides[0].String(), Progress: show.step})
	show.end()
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("the copy is not complete, the same command goes on: %w", err)
		}
		return err
	}
	return f.print(cmd.OutOrStdout(), sides, show.tables)
}

func (f *copyFlags) print(out io.Writer, sides [2]dsn.Source, tables []transfer.Progress) error {
	if f.asJSON {
		rows := make(map[string]int64)
		for _, t := range tables {
			rows[t.Table] = t.Rows
		}
		return printJSON(out, map[string]any{"from": sides[0].String(), "to": sides[1].String(), "rows": rows})
	}
	var rows [][]string
	for _, t := range tables {
		rows = append(rows, []string{t.Table, fmt.Sprint(t.Rows)})
	}
	printTable(out, []string{"TABLE", "ROWS"}, rows)
	_, err := fmt.Fprintf(out, "\n%s is a copy of %s\n", plain(sides[1].String()), plain(sides[0].String()))
	return err
}

// lockBoth keeps other processes from the data directories that the databases are in.
func lockBoth(sides [2]dsn.Source) (release func(), err error) {
	var held []io.Closer
	release = func() {
		for _, f := range held {
			f.Close()
		}
	}
	locked := make(map[string]bool)
	for _, s := range sides {
		path, ok := s.Path()
		if !ok {
			continue
		}
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil || locked[dir] {
			continue // no data directory
		}
		lock, err := lockData(dir)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, lock)
		locked[dir] = true
	}
	return release, nil
}

// copyProgress shows on a terminal how far a copy is, and keeps the last word on each table.
type copyProgress struct {
	out    io.Writer // nil: nobody looks
	tables []transfer.Progress

	begun time.Time // of the table
	first int64     // rows of it that were there then
	shown time.Time
}

func newCopyProgress(w io.Writer) *copyProgress {
	p := &copyProgress{}
	if isTerminal(w) {
		p.out = w
	}
	return p
}

// showEvery is how often a line on the terminal changes.
const showEvery = 100 * time.Millisecond

func (p *copyProgress) step(now transfer.Progress) {
	if n := len(p.tables); n == 0 || p.tables[n-1].Table != now.Table {
		p.tables = append(p.tables, now)
		p.begun, p.first = time.Now(), now.Rows
	}
	p.tables[len(p.tables)-1] = now
	if p.out == nil || time.Since(p.shown) < showEvery && now.Rows < now.Of {
		return
	}
	p.shown = time.Now()
	percent := int64(100)
	if now.Of > 0 {
		percent = now.Rows * 100 / now.Of
	}
	line := fmt.Sprintf("%s: %d of %d rows, %d %%", now.Table, now.Rows, now.Of, percent)
	if took := time.Since(p.begun).Seconds(); took > 1 {
		line += fmt.Sprintf(", %.0f a second", float64(now.Rows-p.first)/took)
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", line)
}

// end gives the line back.
func (p *copyProgress) end() {
	if p.out != nil && len(p.tables) > 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

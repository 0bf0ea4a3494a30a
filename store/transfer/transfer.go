// Package transfer copies one store into another, of whatever kinds they are.
//
//	err := transfer.Copy(ctx, from, to, transfer.Options{From: "decnet.db"})
//
// Everything is copied as it is: records, bounties, attackers with their profiles, commands and
// fingerprints, lines set aside, cursors, users, revoked tokens, state, and all IDs. A copy
// that ends before its time, killed or not, goes on where it stood when it is run again; until
// it is complete the target takes no other writes.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Options holds what may be left out. The zero value is usable.
type Options struct {
	// From names the source in the target, so that an unfinished copy is completed from
	// the same one; it must not change from run to run.
	From     string
	Rows     int            // rows in one transaction; 0: 1000
	Progress func(Progress) // called in the goroutine of Copy after each transaction and when a table is complete; nil: nobody wants to know
}

// Progress says how far a copy is.
type Progress struct {
	Table string
	Rows  int64 // in the target, those of earlier runs too
	Of    int64 // in the source
}

// Copy makes to, which must be empty or an unfinished copy of from, equal to from, which
// must not be written to meanwhile. It gives decnet.ErrConflict when to is neither, when both
// are one store, or when from was written to since the copy began; decnet.ErrSemantic when from
// is an unfinished copy itself; and decnet.ErrInvalid when one of the stores cannot be copied or
// to has no room for what from holds. When ctx ends, a later Copy goes on.
func Copy(ctx context.Context, from, to store.Repository, opts Options) error {
	source, ok := from.(store.Exporter)
	if !ok {
		return fmt.Errorf("transfer: the source hands out no rows: %w", decnet.ErrInvalid)
	}
	target, ok := to.(store.Importer)
	if !ok {
		return fmt.Errorf("transfer: the target takes in no rows: %w", decnet.ErrInvalid)
	}
	before, err := source.Figures(ctx)
	if err != nil {
		return err
	}
	if err := exports(ctx, source); err != nil {
		return err
	}
	if err := target.BeginImport(ctx, opts.From, before); err != nil {
		return err
	}
	if err := exports(ctx, source); errors.Is(err, decnet.ErrSemantic) {
		one := fmt.Errorf("transfer: the source and the target are one store: %w", decnet.ErrConflict)
		return errors.Join(one, target.EndImport(ctx)) // it was empty, and is as it was
	}
	for _, t := range store.Tables() {
		if err := copyTable(ctx, source, target, t, opts); err != nil {
			return err
		}
	}
	after, err := source.Figures(ctx)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("transfer: the source was written to while it was copied: %w", decnet.ErrConflict)
	}
	return target.EndImport(ctx)
}

// exports gives an error that wraps decnet.ErrSemantic when a store is being filled.
func exports(ctx context.Context, s store.Exporter) error {
	_, err := s.Export(ctx, store.Tables()[0].Name, nil, 1)
	return err
}

func copyTable(ctx context.Context, source store.Exporter, target store.Importer, t store.Table, opts Options) error {
	p := Progress{Table: t.Name}
	var err error
	if p.Of, err = source.CountRows(ctx, t.Name); err != nil {
		return err
	}
	if p.Rows, err = target.CountRows(ctx, t.Name); err != nil {
		return err
	}
	last, err := target.Imported(ctx, t.Name)
	if err != nil {
		return err
	}
	for {
		rows, err := source.Export(ctx, t.Name, last, cmp.Or(opts.Rows, 1000))
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := target.Import(ctx, t.Name, rows); err != nil {
				return err
			}
			last = rows[len(rows)-1][:t.Key]
			p.Rows += int64(len(rows))
		}
		if opts.Progress != nil {
			opts.Progress(p)
		}
		if len(rows) == 0 {
			break
		}
	}
	if p.Rows != p.Of {
		return fmt.Errorf("transfer: of %d rows of %s %d were copied, the source was written to meanwhile: %w", p.Of, t.Name, p.Rows, decnet.ErrConflict)
	}
	return nil
}

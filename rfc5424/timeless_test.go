package rfc5424_test

import (
	"context"
	"log/slog"
	"time"
)

// timeless takes the time out of records, so that lines can be compared.
type timeless struct{ slog.Handler }

func (h timeless) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}

func (h timeless) WithAttrs(a []slog.Attr) slog.Handler { return timeless{h.Handler.WithAttrs(a)} }

func (h timeless) WithGroup(name string) slog.Handler { return timeless{h.Handler.WithGroup(name)} }

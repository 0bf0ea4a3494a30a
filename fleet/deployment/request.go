package deployment

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Ask requests the mutation of a decky from the process that has its runtime, whose
// [Mutator.Run] carries it out; with now even when somebody is connected. It returns what
// [Answer] takes. A decky that is not deployed gives an error that wraps decnet.ErrNotFound.
func Ask(ctx context.Context, s store.State, decky string, now bool) (Request, error) {
	r := Request{ID: rand.Text(), Decky: decky, Since: time.Now().UTC(), Now: now}
	_, err := update(ctx, s, func(doc *Document) error {
		if doc.index(decky) < 0 {
			return notFound(decky)
		}
		doc.Requests = slices.DeleteFunc(doc.Requests, func(o Request) bool {
			return o.Failed != "" && r.Since.Sub(o.Since) > requestsLast
		})
		if len(doc.Requests) >= maxRequests {
			return fmt.Errorf("deployment: %d mutations are asked for already: %w", len(doc.Requests), decnet.ErrConflict)
		}
		doc.Requests = append(doc.Requests, r)
		return nil
	})
	return r, err
}

// Answer waits until r is carried out and returns the services that the decky has then. It
// takes r back when ctx ends first. A mutation that cannot be gives an error that wraps
// decnet.ErrConflict.
func Answer(ctx context.Context, s store.State, r Request) ([]string, error) {
	for {
		doc, err := Read(ctx, s)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		i := slices.IndexFunc(doc.Requests, func(o Request) bool { return o.ID == r.ID })
		switch {
		case ctx.Err() != nil:
			return nil, takeBack(context.WithoutCancel(ctx), s, r, ctx.Err())
		case i < 0:
			if k := doc.index(r.Decky); k >= 0 {
				return doc.Deckies[k].Services, nil
			}
			return nil, notFound(r.Decky)
		case doc.Requests[i].Failed != "":
			return nil, takeBack(ctx, s, r, fmt.Errorf("%s: %w", doc.Requests[i].Failed, decnet.ErrConflict))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// takeBack removes r and returns why, unless that fails too.
func takeBack(ctx context.Context, s store.State, r Request, why error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	if _, err := update(ctx, s, func(doc *Document) error {
		doc.Requests = slices.DeleteFunc(doc.Requests, func(o Request) bool { return o.ID == r.ID })
		return nil
	}); err != nil {
		return err
	}
	return why
}

// answer tells whoever made a request that it failed.
func (m *Mutator) answer(ctx context.Context, id string, failure error) error {
	if id == "" || ctx.Err() != nil {
		return nil
	}
	_, err := update(ctx, m.d.state, func(doc *Document) error {
		for i := range doc.Requests {
			if doc.Requests[i].ID == id {
				doc.Requests[i].Failed = failure.Error()
			}
		}
		return nil
	})
	return err
}

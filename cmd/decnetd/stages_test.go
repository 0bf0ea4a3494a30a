package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestStagesEndInOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ended []string
	started := make(chan struct{}, 2)
	until := func(name string) stage {
		end := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, what)
		}
		return stage{name: name, run: func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			end(name)
			return nil
		}, finish: func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				t.Errorf("%s has no time to finish: %v", name, err)
			}
			end(name + " finished")
			return nil
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; <-started; cancel() }()
	if err := runStages(ctx, []stage{until("front"), until("back")}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ended, []string{"front", "front finished", "back", "back finished"}) {
		t.Errorf("ended in the order %v", ended)
	}
}

func TestStagesEndWhenOneFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	err := runStages(t.Context(), []stage{
		{name: "good", run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{name: "bad", run: func(context.Context) error { return boom }},
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

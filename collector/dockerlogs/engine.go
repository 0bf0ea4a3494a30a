package dockerlogs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/decnet/decnet/fleet"
)

// Engine is what a Source asks of a container engine. The client of the docker module is one.
type Engine interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
}

// connect returns a client for the engine at host.
func connect(host string) (*client.Client, error) {
	opts := []client.Opt{client.WithAPIVersionNegotiation()}
	if host != "" {
		opts = append(opts, client.WithHost(host))
	}
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("dockerlogs: %w", err)
	}
	return c, nil
}

const (
	minRetry = 100 * time.Millisecond
	maxRetry = 10 * time.Second
	resync   = time.Minute      // between comparisons with all containers of the engine
	overlap  = 10 * time.Second // of the events that are asked for with what was seen before
)

// followEngine keeps the followers those of the containers of the engine until ctx ends.
func (r *run) followEngine(ctx context.Context) {
	retry := minRetry
	for {
		began := time.Now()
		err := r.watchEngine(ctx)
		r.src.count(func(s *Status) { s.Connected = false })
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxRetry {
			retry = minRetry
		}
		if r.src.note(fmt.Errorf("dockerlogs: engine: %w", err)) {
			r.src.opts.Log.Warn("the engine does not answer; what its containers print is read as long as their logs can be", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
		retry = min(2*retry, maxRetry)
	}
}

// watchEngine compares the followers with the containers, and keeps them so by the events
// of the engine until it fails.
func (r *run) watchEngine(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	label := fleet.LabelFleet
	if r.src.opts.Fleet != "" {
		label += "=" + r.src.opts.Fleet
	}
	which := filters.NewArgs(filters.Arg("label", label))
	begin := time.Now()
	seen := which.Clone()
	for _, action := range []events.Action{events.ActionStart, events.ActionDie, events.ActionDestroy} {
		seen.Add("event", string(action))
	}
	seen.Add("type", string(events.ContainerEventType))
	messages, failed := r.engine.Events(ctx, events.ListOptions{Since: strconv.FormatInt(begin.Add(-overlap).Unix(), 10), Filters: seen})
	again := time.NewTicker(resync)
	defer again.Stop()
	for list := true; ; {
		if list {
			found, err := r.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: which})
			if err != nil {
				return err
			}
			if err := r.compare(ctx, found); err != nil {
				return err
			}
			r.src.count(func(s *Status) { s.Connected = true })
			if r.src.note(nil) {
				r.src.opts.Log.Info("the engine answers", "containers", len(found))
			}
		}
		list = false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			if err == nil {
				err = errors.New("events ended")
			}
			return err
		case m := <-messages:
			if err := r.event(ctx, m, begin); err != nil {
				return err
			}
		case <-again.C:
			list = true
		}
	}
}

// labelled reads who a container is from its labels.
func labelled(id string, labels map[string]string) containerID {
	c := containerID{id: id, fleet: labels[fleet.LabelFleet], decky: labels[fleet.LabelDecky], service: labels[fleet.LabelService]}
	if c.service == "" {
		c.service = holder
	}
	return c
}

// compare makes the followers those of found.
func (r *run) compare(ctx context.Context, found []container.Summary) error {
	present := make(map[string]bool, len(found))
	for _, c := range found {
		present[c.ID] = true
		if c.State == container.StateCreated {
			continue // it has no log before it starts
		}
		if err := r.follow(ctx, labelled(c.ID, c.Labels), false); err != nil {
			return err
		}
		if c.State == container.StateExited || c.State == container.StateDead {
			r.tell(c.ID, func(f *follower) { f.ended = true })
		}
	}
	r.forgetOthers(present)
	return nil
}

// event takes one event of the engine, of those since begin for the first time.
func (r *run) event(ctx context.Context, m events.Message, begin time.Time) error {
	c := labelled(m.Actor.ID, m.Actor.Attributes)
	before := m.TimeNano <= begin.UnixNano() // compare knows more
	switch {
	case m.Action == events.ActionStart:
		r.tell(c.id, func(f *follower) { f.ended = false })
		return r.follow(ctx, c, !before)
	case before:
	case m.Action == events.ActionDie:
		r.tell(c.id, func(f *follower) { f.ended = true })
	case m.Action == events.ActionDestroy:
		r.tell(c.id, func(f *follower) { f.ended, f.removed = true, true })
	}
	return nil
}

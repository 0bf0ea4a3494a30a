package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/collector/dockerlogs"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// containers is the runtime of deckies that serve by themselves.
type containers struct{ *docker.Runtime }

// Run waits for the end of ctx: the deckies stay.
func (containers) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// farAway is said where the engine is on another machine.
const farAway = "the container engine is on another machine: deckies change also while somebody is connected, and the files that intruders leave are not kept"

// newLogs is the source of what the containers of the fleet print.
func (a *assembly) newLogs(engine string, env func(string) string) *dockerlogs.Source {
	return dockerlogs.New(dockerlogs.Options{Host: cmp.Or(engine, env("DOCKER_HOST")), Fleet: compose.DefaultProject, Log: a.log})
}

// watched are the containers of a runtime in which files are watched.
type watched struct{ *docker.Runtime }

// Watch implements capture.Containers.
func (w watched) Watch(ctx context.Context, set func([]capture.Container)) error {
	return w.Runtime.Watch(ctx, func(list []docker.Process) {
		found := make([]capture.Container, len(list))
		for i, p := range list {
			found[i] = capture.Container{PID: p.PID, Decky: p.Decky, Service: p.Service}
		}
		set(found)
	})
}

// awaited are those of an engine that need not answer yet.
type awaited struct{ *lateEngine }

// Watch implements capture.Containers.
func (w awaited) Watch(ctx context.Context, set func([]capture.Container)) error {
	rt := w.find(ctx)
	if rt == nil {
		return nil
	}
	defer func() { _ = rt.Close() }()
	return watched{rt}.Watch(ctx, set)
}

// outlasting is a runtime whose deckies stay when it is closed.
type outlasting interface {
	StatusOf(context.Context, decnet.Fleet) ([]fleet.DeckyStatus, error)
	Close() error
}

// errElsewhere says that the deckies are not in containers.
var errElsewhere = errors.New("the fleet can be changed only by the decnetd up that has the deckies")

// deckyStatus tells how the deckies fare that are deployed, by whichever process.
func (a *assembly) deckyStatus(ctx context.Context) ([]fleet.DeckyStatus, error) {
	rt, ok := a.runtime.(outlasting)
	if !ok {
		return a.runtime.Status(ctx)
	}
	doc, err := deployment.Read(ctx, a.db)
	if err != nil {
		return nil, err
	}
	return rt.StatusOf(ctx, doc.Fleet)
}

// inContainers reads what is deployed; errElsewhere: no container.
func inContainers(ctx context.Context, db store.State) (deployment.Document, error) {
	doc, err := deployment.Read(ctx, db)
	if err == nil && len(doc.Deckies) > 0 && !doc.Durable {
		err = errElsewhere
	}
	return doc, err
}

// announced is a source whose events also go to sinks, once they are in the spool.
type announced struct {
	collector.Source
	sink decnet.Sink
}

// Run implements collector.Source.
func (s announced) Run(ctx context.Context, spool collector.Spool) error {
	return s.Source.Run(ctx, announcing{Spool: spool, sink: s.sink})
}

// announcing is the spool of an announced source.
type announcing struct {
	collector.Spool
	sink decnet.Sink
}

// Deliver implements collector.Spool.
func (s announcing) Deliver(lines []string, positions ...collector.Position) error {
	if err := s.Spool.Deliver(lines, positions...); err != nil {
		return err
	}
	for _, l := range lines {
		if e, err := rfc5424.Parse(l); err == nil {
			s.sink.Emit(e)
		}
	}
	return nil
}

// logsErr is what is wrong with the source of container logs.
func logsErr(s *dockerlogs.Source) error {
	status := s.Status()
	if status.Err == nil && !status.Connected {
		return errors.New("no connection to the container engine")
	}
	return status.Err
}

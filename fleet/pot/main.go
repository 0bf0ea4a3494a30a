package pot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// stopTime is how long a program that was told to end may take.
const stopTime = 2 * time.Second

const usage = `Usage: decnet-pot COMMAND

  hold      lock the network of a decky and hold it
  serve     run one honeypot of a decky
  healthy   tell by the exit status whether the network is locked
  version   print the version

The decky is described by the environment variable ` + fleet.PersonaVar + `.
`

// Main runs the command that the program was started with, until it ends or a signal says
// so, and returns the exit status: 0 when all went well or the program was told to end, 2
// when the command or the persona is wrong, 1 for all else that fails, which a line on
// standard error names. The honeypots are those of reg. It changes settings of the whole
// process, so it is all that a main function does.
func Main(reg *services.Registry, version string) int {
	signal.Ignore(syscall.SIGPIPE) // writing says it too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tune()
	reap()
	logs := newLines(os.Stderr)
	defer logs.close()
	return run(ctx, program{reg, version, os.Getenv, os.Stdout, logs, fleet.PotArtifacts}, os.Args[1:])
}

// program is what a command needs of its process.
type program struct {
	reg       *services.Registry
	version   string
	env       func(string) string
	out, err  io.Writer
	artifacts string // directory
}

func run(ctx context.Context, p program, args []string) int {
	if len(args) != 1 {
		fmt.Fprint(p.err, usage)
		return exitUsage
	}
	var command func(context.Context, fleet.Persona, Options) error
	switch args[0] {
	case fleet.PotHold:
		command = Hold
	case fleet.PotServe:
		command = func(ctx context.Context, persona fleet.Persona, opt Options) error {
			return Serve(ctx, p.reg, persona, opt)
		}
	case fleet.PotHealthy:
		return p.failed(p.log(fleet.Persona{}), checkLock(ctx))
	case "version", "--version":
		fmt.Fprintf(p.out, "decnet-pot %s (%s)\n", p.version, runtime.Version())
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(p.out, usage)
		return 0
	default:
		fmt.Fprintf(p.err, "decnet-pot: there is no command %.40q\n\n%s", args[0], usage)
		return exitUsage
	}
	persona, err := fleet.ParsePersona(p.env(fleet.PersonaVar))
	if err != nil {
		return p.failed(p.log(fleet.Persona{}), fmt.Errorf("%s: %w", fleet.PersonaVar, err))
	}
	log := p.log(persona)
	return p.failed(log, p.report(ctx, persona, log, command))
}

func (p program) log(persona fleet.Persona) *slog.Logger {
	return slog.New(rfc5424.NewHandler(p.err, rfc5424.HandlerOptions{Hostname: persona.Decky, Component: "pot"}))
}

// failed logs err and returns the exit status that goes with it.
func (p program) failed(log *slog.Logger, err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, decnet.ErrInvalid), errors.Is(err, decnet.ErrSemantic):
		log.Error(err.Error())
		return exitUsage
	}
	log.Error(err.Error())
	return exitFailed
}

// report runs command with its events on standard output. It returns within stopTime after
// ctx has ended, whatever command and standard output do.
func (p program) report(ctx context.Context, persona fleet.Persona, log *slog.Logger, command func(context.Context, fleet.Persona, Options) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt := Options{Log: log}
	if persona.Quota > 0 {
		dir, err := quarantine.New(p.artifacts, quarantine.Options{PerDecky: persona.Quota, Total: persona.Quota})
		if err != nil {
			return err
		}
		defer dir.Close()
		opt.Artifacts = dir
	}
	events := rfc5424.NewWriter(p.out)
	events.Decky = persona.Decky
	opt.Sink = events
	written := make(chan error, 1)
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		written <- events.Run(writing)
		cancel() // without readers there is no use in going on
	}()
	ended := make(chan error, 1)
	go func() {
		err := command(ctx, persona, opt)
		stopWriting()
		cancel()
		ended <- errors.Join(err, <-written)
	}()
	<-ctx.Done()
	var err error
	select {
	case err = <-ended:
	case <-time.After(stopTime):
		log.Error("connections or standard output do not end in time", "after", stopTime)
	}
	if n := events.Dropped(); n > 0 {
		log.Error("events were dropped", "count", n)
	}
	return err
}

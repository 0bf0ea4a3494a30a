// Command decnetd runs a deception network, or one part of it.
//
// It is thin: each command parses flags, puts exported packages together and prints. To
// build a daemon of your own, with honeypots of your own, start from assembly.go: it makes
// a registry, a runtime, a collector, an ingester, a profiler and an API, and runs each in
// one line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(untilTold(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.Getenv))
}

// untilTold returns a context that lasts until the process is told to end, by hand, by whoever
// runs it, or by its terminal as it goes. Who says so twice does not wait for what is under
// way.
func untilTold() context.Context {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // what nobody reads any more fails to be written
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, signals...)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-told
		cancel()
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	}()
	return ctx
}

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, std streams, env func(string) string) int {
	out := &printed{w: std.out}
	std.out = out
	root := newRoot(std, env)
	root.SetArgs(args)
	var unknown error
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if rest := cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
			unknown = &usageError{fmt.Errorf("unknown command %q for %q (see %s --help)", rest[0], cmd.CommandPath(), cmd.CommandPath())}
			return
		}
		help(cmd, args)
	})
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = unknown // whose help was asked for
	}
	if err == nil {
		err = out.failure()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(std.err, "decnetd:", explain(err))
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// explain returns err as one line for people, without the kind of error that it, what it joins
// and what it wraps end with for programs.
func explain(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		for _, kind := range []error{decnet.ErrNotFound, decnet.ErrConflict, decnet.ErrInvalid, decnet.ErrSemantic, decnet.ErrForbidden} {
			lines[i] = strings.ReplaceAll(strings.TrimSuffix(lines[i], ": "+kind.Error()), ": "+kind.Error()+"; ", "; ")
		}
	}
	return plain(strings.Join(lines, "; "))
}

// usageError says that the command line is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRoot(std streams, env func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:           "decnetd",
		Short:         "A network of fake machines that tells who attacks it",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newUp(env),
		newDeploy(env),
		newTeardown(env),
		newStatus(env),
		newMutate(env),
		newCollect(env),
		newProfile(env),
		newAPI(env),
		newCompose(),
		newServices(),
		newArchetypes(),
		newDistros(),
		newFingerprint(),
		newSniff(),
		newProbe(),
		newCorrelate(),
		newUser(env),
		newDB(env),
		newVersion(),
	)
	checkArgs(root)
	return root
}

// checkArgs makes a wrong number of arguments a usage error, in c and below.
func checkArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
}

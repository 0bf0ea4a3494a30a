package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/fleet/pot"
	"github.com/decnet/decnet/services"
)

// engineFlags say which container engine there is and how images are made.
type engineFlags struct {
	host    string
	pot     string
	replace bool
	noCache bool
	pull    bool
	noLink  bool
	wait    time.Duration // for its first sign of life; 0: as docker.Options says
}

// find adds the flags of commands that only look for containers.
func (f *engineFlags) find(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.host, "engine", "", "address of the container engine (default: DOCKER_HOST, or unix:///var/run/docker.sock)")
}

// program adds the flag for what containers run.
func (f *engineFlags) program(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.pot, "pot", "", "the program "+pot.Executable+", which containers run (default: beside this program, or in PATH)")
}

// make adds the flags of commands that make containers.
func (f *engineFlags) make(cmd *cobra.Command) {
	f.find(cmd)
	f.program(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.replace, "replace-network", false, "replace a network of the fleet that has another driver or subnet, with all that is on it")
	flags.BoolVar(&f.noCache, "no-cache", false, "build all images anew")
	flags.BoolVar(&f.pull, "pull", false, "pull images that are not built, even those that exist")
	flags.BoolVar(&f.noLink, "no-host-interface", false, "do not add the interface by which this machine reaches its deckies, which needs root")
}

// fleetPlace is where containers of a fleet keep files, and what their host is on the LAN.
type fleetPlace struct {
	data        string
	host, host6 netip.Addr
}

// runtime connects to the engine. With making it can make containers, for which it looks
// for the program that they run.
func (f *engineFlags) runtime(registry *services.Registry, at fleetPlace, making bool, progress func(docker.Step), log *slog.Logger) (*docker.Runtime, error) {
	opt := docker.Options{
		Host: f.host, Replace: f.replace, NoCache: f.noCache, Pull: f.pull, NoHostInterface: f.noLink, Progress: progress, Log: log, Dial: f.wait,
		Compose: compose.Options{Host: at.host, Host6: at.host6},
	}
	if making {
		var err error
		if opt.Pot, err = pot.Find(f.pot); err != nil {
			return nil, fmt.Errorf("%w; build it, or say with --pot where it is", err)
		}
		if opt.Compose.Init, err = initProgram(opt.Pot); err != nil {
			return nil, err
		}
		data, err := filepath.Abs(at.data)
		if err != nil {
			return nil, err
		}
		opt.Compose.Artifacts = filepath.Join(data, "artifacts")
		if opt.Compose.Dir, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	rt, err := docker.New(registry, opt)
	if errors.Is(err, docker.ErrNoEngine) {
		return nil, fmt.Errorf("%w; start it, or say with --engine where it is", err)
	}
	return rt, err
}

// initProgram returns the program that real daemons are started by; nil where there is none,
// which a fleet without real daemons does not need.
func initProgram(beside string) ([]byte, error) {
	path, err := pot.FindInit(beside)
	if errors.Is(err, decnet.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// hostOn returns the addresses of this machine on the LAN of a fleet.
func hostOn(f decnet.Fleet) (host, host6 netip.Addr) {
	for _, a := range addressesOf(f.Interface) {
		if f.Subnet.Contains(a) && !host.IsValid() {
			host = a
		}
		if f.Subnet6.Contains(a) && !host6.IsValid() {
			host6 = a
		}
	}
	return host, host6
}

// progress shows the steps of a runtime on a terminal: one line for each that has ended,
// and on the last line what is under way.
type progress struct {
	out   io.Writer
	width int

	mu    sync.Mutex
	began map[string]time.Time
	shown bool // something is under way on the last line
}

// newProgress returns nil where out is no terminal.
func newProgress(out io.Writer) *progress {
	if !isTerminal(out) {
		return nil
	}
	return &progress{out: out, width: 79, began: make(map[string]time.Time)}
}

// step is for docker.Options.Progress; of a nil progress it does nothing.
func (p *progress) step(s docker.Step) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	what := plain(s.String())
	switch s.Phase {
	case docker.PhaseBegun:
		p.began[what] = time.Now()
		p.last(what)
	case docker.PhaseSays:
		s.Reason = "" // there is no room for both
		p.last(plain(s.String()) + ": " + plain(s.Text))
	case docker.PhaseRetry:
		p.line("again  ", what, s.Err)
	case docker.PhaseFailed:
		p.line("failed ", what, s.Err)
		delete(p.began, what)
	case docker.PhaseDone:
		p.line(fmt.Sprintf("%5.1fs ", time.Since(p.began[what]).Seconds()), what, nil)
		delete(p.began, what)
	}
	if !p.shown {
		p.others()
	}
}

// others shows of what is still under way that which began first.
func (p *progress) others() {
	first := ""
	for what, at := range p.began {
		if first == "" || at.Before(p.began[first]) {
			first = what
		}
	}
	if first != "" {
		p.last(first)
	}
}

// last shows what is under way, as much as a line takes.
func (p *progress) last(text string) {
	if r := []rune(text); len(r) > p.width-8 {
		text = string(r[:p.width-8])
	}
	p.shown = true
	fmt.Fprintf(p.out, "\r\x1b[K       %s", text)
}

func (p *progress) line(head, what string, err error) {
	p.shown = false
	if err != nil {
		what += ": " + explain(err)
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s%s\n", head, what)
}

// say shows a line that is no step.
func (p *progress) say(text string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line("", plain(text), nil)
}

// end takes away what was under way.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		p.shown = false
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

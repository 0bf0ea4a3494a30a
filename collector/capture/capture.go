package capture

import (
	"cmp"
	"context"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Container is one whose files are watched.
type Container struct {
	PID     int    // of its first process, as the host counts
	Decky   string // from its label
	Service string // from its label
}

// Containers tells which containers there are.
type Containers interface {
	// Watch calls set with all containers to watch, at once and whenever they have
	// changed, until ctx ends. A container that was started again is another one.
	Watch(ctx context.Context, set func([]Container)) error
}

// Options bounds a Watcher. The zero value is usable.
type Options struct {
	// Paths are the directories whose files are kept; nil: /root, /tmp, /var/tmp, /home,
	// /var/www, /opt and /dev/shm.
	Paths []string

	MaxFile int64 // bytes of one file; 0: 50 MiB
	Queue   int   // files of one container that wait, open, to be kept; 0: 64
	Workers int   // files that are kept at a time; 0: 2

	// Programs is how many programs of one container are reported in a second, of the files
	// that their starts open, which are up to three for each; 0: 200.
	Programs int

	Log *slog.Logger     // nil: discarded
	Now func() time.Time // nil: time.Now
}

func (o Options) complete() Options {
	if o.Paths == nil {
		o.Paths = []string{"/root", "/tmp", "/var/tmp", "/home", "/var/www", "/opt", "/dev/shm"}
	}
	o.MaxFile = cmp.Or(o.MaxFile, 50<<20)
	o.Queue = cmp.Or(o.Queue, 64)
	o.Workers = cmp.Or(o.Workers, 2)
	o.Programs = cmp.Or(o.Programs, 200)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// wanted reports whether a file is kept: one below the paths that is not what a log-in
// leaves by itself.
func (o Options) wanted(name string) bool {
	base := path.Base(name)
	switch base {
	case ".bash_history", ".viminfo", ".lesshst", ".wget-hsts":
		return false
	}
	if ok, _ := path.Match("ssh_host_*_key*", base); ok {
		return false
	}
	return slices.ContainsFunc(o.Paths, func(dir string) bool { return strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/") })
}

// Watcher keeps what is written in containers. Make one with [New].
type Watcher struct {
	containers Containers
	files      services.Artifacts
	sink       decnet.Sink
	opt        Options
	room       chan struct{} // one for each file that is being kept
}

// New makes a Watcher that stores in files and reports to sink.
func New(containers Containers, files services.Artifacts, sink decnet.Sink, opt Options) *Watcher {
	opt = opt.complete()
	return &Watcher{containers, files, sink, opt, make(chan struct{}, opt.Workers)}
}

// Run watches until ctx ends, and then returns nil. A container that cannot be watched is
// reported to the log and as an event capture_failed, and the others go on. The error is
// that of Containers. It needs CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH in the
// namespaces of the machine.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	watched := make(map[Container]context.CancelFunc)
	err := w.containers.Watch(ctx, func(list []Container) {
		for c, stop := range watched {
			if !slices.Contains(list, c) {
				stop()
				delete(watched, c)
			}
		}
		for _, c := range list {
			if watched[c] != nil {
				continue
			}
			one, stop := context.WithCancel(ctx)
			watched[c] = stop
			running.Go(func() {
				defer stop()
				if err := w.watch(one, c); err != nil && one.Err() == nil {
					w.failed(c, err)
				}
			})
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// failed reports that a container is not watched, or not for everything.
func (w *Watcher) failed(c Container, err error) {
	w.opt.Log.Error("container is not watched", "decky", c.Decky, "service", c.Service, "err", err)
	w.emit(c, decnet.SeverityWarning, "capture_failed", []decnet.Field{decnet.F("error", err.Error())})
}

// emit reports an event of a container.
func (w *Watcher) emit(c Container, sev decnet.Severity, typ string, fields []decnet.Field) {
	w.sink.Emit(decnet.Event{
		Time: w.opt.Now(), Decky: c.Decky, Service: c.Service, Type: typ, Severity: sev,
		Attacker: decnet.AttackerOf(fields), Fields: fields,
	})
}

package capture

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// written is a file that was written in a container.
type written struct {
	f        *os.File
	path     string
	at       time.Time
	writer   process
	origin   origin
	peers    []peer
	sessions []login
}

// watch watches one container until ctx ends or the container does.
func (w *Watcher) watch(ctx context.Context, c Container) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pidfd, err := unix.PidfdOpen(c.PID, 0)
	if err != nil {
		return fmt.Errorf("capture: process %d: %w", c.PID, err)
	}
	first := os.NewFile(uintptr(pidfd), "")
	defer first.Close()
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC|unix.O_NOATIME)
	if err != nil {
		return fmt.Errorf("capture: fanotify: %w", err)
	}
	group := os.NewFile(uintptr(fd), "fanotify")
	defer group.Close()
	if err := mark(fd, c, unix.FAN_CLOSE_WRITE, w.opt.covers); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = group.SetReadDeadline(time.Unix(1, 0)) }) // a closed group needs none
	defer stop()
	var running sync.WaitGroup
	defer func() {
		cancel()
		running.Wait()
	}()
	running.Go(func() {
		defer cancel()
		awaitEnd(ctx, pidfd)
	})
	at := &guests{pid: c.PID, service: c.Service, port: portOf(c.Service)}
	running.Go(func() { at.watch(ctx) })
	started, err := w.watchPrograms(c, at)
	if err != nil { // a kernel without permission events
		w.failed(c, err)
	} else if started != nil {
		running.Go(func() {
			if err := started.read(ctx); err != nil {
				w.failed(c, err)
			}
		})
	}
	queue := make(chan written, w.opt.Queue)
	defer close(queue)
	for range w.opt.Workers {
		running.Go(func() {
			for f := range queue {
				w.room <- struct{}{}
				w.keep(context.WithoutCancel(ctx), c, f)
				<-w.room
			}
		})
	}
	return w.read(ctx, group, c, at, queue)
}

// awaitEnd returns when a process has ended or ctx has.
func awaitEnd(ctx context.Context, pidfd int) {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 500)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// mark asks for what happens to files in those mounts of the container that covers names. Of
// a file system that it has to itself every file is asked for; of another, such as a
// directory of the host, those that are reached through the mount of the container.
func mark(fd int, c Container, events uint64, covers func(mount string) bool) error {
	dir := "/proc/" + strconv.Itoa(c.PID)
	info, err := os.ReadFile(dir + "/mountinfo")
	if err != nil {
		return fmt.Errorf("capture: mounts: %w", err)
	}
	marked := 0
	for _, m := range parseMounts(string(info)) {
		if !covers(m.dir) {
			continue
		}
		flags := uint(unix.FAN_MARK_ADD | unix.FAN_MARK_MOUNT)
		switch m.kind {
		case "overlay", "tmpfs":
			flags = unix.FAN_MARK_ADD | unix.FAN_MARK_FILESYSTEM
		case "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue":
			continue
		}
		if err := unix.FanotifyMark(fd, flags, events, unix.AT_FDCWD, dir+"/root"+m.dir); err != nil {
			return fmt.Errorf("capture: mark of %s: %w", m.dir, err)
		}
		marked++
	}
	if marked == 0 {
		return fmt.Errorf("capture: no file system of the container has a directory to watch: %w", decnet.ErrNotFound)
	}
	return nil
}

// covers reports whether files that are wanted can be below a mount.
func (o Options) covers(mount string) bool {
	below := func(a, b string) bool { return a == b || b == "/" || strings.HasPrefix(a, b+"/") }
	return slices.ContainsFunc(o.Paths, func(p string) bool {
		p = path.Clean(p)
		return below(p, mount) || below(mount, p)
	})
}

// read reads the events of a group until ctx ends.
func (w *Watcher) read(ctx context.Context, group *os.File, c Container, at *guests, queue chan<- written) error {
	buf := make([]byte, 16<<10)
	lost := &flood{w: w, c: c, typ: "file_skipped"}
	defer lost.tell(w.opt.Now())
	for {
		if err := group.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		n, err := group.Read(buf)
		lost.tellSometimes(w.opt.Now())
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return fmt.Errorf("capture: fanotify: %w", err)
		}
		err = eachEvent(buf[:n], func(mask uint64, fd, pid int) error {
			switch {
			case mask&unix.FAN_Q_OVERFLOW != 0:
				lost.add()
			case fd >= 0:
				w.arrived(c, at, os.NewFile(uintptr(fd), ""), pid, queue, lost)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// eachEvent calls f with the mask, the file and the process of each fanotify event.
func eachEvent(events []byte, f func(mask uint64, fd, pid int) error) error {
	for len(events) >= unix.FAN_EVENT_METADATA_LEN {
		size := binary.NativeEndian.Uint32(events)
		mask, fd, pid := binary.NativeEndian.Uint64(events[8:]), int32(binary.NativeEndian.Uint32(events[16:])), int32(binary.NativeEndian.Uint32(events[20:]))
		if size < unix.FAN_EVENT_METADATA_LEN || int(size) > len(events) {
			return errors.New("capture: fanotify: an event of no size")
		}
		events = events[size:]
		if err := f(mask, int(fd), int(pid)); err != nil {
			return err
		}
	}
	return nil
}

// arrived takes a file that was written, and finds out at once who did it.
func (w *Watcher) arrived(c Container, at *guests, f *os.File, pid int, queue chan<- written, lost *flood) {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	name = strings.TrimSuffix(name, " (deleted)")
	info, err2 := f.Stat()
	if err != nil || err2 != nil || !info.Mode().IsRegular() || info.Size() == 0 || pid == c.PID || !w.opt.wanted(name) {
		f.Close()
		return
	}
	item := written{f: f, path: name, at: w.opt.Now(), writer: look(pid)}
	daemon := daemonOf(item.writer, c.Service, c.PID) // it may end at any time
	var sockets []string
	if daemon.pid != 0 {
		sockets = socketsOf(daemon.pid)
	}
	item.peers = at.peers()
	for i, p := range item.peers {
		if slices.Contains(sockets, p.inode) {
			item.peers[i].pid = daemon.pid
		}
	}
	item.sessions = loginsOf(c.PID)
	item.origin = attribute(daemon, sockets, item.peers, item.sessions)
	select {
	case queue <- item:
	default:
		f.Close()
		lost.add()
	}
}

// loginsOf returns whom utmp of a container names. The file is the intruder's to replace:
// nothing outside of the container is opened, and nothing that is no file.
func loginsOf(pid int) []login {
	root, err := os.Open("/proc/" + strconv.Itoa(pid) + "/root")
	if err != nil {
		return nil
	}
	defer root.Close()
	fd, err := unix.Openat2(int(root.Fd()), "run/utmp", &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, maxUtmp))
	if err != nil {
		return nil
	}
	return parseUtmp(data)
}

// keep stores a file and reports it.
func (w *Watcher) keep(ctx context.Context, c Container, item written) {
	defer item.f.Close()
	info, err := item.f.Stat()
	if err != nil {
		w.skip(c, item, 0, "error")
		return
	}
	if info.Size() > w.opt.MaxFile {
		w.skip(c, item, info.Size(), "oversize")
		return
	}
	stored, err := w.files.Store(ctx, c.Decky, c.Service, item.path, io.NewSectionReader(item.f, 0, w.opt.MaxFile))
	switch {
	case errors.Is(err, services.ErrQuota):
		w.skip(c, item, stored.Size, "quota")
	case err != nil:
		w.opt.Log.Error("file is not kept", "decky", c.Decky, "err", err)
		w.skip(c, item, stored.Size, "error")
	default:
		w.emit(c, decnet.SeverityInfo, "file_captured", item.fields(stored, info.ModTime()))
	}
}

func (w *Watcher) skip(c Container, item written, size int64, reason string) {
	fields := append(item.origin.address(), decnet.F("size", strconv.FormatInt(size, 10)))
	w.emit(c, decnet.SeverityWarning, "file_skipped", append(appendText(fields, "orig_path", item.path), decnet.F("reason", reason)))
}

// address is the attacker, as far as known.
func (o origin) address() []decnet.Field {
	var fields []decnet.Field
	if o.from.IsValid() || o.from.Addr().IsValid() {
		fields = append(fields, decnet.F("src_ip", o.from.Addr().String()))
	}
	if o.from.Port() != 0 {
		fields = append(fields, decnet.F("src_port", strconv.Itoa(int(o.from.Port()))))
	}
	return fields
}

// fields are those of the event of a file.
func (item written) fields(stored services.Artifact, modified time.Time) []decnet.Field {
	fields := []decnet.Field{
		decnet.F("stored_as", stored.StoredAs), decnet.F("sha256", stored.SHA256), decnet.F("size", strconv.FormatInt(stored.Size, 10)),
	}
	fields = appendText(fields, "orig_path", item.path)
	fields = append(fields, item.origin.address()...)
	daemon := ""
	if item.origin.pid != 0 {
		daemon = strconv.Itoa(item.origin.pid)
	}
	for _, f := range []decnet.Field{
		decnet.F("ssh_user", item.origin.user), decnet.F("ssh_pid", daemon), decnet.F("attribution", item.origin.how),
		decnet.F("writer_pid", strconv.Itoa(item.writer.pid)), decnet.F("writer_comm", item.writer.comm), decnet.F("writer_uid", item.writer.uid),
		decnet.F("mtime", modified.UTC().Format(time.RFC3339)),
	} {
		if f.Value != "" {
			fields = appendText(fields, f.Key, f.Value)
		}
	}
	return append(fields, decnet.F("meta_json_b64", item.meta()))
}

// meta is what has no field of its own.
func (item written) meta() string {
	type snapshot struct {
		PID  int    `json:"pid,omitempty"`
		IP   string `json:"src_ip"`
		Port uint16 `json:"src_port"`
	}
	peers := []snapshot{}
	for _, p := range item.peers {
		peers = append(peers, snapshot{p.pid, p.addr.Addr().String(), p.addr.Port()})
	}
	text, _ := json.Marshal(map[string]any{ // texts, numbers and times always marshal, maps by key
		"captured_at": item.at.UTC().Format(time.RFC3339Nano), "writer_cmdline": item.writer.title, "writer_loginuid": item.writer.loginUID,
		"concurrent_sessions": append([]login{}, item.sessions...), "ss_snapshot": peers,
	})
	return base64.StdEncoding.EncodeToString(text)
}

// appendText adds a text, and its bytes where it is not printable.
func appendText(fields []decnet.Field, key, value string) []decnet.Field {
	fields = append(fields, decnet.F(key, value))
	if !utf8.ValidString(value) || !services.Printable(value) {
		fields = append(fields, decnet.F(key+"_b64", base64.StdEncoding.EncodeToString([]byte(value))))
	}
	return fields
}

// flood counts what was lost because it came faster than it could be dealt with.
type flood struct {
	w    *Watcher
	c    Container
	typ  string // of the event that tells so
	n    int
	told time.Time
}

func (l *flood) add() { l.n++ }

func (l *flood) tellSometimes(now time.Time) {
	if now.Sub(l.told) >= time.Second {
		l.tell(now)
	}
}

// tell reports what was lost since it was told last.
func (l *flood) tell(now time.Time) {
	if l.n == 0 {
		return
	}
	l.w.emit(l.c, decnet.SeverityWarning, l.typ, []decnet.Field{decnet.F("count", strconv.Itoa(l.n)), decnet.F("reason", "overflow")})
	l.n, l.told = 0, now
}

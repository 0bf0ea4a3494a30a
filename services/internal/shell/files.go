package shell

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Files is the file tree of a machine as one attacker sees and changes it, for SFTP and
// SCP. Paths are absolute or relative to the home directory. Errors are *fs.PathError
// with a syscall.Errno, so errors.Is with fs.ErrNotExist, fs.ErrExist and
// fs.ErrPermission works. Safe for concurrent use.
type Files struct {
	sh   *Shell
	dir  string
	cred cred
}

// File is an open file. Close of a file that was written to reports file_captured.
// Offsets beyond the end read io.EOF.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
}

func (f *Files) abs(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = f.dir + "/" + name
	}
	return name
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// Open opens a file with the flags of os.OpenFile. perm holds for a file that is created.
func (f *Files) Open(name string, flag int, perm fs.FileMode) (File, error) {
	h, err := f.open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (f *Files) open(name string, flag int, perm fs.FileMode) (*handle, error) {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	canonical, n, err := l.lookup(f.sh, f.cred, f.abs(name), flag&syscall.O_NOFOLLOW == 0)
	write := flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case err == syscall.ENOENT && canonical != "" && flag&os.O_CREATE != 0:
		if strings.HasSuffix(name, "/") {
			return nil, fail("open", name, syscall.EISDIR)
		}
		if n, err = l.newNode(f.sh, f.cred, canonical, perm.Perm()); err != nil {
			return nil, fail("open", name, err)
		}
	case err != nil:
		return nil, fail("open", name, err)
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		return nil, fail("open", name, syscall.EEXIST)
	case n.isDir() && write:
		return nil, fail("open", name, syscall.EISDIR)
	case write && !f.cred.may(n, 2), !write && !f.cred.may(n, 4):
		return nil, fail("open", name, syscall.EACCES)
	case write && n.fixed:
		return nil, fail("open", name, syscall.EPERM)
	case write && n.mode.IsRegular() && !virtual(canonical):
		if n = l.own(canonical); flag&os.O_TRUNC != 0 {
			if err := l.truncate(f.sh, n, 0); err != nil {
				return nil, fail("open", name, err)
			}
		}
	}
	h := &handle{f: f, path: canonical, node: n, write: write, read: flag&os.O_WRONLY == 0, end: flag&os.O_APPEND != 0}
	if !write && n.src != nil && n.mode.IsRegular() {
		if _, ok := n.src.(*blob); !ok {
			h.fixed = n.src.bytes(f.sh)
		}
	}
	return h, nil
}

// handle is an open file.
type handle struct {
	f           *Files
	path        string
	node        *node
	read, write bool
	end         bool   // append
	fixed       []byte // content of a file that is made when it is opened

	mu     sync.Mutex // before layer.mu
	off    int64
	dirty  bool
	closed bool
}

func (h *handle) device() string {
	if h.node.mode&fs.ModeDevice != 0 {
		return path.Base(h.path)
	}
	return ""
}

// Stat describes the file as it is now.
func (h *handle) Stat() (fs.FileInfo, error) {
	l := h.f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	return h.f.sh.describe(path.Base(h.path), h.node), nil
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	if !h.read {
		return 0, fail("read", h.path, syscall.EBADF)
	}
	if h.node.isDir() {
		return 0, fail("read", h.path, syscall.EISDIR)
	}
	switch h.device() {
	case "":
	case "zero", "full":
		clear(p)
		return len(p), nil
	case "random", "urandom":
		return h.f.sh.m.noise(p), nil
	default:
		return 0, io.EOF
	}
	content := h.fixed
	l := h.f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	if b, ok := h.node.src.(*blob); ok {
		content = b.b
	}
	if off < 0 || off >= int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(p, content[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.ReadAt(p, h.off)
	h.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writeAt(p, off)
}

func (h *handle) writeAt(p []byte, off int64) (int, error) {
	if !h.write || h.closed {
		return 0, fail("write", h.path, syscall.EBADF)
	}
	if d := h.device(); d != "" {
		if d == "full" {
			return 0, fail("write", h.path, syscall.ENOSPC)
		}
		return len(p), nil
	}
	if virtual(h.path) || !h.node.mode.IsRegular() {
		return len(p), nil
	}
	l := h.f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	end, err := l.write(h.f.sh, h.node, p, off)
	if err != nil {
		return 0, fail("write", h.path, err)
	}
	h.off, h.dirty = end, true
	return len(p), nil
}

func (h *handle) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	off := h.off
	if h.end {
		off = -1
	}
	return h.writeAt(p, off)
}

func (h *handle) Truncate(size int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.write || !h.node.mode.IsRegular() || virtual(h.path) {
		return fail("truncate", h.path, syscall.EINVAL)
	}
	l := h.f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.truncate(h.f.sh, h.node, size); err != nil {
		return fail("truncate", h.path, err)
	}
	h.dirty = true
	return nil
}

// Close reports what was written.
func (h *handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	if h.dirty {
		l := h.f.sh.files
		l.mu.RLock()
		var content []byte
		if b, ok := h.node.src.(*blob); ok {
			content = bytes.Clone(b.b)
		}
		l.mu.RUnlock()
		h.f.sh.capture(context.Background(), h.path, content)
	}
	return nil
}

// Stat follows symbolic links, Lstat does not. Sys returns a *syscall.Stat_t with owner,
// group, inode and number of links.
func (f *Files) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat is Stat of a symbolic link itself.
func (f *Files) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *Files) stat(op, name string, follow bool) (*info, error) {
	l := f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	if name == "" {
		return nil, fail(op, name, syscall.ENOENT)
	}
	canonical, n, err := l.lookup(f.sh, f.cred, f.abs(name), follow)
	if err != nil {
		return nil, fail(op, name, err)
	}
	return f.sh.describe(path.Base(canonical), n), nil
}

// ReadDir lists a directory, sorted by name.
func (f *Files) ReadDir(name string) ([]fs.FileInfo, error) {
	list, err := f.list(name)
	if err != nil {
		return nil, err
	}
	out := make([]fs.FileInfo, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out, nil
}

func (f *Files) list(name string) ([]*info, error) {
	l := f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, n, err := l.lookup(f.sh, f.cred, f.abs(name), true)
	switch {
	case err != nil:
		return nil, fail("open", name, err)
	case !n.isDir():
		return nil, fail("readdir", name, syscall.ENOTDIR)
	case !f.cred.may(n, 4):
		return nil, fail("open", name, syscall.EACCES)
	}
	kids := n.children(f.sh)
	list := make([]*info, len(kids))
	for i, k := range kids {
		list[i] = f.sh.describe(k.name, k.node)
	}
	return list, nil
}

// read returns the whole content of a file.
func (f *Files) read(name string) ([]byte, error) {
	h, err := f.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if h.node.isDir() {
		return nil, fail("read", name, syscall.EISDIR)
	}
	if h.device() != "" {
		return nil, nil
	}
	if _, ok := h.node.src.(*blob); !ok {
		return h.fixed, nil
	}
	l := f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	return bytes.Clone(h.node.src.bytes(f.sh)), nil
}

// RealPath returns the absolute path without symbolic links. The last element need not
// exist.
func (f *Files) RealPath(name string) (string, error) {
	l := f.sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	canonical, _, err := l.lookup(f.sh, f.cred, f.abs(name), true)
	if err != nil && canonical == "" {
		return "", fail("realpath", name, err)
	}
	return canonical, nil
}

// Readlink returns what a symbolic link holds.
func (f *Files) Readlink(name string) (string, error) {
	i, err := f.stat("readlink", name, false)
	if err != nil {
		return "", err
	}
	if i.mode&fs.ModeSymlink == 0 {
		return "", fail("readlink", name, syscall.EINVAL)
	}
	return i.node.target, nil
}

// Rename moves a file or directory, replacing a file at newname.
func (f *Files) Rename(oldname, newname string) error {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	from, n, err := l.lookup(f.sh, f.cred, f.abs(oldname), false)
	if err != nil {
		return fail("rename", oldname, err)
	}
	to, old, err := l.lookup(f.sh, f.cred, f.abs(strings.TrimRight(newname, "/")), false)
	switch {
	case err != nil && to == "":
		return fail("rename", newname, err)
	case from == to:
		return nil
	case strings.HasPrefix(to, from+"/"), from == "/", to == "/":
		return fail("rename", newname, syscall.EINVAL)
	case old != nil && old.isDir() && !n.isDir():
		return fail("rename", newname, syscall.EISDIR)
	case old != nil && old.isDir() && len(old.kids) > 0:
		return fail("rename", newname, syscall.ENOTEMPTY)
	case old != nil && !old.isDir() && n.isDir():
		return fail("rename", newname, syscall.ENOTDIR)
	}
	dir := l.at(f.sh, path.Dir(to))
	if dir == nil || virtual(path.Dir(to)) || !f.cred.may(dir, 3) {
		return fail("rename", newname, syscall.EACCES)
	}
	if err := l.charge(nodeCost + int64(len(path.Base(to)))); err != nil {
		return fail("rename", newname, err)
	}
	n = l.own(from)
	if n == nil {
		return fail("rename", oldname, syscall.EPERM)
	}
	n.links++ // held while it has no name
	if err := l.detach(f.sh, f.cred, from); err != nil {
		n.links--
		return fail("rename", oldname, err)
	}
	if old != nil {
		if err := l.detach(f.sh, f.cred, to); err != nil {
			l.attach(l.own(path.Dir(from)), path.Base(from), n)
			return fail("rename", newname, err)
		}
	}
	l.attach(l.own(path.Dir(to)), path.Base(to), n)
	return nil
}

// Remove removes a file or an empty directory.
func (f *Files) Remove(name string) error {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	canonical, n, err := l.lookup(f.sh, f.cred, f.abs(name), false)
	switch {
	case err != nil:
		return fail("remove", name, err)
	case canonical == "/":
		return fail("remove", name, syscall.EBUSY)
	case n.isDir() && len(n.kids) > 0:
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	if err := l.detach(f.sh, f.cred, canonical); err != nil {
		return fail("remove", name, err)
	}
	return nil
}

// Mkdir makes a directory.
func (f *Files) Mkdir(name string, perm fs.FileMode) error {
	_, err := f.make("mkdir", strings.TrimRight(name, "/"), fs.ModeDir|perm.Perm())
	return err
}

// Symlink makes newname a symbolic link that holds oldname.
func (f *Files) Symlink(oldname, newname string) error {
	if len(oldname) > maxPath || oldname == "" {
		return fail("symlink", newname, syscall.ENOENT)
	}
	n, err := f.make("symlink", newname, fs.ModeSymlink|0o777)
	if err == nil {
		l := f.sh.files
		l.mu.Lock()
		defer l.mu.Unlock()
		n.target = oldname
	}
	return err
}

func (f *Files) make(op, name string, mode fs.FileMode) (*node, error) {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	canonical, _, err := l.lookup(f.sh, f.cred, f.abs(name), false)
	if err == nil {
		return nil, fail(op, name, syscall.EEXIST)
	}
	if canonical == "" {
		return nil, fail(op, name, err)
	}
	n, err := l.newNode(f.sh, f.cred, canonical, mode)
	if err != nil {
		return nil, fail(op, name, err)
	}
	return n, nil
}

// Link makes newname another name of oldname.
func (f *Files) Link(oldname, newname string) error {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	from, n, err := l.lookup(f.sh, f.cred, f.abs(oldname), false)
	if err != nil {
		return fail("link", oldname, err)
	}
	if n.isDir() {
		return fail("link", oldname, syscall.EPERM)
	}
	to, _, err := l.lookup(f.sh, f.cred, f.abs(newname), false)
	if err == nil {
		return fail("link", newname, syscall.EEXIST)
	}
	if to == "" {
		return fail("link", newname, err)
	}
	if _, err := l.newNode(f.sh, f.cred, to, n.mode); err != nil {
		return fail("link", newname, err)
	}
	if n = l.own(from); n == nil {
		return fail("link", oldname, syscall.EXDEV)
	}
	n.links++
	l.attach(l.own(path.Dir(to)), path.Base(to), n)
	return nil
}

// change applies f to the node of name if the caller owns it.
func (f *Files) change(op, name string, follow bool, set func(*node)) error {
	l := f.sh.files
	l.mu.Lock()
	defer l.mu.Unlock()
	canonical, n, err := l.lookup(f.sh, f.cred, f.abs(name), follow)
	switch {
	case err != nil:
		return fail(op, name, err)
	case f.cred.uid != 0 && f.cred.uid != n.uid, n.fixed && op != "chattr":
		return fail(op, name, syscall.EPERM)
	case virtual(canonical):
		return fail(op, name, syscall.EPERM)
	}
	if n.owner != l {
		if err := l.charge(nodeCost); err != nil {
			return fail(op, name, err)
		}
	}
	set(l.own(canonical))
	return nil
}

const permBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// Chmod sets the permission bits.
func (f *Files) Chmod(name string, mode fs.FileMode) error {
	return f.change("chmod", name, true, func(n *node) { n.mode = n.mode&^permBits | mode&permBits })
}

// Chown sets owner and group; -1 leaves one as it is. Only root may.
func (f *Files) Chown(name string, uid, gid int) error {
	if f.cred.uid != 0 {
		return fail("chown", name, syscall.EPERM)
	}
	return f.change("chown", name, true, func(n *node) {
		if uid >= 0 {
			n.uid = uint32(uid)
		}
		if gid >= 0 {
			n.gid = uint32(gid)
		}
	})
}

// Chtimes sets the time of the last change.
func (f *Files) Chtimes(name string, mtime time.Time) error {
	return f.change("chtimes", name, true, func(n *node) { n.mtime = max(0, mtime.Unix()) })
}

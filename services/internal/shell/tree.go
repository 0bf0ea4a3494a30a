package shell

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Times that a node holds instead of a fixed one.
const (
	timeNow  int64 = -1 // changes all the time, like /proc and the logs
	timeBoot int64 = -2 // since the machine was started, like /run
)

const (
	maxPath     = 4096
	maxName     = 255
	maxSymlinks = 40
	nodeCost    = 512 // what one file costs of the quota besides its content
)

// node is one inode. Nodes of the base are shared by all attackers and never change; a
// layer changes only nodes that it owns.
type node struct {
	owner    *layer // nil: the base
	mode     fs.FileMode
	uid, gid uint32
	mtime    int64 // Unix seconds, or timeNow, timeBoot
	ino      uint64
	links    int32
	fixed    bool    // chattr +i
	kids     []entry // of a directory, sorted by name
	src      source  // of a regular file or device, nil: empty
	target   string  // of a symbolic link
}

type entry struct {
	name string
	node *node
}

// source is the content of a file. It is asked while the layer is locked, so it must not
// use the files of the log-in itself. The order of locks is handle, layer, attacker,
// Shell, Machine, services.Host.
type source interface {
	bytes(sh *Shell) []byte
	size(sh *Shell) int64
}

// text is fixed content shared by all machines.
type text string

func (t text) bytes(*Shell) []byte { return []byte(t) }
func (t text) size(*Shell) int64   { return int64(len(t)) }

// blob is content that an attacker wrote. It belongs to one node.
type blob struct{ b []byte }

func (b *blob) bytes(*Shell) []byte { return b.b }
func (b *blob) size(*Shell) int64   { return int64(len(b.b)) }

// made is content that is made when it is read.
type made func(sh *Shell) []byte

func (f made) bytes(sh *Shell) []byte { return f(sh) }
func (f made) size(sh *Shell) int64   { return int64(len(f(sh))) }

// kernel is made content whose size is told as 0, as in /proc and /sys.
type kernel func(sh *Shell) []byte

func (f kernel) bytes(sh *Shell) []byte { return f(sh) }
func (f kernel) size(*Shell) int64      { return 0 }

// listing is the content of a directory that is made when it is looked at, besides kids.
type listing func(sh *Shell) []entry

func (f listing) bytes(*Shell) []byte { return nil }
func (f listing) size(*Shell) int64   { return 0 }

func (n *node) children(sh *Shell) []entry {
	if l, ok := n.src.(listing); ok {
		all := append(slices.Clip(n.kids), l(sh)...)
		slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
		return all
	}
	return n.kids
}

func (n *node) child(sh *Shell, name string) *node {
	if i, ok := n.find(name); ok {
		return n.kids[i].node
	}
	if l, ok := n.src.(listing); ok {
		for _, e := range l(sh) {
			if e.name == name {
				return e.node
			}
		}
	}
	return nil
}

func (n *node) find(name string) (int, bool) {
	return slices.BinarySearchFunc(n.kids, name, func(e entry, name string) int {
		return strings.Compare(e.name, name)
	})
}

func (n *node) isDir() bool { return n.mode.IsDir() }

// layer is the file tree of one attacker: the base and what the attacker changed. Its
// methods are safe for concurrent use.
type layer struct {
	quota int64

	mu   sync.RWMutex
	root *node
	used int64
	ino  uint64
}

// cred is who does something.
type cred struct {
	name     string
	uid, gid uint32
	groups   []uint32
}

func (c cred) may(n *node, want fs.FileMode) bool {
	if c.uid == 0 {
		return want&1 == 0 || n.isDir() || n.mode.Perm()&0o111 != 0
	}
	perm := n.mode.Perm()
	switch {
	case c.uid == n.uid:
		perm >>= 6
	case c.gid == n.gid || slices.Contains(c.groups, n.gid):
		perm >>= 3
	}
	return perm&want == want
}

// lookup walks to name, which is absolute. It returns the path without symbolic links and
// the node, which is nil with ENOENT when only the last element is missing.
func (l *layer) lookup(sh *Shell, c cred, name string, follow bool) (string, *node, error) {
	if len(name) > maxPath {
		return "", nil, syscall.ENAMETOOLONG
	}
	rest := strings.Split(name, "/")
	dirOnly := strings.HasSuffix(name, "/")
	at, n := "/", l.root
	hops := 0
	for len(rest) > 0 {
		elem := rest[0]
		rest = rest[1:]
		switch {
		case elem == "" || elem == ".":
			continue
		case len(elem) > maxName:
			return "", nil, syscall.ENAMETOOLONG
		}
		if !n.isDir() {
			return "", nil, syscall.ENOTDIR
		}
		if !c.may(n, 1) {
			return "", nil, syscall.EACCES
		}
		if elem == ".." {
			at = path.Dir(at)
			n = l.at(sh, at)
			continue
		}
		last := !slices.ContainsFunc(rest, func(s string) bool { return s != "" && s != "." })
		k := n.child(sh, elem)
		if k == nil {
			if last {
				return path.Join(at, elem), nil, syscall.ENOENT
			}
			return "", nil, syscall.ENOENT
		}
		if k.mode&fs.ModeSymlink != 0 && (!last || follow || dirOnly) {
			if hops++; hops > maxSymlinks {
				return "", nil, syscall.ELOOP
			}
			if strings.HasPrefix(k.target, "/") {
				at, n = "/", l.root
			}
			rest = append(strings.Split(k.target, "/"), rest...)
			continue
		}
		at, n = path.Join(at, elem), k
	}
	if dirOnly && !n.isDir() {
		return "", nil, syscall.ENOTDIR
	}
	return at, n, nil
}

// at returns the node of a path without symbolic links.
func (l *layer) at(sh *Shell, canonical string) *node {
	n := l.root
	for elem := range strings.SplitSeq(strings.Trim(canonical, "/"), "/") {
		if elem == "" {
			continue
		}
		if n = n.child(sh, elem); n == nil {
			return nil
		}
	}
	return n
}

// own returns the node of a path without symbolic links after making it and all above it
// the layer's. It returns nil for what is made on the fly.
func (l *layer) own(canonical string) *node {
	l.root = l.owned(l.root)
	n := l.root
	for elem := range strings.SplitSeq(strings.Trim(canonical, "/"), "/") {
		if elem == "" {
			continue
		}
		i, ok := n.find(elem)
		if !ok {
			return nil
		}
		k := l.owned(n.kids[i].node)
		n.kids[i].node = k
		n = k
	}
	return n
}

func (l *layer) owned(n *node) *node {
	if n.owner == l {
		return n
	}
	c := *n
	c.owner = l
	c.kids = slices.Clone(n.kids)
	return &c
}

// newNode adds an empty node at canonical, whose parent exists.
func (l *layer) newNode(sh *Shell, c cred, canonical string, mode fs.FileMode) (*node, error) {
	dir, name := path.Split(canonical)
	parent := l.at(sh, dir)
	switch {
	case parent == nil:
		return nil, syscall.ENOENT
	case !c.may(parent, 3):
		return nil, syscall.EACCES
	case virtual(dir):
		return nil, syscall.EACCES
	case parent.fixed:
		return nil, syscall.EPERM
	}
	if err := l.charge(nodeCost + int64(len(name))); err != nil {
		return nil, err
	}
	n := &node{owner: l, mode: mode, uid: c.uid, gid: c.gid, mtime: sh.m.now().Unix(), links: 1}
	if mode.IsDir() {
		n.links = 2
	}
	l.ino++
	n.ino = 1<<20 + l.ino
	parent = l.own(dir)
	l.attach(parent, name, n)
	parent.mtime = n.mtime
	return n, nil
}

func (l *layer) attach(parent *node, name string, n *node) {
	if i, ok := parent.find(name); ok {
		parent.kids[i].node = n
	} else {
		parent.kids = slices.Insert(parent.kids, i, entry{name, n})
	}
}

// detach takes the entry at canonical out of its directory.
func (l *layer) detach(sh *Shell, c cred, canonical string) error {
	dir, name := path.Split(canonical)
	parent := l.at(sh, dir)
	switch {
	case parent == nil:
		return syscall.ENOENT
	case virtual(dir):
		return syscall.EPERM
	case !c.may(parent, 3), parent.mode&fs.ModeSticky != 0 && c.uid != 0 && l.at(sh, canonical).uid != c.uid:
		return syscall.EACCES
	case parent.fixed || l.at(sh, canonical).fixed:
		return syscall.EPERM
	}
	parent = l.own(dir)
	i, ok := parent.find(name)
	if !ok {
		return syscall.ENOENT
	}
	if n := parent.kids[i].node; n.owner == l {
		if n.links--; n.mode.IsRegular() && n.links == 0 {
			if b, ok := n.src.(*blob); ok {
				l.used -= int64(cap(b.b))
			}
		}
		l.used = max(0, l.used-nodeCost-int64(len(name)))
	}
	parent.kids = slices.Delete(parent.kids, i, i+1)
	parent.mtime = sh.m.now().Unix()
	return nil
}

func (l *layer) charge(n int64) error {
	if l.used+n > l.quota {
		return syscall.ENOSPC
	}
	l.used += n
	return nil
}

// virtual reports whether dir lies in a kernel file system, where nothing can be made.
func virtual(dir string) bool {
	return dir == "/proc" || dir == "/sys" || strings.HasPrefix(dir, "/proc/") || strings.HasPrefix(dir, "/sys/")
}

// write puts p at off, or at the end when off is negative, and returns the new offset.
func (l *layer) write(sh *Shell, n *node, p []byte, off int64) (int64, error) {
	b, ok := n.src.(*blob)
	if !ok {
		old := []byte(nil)
		if n.src != nil {
			old = slices.Clone(n.src.bytes(sh))
		}
		if err := l.charge(int64(cap(old))); err != nil {
			return 0, err
		}
		b = &blob{old}
		n.src = b
	}
	if off < 0 {
		off = int64(len(b.b))
	}
	end := off + int64(len(p))
	if end > int64(cap(b.b)) {
		if end > l.quota {
			return 0, syscall.ENOSPC
		}
		room := max(end, min(2*int64(cap(b.b)), end+1<<16))
		if err := l.charge(room - int64(cap(b.b))); err != nil {
			return 0, err
		}
		grown := make([]byte, len(b.b), room)
		copy(grown, b.b)
		b.b = grown
	}
	if end > int64(len(b.b)) {
		b.b = b.b[:end]
	}
	copy(b.b[off:], p)
	n.mtime = sh.m.now().Unix()
	return end, nil
}

func (l *layer) truncate(sh *Shell, n *node, size int64) error {
	if size < 0 {
		return syscall.EINVAL
	}
	if size == 0 {
		if b, ok := n.src.(*blob); ok {
			l.used -= int64(cap(b.b))
		}
		n.src = &blob{}
		n.mtime = sh.m.now().Unix()
		return nil
	}
	var have int64
	if n.src != nil {
		have = int64(len(n.src.bytes(sh)))
	}
	if size > have {
		if size > l.quota {
			return syscall.ENOSPC
		}
		_, err := l.write(sh, n, make([]byte, size-have), -1)
		return err
	}
	if _, err := l.write(sh, n, nil, -1); err != nil {
		return err
	}
	b := n.src.(*blob)
	clear(b.b[size:])
	b.b = b.b[:size]
	return nil
}

// info is the fs.FileInfo of a node as it was when it was asked for.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
	node  *node
	stat  syscall.Stat_t
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.mtime }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return &i.stat }

func (sh *Shell) describe(name string, n *node) *info {
	i := &info{name: name, mode: n.mode, node: n}
	switch n.mtime {
	case timeNow:
		i.mtime = sh.m.now()
	case timeBoot:
		i.mtime = sh.m.boot()
	default:
		i.mtime = time.Unix(n.mtime, int64(n.ino*2654435761%1_000_000_000))
	}
	links := n.links
	switch {
	case n.isDir():
		i.size = 4096
		links = 2
		for _, k := range n.kids {
			if k.node.isDir() {
				links++
			}
		}
		if l, ok := n.src.(listing); ok {
			links += int32(len(l(sh)))
			i.size = 0
		}
	case n.mode&fs.ModeSymlink != 0:
		i.size = int64(len(n.target))
	case n.mode.IsRegular() && n.src != nil:
		i.size = n.src.size(sh)
	}
	mode := uint32(n.mode.Perm())
	for _, bit := range [...]struct {
		m fs.FileMode
		s uint32
	}{
		{fs.ModeDir, syscall.S_IFDIR}, {fs.ModeSymlink, syscall.S_IFLNK}, {fs.ModeCharDevice, syscall.S_IFCHR &^ syscall.S_IFBLK},
		{fs.ModeDevice, syscall.S_IFBLK}, {fs.ModeNamedPipe, syscall.S_IFIFO}, {fs.ModeSocket, syscall.S_IFSOCK},
		{fs.ModeSetuid, syscall.S_ISUID}, {fs.ModeSetgid, syscall.S_ISGID}, {fs.ModeSticky, syscall.S_ISVTX},
	} {
		if n.mode&bit.m != 0 {
			mode |= bit.s
		}
	}
	if n.mode&fs.ModeCharDevice != 0 {
		mode = mode&^syscall.S_IFMT | syscall.S_IFCHR
	}
	if n.mode.IsRegular() {
		mode |= syscall.S_IFREG
	}
	t := syscall.Timespec{Sec: i.mtime.Unix(), Nsec: int64(i.mtime.Nanosecond())}
	i.stat = syscall.Stat_t{
		Dev: sh.m.hw.device(), Ino: n.ino, Mode: mode, Uid: n.uid, Gid: n.gid,
		Size: i.size, Blksize: 4096, Blocks: (i.size + 4095) / 4096 * 8, Atim: t, Mtim: t, Ctim: t,
	}
	setLinks(&i.stat.Nlink, links)
	return i
}

// setLinks sets a count whose size depends on the processor.
func setLinks[T uint32 | uint64](to *T, links int32) { *to = T(links) }

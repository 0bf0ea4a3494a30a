package ftp

import (
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what one attacker can add to the tree.
const (
	maxNodes    = 256      // files and directories
	maxKept     = 16 << 10 // bytes of one uploaded file that can be downloaded again
	maxKeptAll  = 64 << 10 // bytes of all of them
	maxNameSize = 255      // bytes in one name, as on ext4
	maxDepth    = 16       // directories in a path
	localUID    = 1000
)

// errRefused says that the file system does not allow something. vsftpd does not tell the
// client why.
var errRefused = errors.New("ftp: refused by the file system")

// node is a file or a directory. A node in a tree is not changed, but replaced.
type node struct {
	dir      bool
	mode     uint16 // permission bits
	uid, gid int
	size     int64
	mtime    time.Time
	content  []byte // shorter than size when it was not all kept
	added    bool   // by the attacker
}

// readable reports whether uid may read n. Guests read only what everybody may.
func (n *node) readable(uid int, guest bool) bool {
	if n.uid == uid && !guest {
		return n.mode&0o400 != 0
	}
	return n.mode&0o004 != 0
}

func (n *node) writable(uid int) bool {
	if n.uid == uid {
		return n.mode&0o200 != 0
	}
	return n.mode&0o002 != 0
}

// whole reports whether all of the content is there.
func (n *node) whole() bool { return !n.dir && int64(len(n.content)) == n.size }

// tree is a small file system in memory. Paths are clean and absolute. It is safe for
// concurrent use.
type tree struct {
	guestUID, guestGID int

	mu    sync.Mutex
	nodes map[string]*node
	added int // nodes by the attacker
	kept  int // bytes of their content
}

func (t *tree) clone() *tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &tree{guestUID: t.guestUID, guestGID: t.guestGID, nodes: make(map[string]*node, len(t.nodes)+8)}
	for p, n := range t.nodes {
		c.nodes[p] = n
	}
	return c
}

// stat returns the node at p, nil when there is none.
func (t *tree) stat(p string) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[p]
}

// entry is one line of a listing.
type entry struct {
	name string
	node *node
	subs int // directories in it
}

// list returns what is in the directory p, sorted by name. With all it includes hidden
// names, "." and "..". It returns false when p is no directory.
func (t *tree) list(p string, all bool) ([]entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[p]; n == nil || !n.dir {
		return nil, false
	}
	var list []entry
	if all {
		list = append(list, t.entry(".", p), t.entry("..", path.Dir(p)))
	}
	for q := range t.nodes {
		if q != "/" && path.Dir(q) == p && (all || !strings.HasPrefix(path.Base(q), ".")) {
			list = append(list, t.entry(path.Base(q), q))
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return list, true
}

func (t *tree) entry(name, p string) entry {
	e := entry{name: name, node: t.nodes[p]}
	if e.node.dir {
		for q, n := range t.nodes {
			if n.dir && q != "/" && path.Dir(q) == p {
				e.subs++
			}
		}
	}
	return e
}

// allows reports whether uid may create, remove or rename names in the directory of p.
func (t *tree) allows(p string, uid int) bool {
	d := t.nodes[path.Dir(p)]
	return p != "/" && d != nil && d.dir && d.writable(uid) &&
		len(path.Base(p)) <= maxNameSize && strings.Count(p, "/") <= maxDepth && !strings.Contains(p, "\x00")
}

// put places n at p. What is there already is replaced.
func (t *tree) put(p string, n *node) error {
	if old := t.nodes[p]; t.added >= maxNodes && (old == nil || !old.added) {
		return errRefused
	}
	t.forget(p)
	if t.kept+len(n.content) > maxKeptAll {
		n.content = nil
	}
	n.added = true
	t.added++
	t.kept += len(n.content)
	t.nodes[p] = n
	return nil
}

func (t *tree) forget(p string) {
	if n := t.nodes[p]; n != nil && n.added {
		t.added--
		t.kept -= len(n.content)
	}
	delete(t.nodes, p)
}

// mkdir makes the directory p.
func (t *tree) mkdir(p string, uid, gid int, mode uint16, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes[p] != nil || !t.allows(p, uid) {
		return errRefused
	}
	return t.put(p, &node{dir: true, mode: mode, uid: uid, gid: gid, size: 4096, mtime: now})
}

// create opens the file p for an upload: a new one is made empty, an old one is kept and
// returned, unless exclusive.
func (t *tree) create(p string, uid, gid int, mode uint16, exclusive bool, now time.Time) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[p]; n != nil {
		if exclusive || n.dir || !n.writable(uid) {
			return nil, errRefused
		}
		return n, nil
	}
	if !t.allows(p, uid) {
		return nil, errRefused
	}
	n := &node{mode: mode, uid: uid, gid: gid, mtime: now}
	return n, t.put(p, n)
}

// fill replaces the content of the file p.
func (t *tree) fill(p string, size int64, content []byte, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.nodes[p]
	if old == nil || old.dir {
		return // removed while the upload ran
	}
	n := *old
	n.size, n.content, n.mtime = size, content, now
	if t.put(p, &n) != nil {
		n.content = nil
		t.nodes[p] = &n // bait that was overwritten when there was no more room
	}
}

// remove deletes the file or, when dir, the empty directory p.
func (t *tree) remove(p string, uid int, dir bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[p]
	if n == nil || n.dir != dir || !t.allows(p, uid) || dir && t.occupied(p) {
		return errRefused
	}
	t.forget(p)
	return nil
}

func (t *tree) occupied(p string) bool {
	for q := range t.nodes {
		if q != "/" && path.Dir(q) == p {
			return true
		}
	}
	return false
}

// rename moves from to to, with all that is below it.
func (t *tree) rename(from, to string, uid int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, old := t.nodes[from], t.nodes[to]
	switch {
	case n == nil || !t.allows(from, uid) || !t.allows(to, uid) || strings.HasPrefix(to, from+"/"):
		return errRefused
	case from == to:
		return nil
	case old != nil && (old.dir != n.dir || old.dir && t.occupied(to)):
		return errRefused
	}
	t.forget(to)
	moved := make(map[string]*node)
	for q, m := range t.nodes {
		if q == from || strings.HasPrefix(q, from+"/") {
			moved[to+strings.TrimPrefix(q, from)] = m
			delete(t.nodes, q)
		}
	}
	for q, m := range moved {
		t.nodes[q] = m
	}
	return nil
}

// chmod sets the permission bits of p.
func (t *tree) chmod(p string, uid int, mode uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[p]
	if n == nil || n.uid != uid {
		return errRefused
	}
	c := *n
	c.mode = mode & 0o777
	t.nodes[p] = &c
	return nil
}

// touch sets the modification time of the file p.
func (t *tree) touch(p string, uid int, when time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[p]
	if n == nil || n.dir || n.uid != uid {
		return errRefused
	}
	c := *n
	c.mtime = when
	t.nodes[p] = &c
	return nil
}

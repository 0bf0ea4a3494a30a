package compose

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// suits says why c cannot be built for a decky that claims to be distro.
func suits(c services.Container, distro fleet.Distro) error {
	if c.Distros == nil || slices.Contains(c.Distros, distro.Slug) {
		return nil
	}
	return fmt.Errorf("the real program is prepared for %s, and would give away a decky that claims to be %s: %w", strings.Join(c.Distros, ", "), distro.Slug, decnet.ErrSemantic)
}

// withInit returns c with the first process in its build context, where c wants one.
func (t *translation) withInit(c services.Container) (services.Container, error) {
	switch {
	case c.Init == "":
		return c, nil
	case path.Base(c.Init) != c.Init || !fs.ValidPath(c.Init) || c.Init == ".":
		return c, fmt.Errorf("init %.80q is no file name: %w", c.Init, decnet.ErrInvalid)
	case t.opt.Init == nil:
		return c, fmt.Errorf("a real daemon needs the executable decnet-init, which is missing: %w", decnet.ErrSemantic)
	}
	c.Context = contextWith{c.Context, c.Init, concealed(t.opt.Init)}
	return c, nil
}

// ourWords are those by which an intruder could tell whose an executable is, and what takes
// their places, as long as they are. The Go linker writes the names of packages, files and
// fields into it, for traces of stacks and for reflection.
var ourWords = [][2]string{
	{"github.com/decnet/decnet", "internal/systemd/service"},
	{"decnet", "system"}, {"DECNET", "SYSTEM"}, {"Decnet", "System"},
	{"relay@5", "audit@5"}, // decnet-init puts it back
	{"decky", "label"}, {"Decky", "Label"}, {"deckies", "labels_"}, {"Deckies", "Labels_"},
	{"honeypot", "listener"}, {"Honeypot", "Listener"}, {"decoy", "proxy"},
	{"attacker", "endpoint"}, {"Attacker", "Endpoint"}, {"intruder", "visitor_"}, {"Intruder", "Visitor_"},
}

// concealed returns an executable without our words.
func concealed(executable []byte) []byte {
	for _, w := range ourWords {
		executable = bytes.ReplaceAll(executable, []byte(w[0]), []byte(w[1]))
	}
	return executable
}

// concealedPersona returns an encoded persona as a concealed executable reads it: the key
// that has one of our words comes first.
func concealedPersona(text string) string {
	rest, _ := strings.CutPrefix(text, `{"decky":`)
	return `{"label":` + rest
}

// contextWith is a build context and one more file at its top.
type contextWith struct {
	fs.FS
	name string
	data []byte
}

// Open opens a file of the context.
func (c contextWith) Open(name string) (fs.File, error) {
	if name == c.name {
		return &memFile{bytes.NewReader(c.data), memInfo{c}}, nil
	}
	f, err := c.FS.Open(name)
	if err != nil || name != "." {
		return f, err
	}
	entries, err := c.ReadDir(name)
	return &top{File: f, left: entries}, err
}

// ReadDir lists a directory of the context, the file among what is at its top.
func (c contextWith) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(c.FS, name)
	if err != nil || name != "." {
		return entries, err
	}
	entries = append(entries, fs.FileInfoToDirEntry(memInfo{c}))
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// top is the top of the context.
type top struct {
	fs.File
	left []fs.DirEntry
}

// ReadDir lists what has not been listed.
func (d *top) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	list := d.left[:n]
	d.left = d.left[n:]
	return list, nil
}

// memFile is the file that contextWith adds.
type memFile struct {
	*bytes.Reader
	info memInfo
}

// Stat describes the file.
func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close does nothing.
func (f *memFile) Close() error { return nil }

// memInfo describes the file that contextWith adds: an executable.
type memInfo struct{ c contextWith }

func (i memInfo) Name() string       { return i.c.name }
func (i memInfo) Size() int64        { return int64(len(i.c.data)) }
func (i memInfo) Mode() fs.FileMode  { return 0o755 }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }

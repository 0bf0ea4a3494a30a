package compose

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// withInit returns c with the first process in its build context, where c wants one.
func (t *translation) withInit(c services.Container, distro fleet.Distro) (services.Container, error) {
	switch {
	case c.Init == "":
		return c, nil
	case path.Base(c.Init) != c.Init || !fs.ValidPath(c.Init) || c.Init == ".":
		return c, fmt.Errorf("init %.80q is no file name: %w", c.Init, decnet.ErrInvalid)
	case services.ReleaseOf(distro.Slug).Package != "apt":
		return c, fmt.Errorf("a real daemon runs on Debian and what descends from it, and would give away a decky that claims to be %s: %w", distro.Slug, decnet.ErrSemantic)
	case t.opt.Init == nil:
		return c, fmt.Errorf("a real daemon needs the executable decnet-init, which is missing: %w", decnet.ErrSemantic)
	}
	c.Context = contextWith{c.Context, c.Init, concealed(t.opt.Init)}
	return c, nil
}

// concealed returns an executable without the names that would tell an intruder whose it
// is. The Go linker writes the paths of packages and files into it, for traces of stacks;
// names of the same length take their places.
func concealed(executable []byte) []byte {
	for _, name := range [][2]string{
		{"github.com/decnet/decnet", "internal/systemd/service"},
		{"decnet", "system"}, {"DECNET", "SYSTEM"}, {"Decnet", "System"},
	} {
		executable = bytes.ReplaceAll(executable, []byte(name[0]), []byte(name[1]))
	}
	return executable
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
		return &memFile{Reader: bytes.NewReader(c.data), c: c}, nil
	}
	return c.FS.Open(name)
}

// ReadDir lists a directory of the context, the file among what is at its top.
func (c contextWith) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(c.FS, name)
	if err != nil || name != "." {
		return entries, err
	}
	return append(entries, fs.FileInfoToDirEntry(memInfo{c})), nil
}

type memFile struct {
	*bytes.Reader
	c contextWith
}

// Stat describes the file.
func (f *memFile) Stat() (fs.FileInfo, error) { return memInfo{f.c}, nil }

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

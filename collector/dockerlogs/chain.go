package dockerlogs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// logFile is one file of a log, held open: it can be read after the engine has removed it.
type logFile struct {
	f    *os.File
	info fs.FileInfo
	gap  bool   // lines before it may be missing
	name string // that no other file has; "": it has no line yet
}

// chain holds the files of one log, which the engine writes to path and rotates to path.1,
// path.2 and so on. A file that has another name than path is not written to any more.
type chain struct {
	path string

	mu    sync.Mutex
	files []*logFile // oldest first, without holes but where there is a gap
}

// maxOpen bounds the files of one log that are held open.
const maxOpen = 32

// extend opens the files that were begun since the last call. That no line is lost needs a
// call before the engine removes a file that was begun after the one before.
func (c *chain) extend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.files)
	if n >= maxOpen {
		return nil
	}
	info, err := os.Stat(c.path)
	missing := errors.Is(err, fs.ErrNotExist) // being rotated, or removed
	if n > 0 && (missing || err == nil && os.SameFile(info, c.files[n-1].info)) {
		return nil
	}
	if err != nil && !missing {
		return err
	}
	found, err := openFiles(c.path)
	if missing && errors.Is(err, fs.ErrNotExist) {
		return nil // and so is the directory
	}
	if err != nil {
		return err
	}
	if n > 0 {
		newest := c.files[n-1].info
		i := slices.IndexFunc(found, func(f *logFile) bool { return os.SameFile(f.info, newest) })
		closeFiles(found[:i+1])
		found = found[i+1:]
		if i < 0 && len(found) > 0 {
			found[0].gap = true
		}
	}
	c.files = append(c.files, found...)
	return nil
}

// first returns the file to read, and whether there is one after it.
func (c *chain) first() (f *logFile, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.files) == 0 {
		return nil, false
	}
	return c.files[0], len(c.files) > 1
}

// drop closes the first file.
func (c *chain) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	closeFiles(c.files[:1])
	c.files = slices.Clone(c.files[1:])
}

func (c *chain) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	closeFiles(c.files)
	c.files = nil
}

func closeFiles(files []*logFile) {
	for _, f := range files {
		f.f.Close() // it was only read
	}
}

// openFiles opens all files of the log at path, oldest first. The engine may rotate them
// meanwhile; what is returned was there at one moment.
func openFiles(path string) ([]*logFile, error) {
	for range 100 {
		before, err := listFiles(path)
		if err != nil {
			return nil, err
		}
		var files []*logFile
		for _, l := range before {
			f, err := os.OpenFile(l.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
			if err != nil {
				break
			}
			info, err := f.Stat()
			if err != nil {
				f.Close()
				break
			}
			files = append(files, &logFile{f: f, info: info})
		}
		after, err := listFiles(path)
		if err == nil && len(files) == len(before) && slices.EqualFunc(before, after, listed.same) &&
			slices.EqualFunc(after, files, func(l listed, f *logFile) bool { return os.SameFile(l.info, f.info) }) {
			return files, nil
		}
		closeFiles(files)
	}
	return nil, fmt.Errorf("dockerlogs: %s is rotated faster than it can be opened", path)
}

type listed struct {
	path   string
	number int
	info   fs.FileInfo
}

func (l listed) same(o listed) bool { return l.number == o.number && os.SameFile(l.info, o.info) }

// listFiles returns the files of the log at path, oldest first.
func listFiles(path string) ([]listed, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []listed
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		number := 0
		if rest != "" {
			if number, err = strconv.Atoi(strings.TrimPrefix(rest, ".")); err != nil || rest != "."+strconv.Itoa(number) {
				ok = false
			}
		}
		if !ok {
			continue
		}
		full := filepath.Join(filepath.Dir(path), e.Name())
		info, err := os.Lstat(full)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, listed{full, number, info})
	}
	slices.SortFunc(list, func(a, b listed) int { return cmp.Compare(b.number, a.number) })
	return list, nil
}

// maxStart bounds the part of the first entry by which a file is known again.
const maxStart = maxEntry

// identify gives the file its name as soon as there is a line: its number in the file
// system, which is used again, and a hash of the first entry, which has the time in it.
func (f *logFile) identify(buf []byte) error {
	if f.name != "" {
		return nil
	}
	n, err := f.f.ReadAt(buf[:maxStart], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	end := bytes.IndexByte(buf[:n], '\n')
	if end < 0 {
		return nil
	}
	sum := sha256.Sum256(buf[:end])
	var inode uint64
	if s, ok := f.info.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	f.name = strconv.FormatUint(inode, 36) + "-" + hex.EncodeToString(sum[:12])
	return nil
}

// nextEntry returns where the entry after the one at offset begins; io.EOF when there is
// none.
func (f *logFile) nextEntry(buf []byte, offset int64) (int64, error) {
	for {
		n, err := f.f.ReadAt(buf, offset)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return offset + int64(i) + 1, nil
		}
		if offset += int64(n); err != nil {
			return 0, err
		}
	}
}

// Package quarantine keeps the files that attackers upload, on disk and out of harm's
// way: under names that it chooses itself, never executable, never overwritten, and
// within a quota. [Dir] implements services.Artifacts.
//
//	dir, err := quarantine.New("/var/lib/decnet/artifacts", quarantine.Options{})
//	env := services.Env{Decky: "decky-01", Sink: sink, Artifacts: dir}
//	f, err := dir.Open("decky-01", "2026-04-18T02:22:56Z_e3b0c44298fc_dropper.sh")
//
// The files are <root>/<decky>/<service>/<time>_<hash>_<name>: the time of the capture in
// UTC with seconds, the first 12 hexadecimal digits of the SHA-256 and what is left of
// the attacker's name for it. Directories have mode 0700 and files 0600.
package quarantine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Options bounds a Dir. The zero value is usable.
type Options struct {
	MaxFile  int64            // bytes of one file; 0: 50 MiB
	PerDecky int64            // bytes on disk for one decky; 0: 512 MiB
	Total    int64            // bytes on disk; 0: 4 GiB
	Now      func() time.Time // nil: time.Now
}

// Dir is a quarantine. It is safe for concurrent use by one process. Make one with [New].
type Dir struct {
	root   *os.Root
	opts   Options
	recent *lru.Cache[content, string]

	mu    sync.Mutex
	used  map[string]int64 // by decky
	total int64
}

// content identifies what was stored lately, so that a bot that uploads one dropper a
// thousand times takes the space of one.
type content struct {
	decky, service, name string
	sum                  [sha256.Size]byte
}

const recentSize = 4096

// incoming is what the names of files that are being received begin with. They are where
// they will stay, so that a process need not be able to write anywhere else.
const incoming = ".incoming-"

// abandoned is how old a file of an upload that goes on is at most.
const abandoned = time.Hour

// blockSize is what even an empty file is taken to need.
const blockSize = 4 << 10

var (
	folderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`) // of a decky or a service
	storedName = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z_[a-f0-9]{12}_[A-Za-z0-9._-]{1,255}$`)
)

// New opens the quarantine at path and makes the directory when there is none. Files
// whose upload was interrupted by the end of an earlier process are removed, once nothing
// has been written to them for an hour: other processes may store for other services. Close
// the Dir when it is no longer used.
func New(path string, opts Options) (*Dir, error) {
	if opts.MaxFile == 0 {
		opts.MaxFile = 50 << 20
	}
	if opts.PerDecky == 0 {
		opts.PerDecky = 512 << 20
	}
	if opts.Total == 0 {
		opts.Total = 4 << 30
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	recent, err := lru.New[content, string](recentSize)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	d := &Dir{root: root, opts: opts, recent: recent, used: make(map[string]int64)}
	if err := d.prepare(); err != nil {
		root.Close()
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return d, nil
}

func (d *Dir) prepare() error {
	return fs.WalkDir(d.root.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return gone(err)
		}
		info, err := entry.Info()
		if err != nil {
			return gone(err)
		}
		if strings.HasPrefix(entry.Name(), incoming) && d.opts.Now().Sub(info.ModTime()) > abandoned {
			return gone(d.root.Remove(p))
		}
		decky, _, _ := strings.Cut(p, "/")
		d.used[decky] += onDisk(info.Size())
		d.total += onDisk(info.Size())
		return nil
	})
}

// gone returns err unless it says that another process has removed a file.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Close releases the directory. Files that Open returned stay usable.
func (d *Dir) Close() error { return d.root.Close() }

func onDisk(size int64) int64 { return max(1, (size+blockSize-1)/blockSize) * blockSize }

// Store keeps what r has, to its end, for decky and service, whose names have at most 128
// ASCII letters, digits, dots, underscores and minuses, a letter or digit first; others give
// decnet.ErrInvalid. A file that is larger than
// one may be, or for which there is no space, is not kept: then the error wraps
// services.ErrQuota, and the Artifact has size and hash without a name. When r fails,
// what came before is kept and the error is that of r. Content that one service of a decky
// stored under the same name not long ago is not stored again: the Artifact has the name of then.
func (d *Dir) Store(ctx context.Context, decky, service, claimedName string, r io.Reader) (services.Artifact, error) {
	if !folderName.MatchString(decky) || !folderName.MatchString(service) {
		return services.Artifact{}, fmt.Errorf("quarantine: decky %q, service %q: %w", decky, service, decnet.ErrInvalid)
	}
	u := &upload{dir: d, decky: decky, folder: path.Join(decky, service), hash: sha256.New()}
	defer u.abandon()
	readErr, err := u.receive(ctx, r)
	a := services.Artifact{SHA256: hex.EncodeToString(u.hash.Sum(nil)), Size: u.size}
	if err != nil {
		return a, fmt.Errorf("quarantine: %w", err)
	}
	a.StoredAs, err = u.keep(service, baseName(claimedName))
	if err != nil {
		return a, fmt.Errorf("quarantine: %w", err)
	}
	return a, readErr
}

// reserve takes n bytes of the quota, or reports that there are not so many left.
func (d *Dir) reserve(decky string, n int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > 0 && (d.used[decky]+n > d.opts.PerDecky || d.total+n > d.opts.Total) {
		return false
	}
	d.used[decky] += n
	d.total += n
	return true
}

// upload is one file on its way in.
type upload struct {
	dir      *Dir
	decky    string
	folder   string
	hash     hash.Hash
	size     int64
	f        *os.File // nil: not kept
	temp     string
	reserved int64
}

// receive reads r to its end. readErr is that of r; err says why nothing is kept.
func (u *upload) receive(ctx context.Context, r io.Reader) (readErr, err error) {
	err = u.create()
	buf := make([]byte, 32<<10)
	for {
		if readErr = ctx.Err(); readErr != nil {
			return readErr, err
		}
		n, e := r.Read(buf)
		u.hash.Write(buf[:n])
		u.size += int64(n)
		if err == nil && n > 0 {
			if err = u.write(buf[:n]); err != nil {
				u.abandon()
			}
		}
		switch {
		case errors.Is(e, io.EOF):
			return nil, err
		case e != nil:
			return e, err
		}
	}
}

func (u *upload) create() error {
	if !u.grow(blockSize) {
		return services.ErrQuota
	}
	u.temp = path.Join(u.folder, incoming+rand.Text())
	err := u.dir.root.MkdirAll(u.folder, 0o700)
	if err == nil {
		u.f, err = u.dir.root.OpenFile(u.temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	}
	if err != nil {
		u.abandon()
	}
	return err
}

func (u *upload) grow(n int64) bool {
	if !u.dir.reserve(u.decky, n) {
		return false
	}
	u.reserved += n
	return true
}

// write writes p, which u.size has already.
func (u *upload) write(p []byte) error {
	if u.size > u.dir.opts.MaxFile {
		return fmt.Errorf("file larger than %d bytes: %w", u.dir.opts.MaxFile, services.ErrQuota)
	}
	if need := onDisk(u.size) - u.reserved; need > 0 && !u.grow(need) {
		return services.ErrQuota
	}
	_, err := u.f.Write(p)
	return err
}

// abandon removes what is not kept and gives its space back. It does nothing after keep.
func (u *upload) abandon() {
	if u.f != nil {
		u.f.Close()
		u.dir.root.Remove(u.temp)
		u.f = nil
	}
	u.dir.reserve(u.decky, -u.reserved)
	u.reserved = 0
}

// keep gives the file its name.
func (u *upload) keep(service, name string) (storedAs string, err error) {
	key := content{u.decky, service, name, [sha256.Size]byte(u.hash.Sum(nil))}
	if known, ok := u.dir.recent.Get(key); ok {
		if _, err := u.dir.root.Lstat(path.Join(u.folder, known)); err == nil {
			return known, nil
		}
	}
	if err := u.f.Sync(); err != nil {
		return "", err
	}
	prefix := u.dir.opts.Now().UTC().Format("2006-01-02T15:04:05Z_") + hex.EncodeToString(key.sum[:])[:12] + "_"
	for n := 0; ; n++ {
		storedAs = prefix + name
		if n > 0 {
			storedAs = fmt.Sprintf("%s%d-%s", prefix, n, name)
		}
		err := u.dir.root.Link(u.temp, path.Join(u.folder, storedAs))
		if err == nil {
			break
		}
		// Another content of the same second and name has the same 12 digits, or this
		// content has just been stored and is no longer remembered.
		if !errors.Is(err, fs.ErrExist) || n == 99 {
			return "", err
		}
	}
	u.dir.recent.Add(key, storedAs)
	u.reserved = 0
	u.abandon()
	return storedAs, nil
}

// maxBase bounds the attacker's part of a name, so that the whole fits into the 255 bytes
// of a file system's names.
const maxBase = 200

// baseName makes the last element of an attacker's path into a name that storedName
// accepts: every character but ASCII letters, digits, dot, underscore and minus becomes
// an underscore, and the result is cut to 200 bytes. What leaves nothing is "file".
func baseName(claimed string) string {
	claimed = claimed[strings.LastIndexAny(claimed, `/\`)+1:]
	name := make([]byte, 0, min(len(claimed), maxBase))
	for _, r := range claimed {
		if len(name) == maxBase {
			break
		}
		c := byte('_')
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-') {
			c = byte(r)
		}
		name = append(name, c)
	}
	if strings.Trim(string(name), ".") == "" {
		return "file"
	}
	return string(name)
}

// Open opens the file that decky's capture was storedAs. Names that no capture can have
// give decnet.ErrInvalid, and what is not there, or is not a regular file,
// decnet.ErrNotFound. The file is an *os.File.
func (d *Dir) Open(decky, storedAs string) (fs.File, error) {
	if !folderName.MatchString(decky) || !storedName.MatchString(storedAs) {
		return nil, fmt.Errorf("quarantine: %q of %q: %w", storedAs, decky, decnet.ErrInvalid)
	}
	folders, err := fs.ReadDir(d.root.FS(), decky)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	for _, folder := range folders {
		name := path.Join(decky, folder.Name(), storedAs)
		if info, err := d.root.Lstat(name); err != nil || !folder.IsDir() || !info.Mode().IsRegular() {
			continue
		}
		return d.open(name)
	}
	return nil, fmt.Errorf("quarantine: %q of %q: %w", storedAs, decky, decnet.ErrNotFound)
}

// open opens a regular file. Another process, which may be hostile, can write to some
// directories, and put something else in its place at any time.
func (d *Dir) open(name string) (fs.File, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("quarantine: %s is not a regular file: %w", name, decnet.ErrNotFound)
	}
	return f, nil
}

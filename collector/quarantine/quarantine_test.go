package quarantine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

var _ services.Artifacts = (*Dir)(nil)

var now = time.Date(2026, 4, 18, 2, 22, 56, 999, time.FixedZone("", 7200))

func newDir(t *testing.T, path string, opts Options) *Dir {
	t.Helper()
	opts.Now = func() time.Time { return now }
	d, err := New(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func store(t *testing.T, d *Dir, name, text string) services.Artifact {
	t.Helper()
	a, err := d.Store(t.Context(), "decky-01", "ssh", name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func read(t *testing.T, d *Dir, storedAs string) string {
	t.Helper()
	f, err := d.Open("decky-01", storedAs)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files lists the regular files below root.
func files(t *testing.T, root string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStoreAndOpen(t *testing.T) {
	root := filepath.Join(t.TempDir(), "artifacts")
	d := newDir(t, root, Options{})
	a := store(t, d, "/tmp/x.sh", "#!/bin/sh\n")
	sum := sha256.Sum256([]byte("#!/bin/sh\n"))
	if a.SHA256 != hex.EncodeToString(sum[:]) || a.Size != 10 || a.StoredAs != "2026-04-18T00:22:56Z_"+a.SHA256[:12]+"_x.sh" {
		t.Errorf("stored %+v", a)
	}
	if got := read(t, d, a.StoredAs); got != "#!/bin/sh\n" {
		t.Errorf("read %q", got)
	}
	for _, p := range files(t, root) {
		if info, _ := os.Stat(p); info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
	}
	for _, p := range []string{root, filepath.Join(root, "decky-01"), filepath.Join(root, "decky-01", "ssh")} {
		if info, _ := os.Stat(p); info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
	}
}

func TestW19_EveryStoredNameCanBeDownloaded(t *testing.T) {
	d := newDir(t, t.TempDir(), Options{})
	for i, claimed := range []string{"", ".", "..", "...", "/", `C:\temp\a b.exe`, "../../etc/passwd", "a\x00b\n", "é", "\xff\xfe", strings.Repeat("é", 300),
		strings.Repeat("a", 5000), "-rf", "~/.ssh/authorized_keys", "$(id)", "con", "a/", strings.Repeat("../", 99) + "x"} {
		text := fmt.Sprint("content ", i)
		a := store(t, d, claimed, text)
		if !storedName.MatchString(a.StoredAs) || strings.ContainsAny(a.StoredAs, "/\\") || len(a.StoredAs) > 255 {
			t.Errorf("%q became %q", claimed, a.StoredAs)
		}
		if got := read(t, d, a.StoredAs); got != text {
			t.Errorf("%q holds %q", claimed, got)
		}
	}
}

// TestW31_EveryDeckyKeepsItsFiles has names such as fleet.CheckName takes.
func TestW31_EveryDeckyKeepsItsFiles(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{})
	for i, decky := range []string{"decky-01", "Decky-01", "Web_1.Site", "1", "a..b", strings.Repeat("d", 128)} {
		text := fmt.Sprint("content ", i)
		a, err := d.Store(t.Context(), decky, "ssh", "x", strings.NewReader(text))
		if err != nil {
			t.Error(err)
			continue
		}
		f, err := d.Open(decky, a.StoredAs)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := io.ReadAll(f)
		if f.Close(); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", decky, got, err)
		}
		if _, err := os.Stat(filepath.Join(root, decky, "ssh", a.StoredAs)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzBaseName(f *testing.F) {
	f.Add("../../etc/passwd")
	f.Add("a\x00\xff\n")
	f.Add(strings.Repeat("é", 300))
	f.Fuzz(func(t *testing.T, claimed string) {
		if name := baseName(claimed); !storedName.MatchString("2026-04-18T02:22:56Z_0123456789ab_"+name) || len(name) > maxBase || strings.Trim(name, ".") == "" {
			t.Fatalf("%q became %q", claimed, name)
		}
	})
}

func TestOpenGuards(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{})
	a := store(t, d, "x", "text")
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := strings.Replace(a.StoredAs, "_x", "_link", 1)
	if err := os.Symlink(outside, filepath.Join(root, "decky-01", "ssh", link)); err != nil {
		t.Fatal(err)
	}
	folder := strings.Replace(a.StoredAs, "_x", "_folder", 1)
	if err := os.Mkdir(filepath.Join(root, "decky-01", "ssh", folder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(root, "decky-02")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		decky, name string
		want        error
	}{
		{"decky-01", "../ssh/" + a.StoredAs, decnet.ErrInvalid},
		{"decky-01", a.StoredAs + "/..", decnet.ErrInvalid},
		{"decky-01", "x", decnet.ErrInvalid},
		{"decky-01", "", decnet.ErrInvalid},
		{"..", a.StoredAs, decnet.ErrInvalid},
		{incoming, a.StoredAs, decnet.ErrInvalid},
		{"Decky-01", a.StoredAs, decnet.ErrNotFound},
		{"decky 01", a.StoredAs, decnet.ErrInvalid},
		{strings.Repeat("d", 129), a.StoredAs, decnet.ErrInvalid},
		{"decky-03", a.StoredAs, decnet.ErrNotFound},
		{"decky-01", strings.Replace(a.StoredAs, "_x", "_y", 1), decnet.ErrNotFound},
		{"decky-01", link, decnet.ErrNotFound},
		{"decky-01", folder, decnet.ErrNotFound},
	} {
		if f, err := d.Open(c.decky, c.name); !errors.Is(err, c.want) {
			t.Errorf("%s %s: %v, %v", c.decky, c.name, f, err)
		}
	}
	if f, err := d.Open("decky-02", a.StoredAs); err == nil {
		f.Close()
		t.Error("a directory outside was opened")
	}
}

func TestLimits(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{MaxFile: 10_000, PerDecky: 32 << 10, Total: 40 << 10})
	big := strings.Repeat("x", 10_001)
	a, err := d.Store(t.Context(), "decky-01", "ssh", "big", strings.NewReader(big))
	sum := sha256.Sum256([]byte(big))
	if !errors.Is(err, services.ErrQuota) || a.StoredAs != "" || a.Size != 10_001 || a.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("too large: %+v, %v", a, err)
	}
	for i := range 8 { // a block each
		store(t, d, "x", fmt.Sprint(i))
	}
	if a, err := d.Store(t.Context(), "decky-01", "ssh", "x", strings.NewReader("one more")); !errors.Is(err, services.ErrQuota) || a.StoredAs != "" || a.Size != 8 {
		t.Errorf("decky is full: %+v, %v", a, err)
	}
	for i := range 2 {
		if _, err := d.Store(t.Context(), "decky-02", "ssh", "x", strings.NewReader(fmt.Sprint(i))); err != nil {
			t.Errorf("other decky: %v", err)
		}
	}
	if _, err := d.Store(t.Context(), "decky-02", "ssh", "x", strings.NewReader("one more")); !errors.Is(err, services.ErrQuota) {
		t.Errorf("all is full: %v", err)
	}
	if n := len(files(t, root)); n != 10 {
		t.Errorf("%d files on disk", n)
	}
	if d.total != 40<<10 {
		t.Errorf("%d bytes accounted", d.total)
	}
	again := newDir(t, root, Options{PerDecky: 32 << 10, Total: 40 << 10})
	if again.total != d.total || again.used["decky-01"] != 32<<10 {
		t.Errorf("after a restart %d bytes are accounted", again.total)
	}
}

func TestSameContentTakesSpaceOnce(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{})
	first, again := store(t, d, "x", "dropper"), store(t, d, "x", "dropper")
	if first != again || len(files(t, root)) != 1 || d.total != blockSize {
		t.Errorf("stored %v and %v, %d bytes", first, again, d.total)
	}
	// Nothing is overwritten when the first one is no longer remembered.
	other := newDir(t, root, Options{})
	if a := store(t, other, "x", "dropper"); a.StoredAs == first.StoredAs || read(t, other, a.StoredAs) != "dropper" {
		t.Errorf("stored %v", a)
	}
	// One that was removed is stored again.
	for _, p := range files(t, root) {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	if a := store(t, d, "x", "dropper"); read(t, d, a.StoredAs) != "dropper" {
		t.Errorf("stored %v", a)
	}
}

func TestInterruptedUploadKeepsWhatCame(t *testing.T) {
	d := newDir(t, t.TempDir(), Options{})
	broken := errors.New("connection lost")
	a, err := d.Store(t.Context(), "decky-01", "ftp", "x", io.MultiReader(strings.NewReader("begin"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || a.Size != 5 || read(t, d, a.StoredAs) != "begin" {
		t.Errorf("stored %+v, %v", a, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, err = d.Store(ctx, "decky-01", "ftp", "y", io.MultiReader(strings.NewReader("begin"), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil })))
	if !errors.Is(err, context.Canceled) || read(t, d, a.StoredAs) != "begin" {
		t.Errorf("stored %+v, %v", a, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLeftoversOfACrashAreRemoved(t *testing.T) {
	root := t.TempDir()
	newDir(t, root, Options{})
	if err := os.MkdirAll(filepath.Join(root, "decky-01", "ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(root, "decky-01", "ssh", incoming+"ABC")
	if err := os.WriteFile(left, bytes.Repeat([]byte("x"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDir(t, root, Options{})
	if d.total != blockSize || len(files(t, root)) != 1 {
		t.Errorf("what another process may be storing: %d bytes, files %v", d.total, files(t, root))
	}
	long := d.opts.Now().Add(-abandoned - time.Minute)
	if err := os.Chtimes(left, long, long); err != nil {
		t.Fatal(err)
	}
	d = newDir(t, root, Options{})
	if d.total != 0 || len(files(t, root)) != 0 {
		t.Errorf("%d bytes, files %v", d.total, files(t, root))
	}
}

func TestStoreRefusesNames(t *testing.T) {
	d := newDir(t, t.TempDir(), Options{})
	for _, c := range [][2]string{{"../x", "ssh"}, {"decky-01", "../ssh"}, {"", "ssh"}, {"decky-01", ""}, {incoming, "ssh"}, {".", "ssh"}, {"..", "ssh"}, {"-d", "ssh"}, {"d\x00", "ssh"}, {"décky", "ssh"}} {
		if _, err := d.Store(t.Context(), c[0], c[1], "x", strings.NewReader("")); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestConcurrentUploadsStayWithinTheQuota(t *testing.T) {
	root := t.TempDir()
	d := newDir(t, root, Options{PerDecky: 20 * blockSize})
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for i := range 50 {
		wg.Go(func() {
			_, err := d.Store(t.Context(), "decky-01", "http", "x", strings.NewReader(fmt.Sprint("upload ", i)))
			if err != nil && !errors.Is(err, services.ErrQuota) {
				t.Error(err)
			}
			if err == nil {
				mu.Lock()
				kept++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n := len(files(t, root)); n != kept || kept > 20 || kept == 0 {
		t.Errorf("%d kept, %d files", kept, n)
	}
}

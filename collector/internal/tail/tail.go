// Package tail reads the lines of a file that grows while it is read, that is rotated and
// truncated, and that an interrupted reader comes back to.
//
//	t := tail.New("decnet.json", tail.Position{}, tail.Options{})
//	defer t.Close()
//	block, err := t.Next() // io.EOF: nothing more for now, see Wait
package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Position is where a reader stands: Offset bytes into the file that Generation
// identifies by its first line. The zero value is the beginning of the oldest file that
// no reader has finished.
type Position struct {
	Generation string
	Offset     int64
}

// Options holds what may be left out. The zero value is usable.
type Options struct {
	MaxLine int           // longest line; 0: 16 MiB
	Poll    time.Duration // longest wait between looks at the file; 0: 1 s
	Log     *slog.Logger  // nil: discarded
	// Done is told the path of a rotated file (see Rotated) that Advance leaves behind.
	// An error stops Advance.
	Done func(path string) error
}

// Block is a piece of a file.
type Block struct {
	// Data holds whole lines, each with its LF; it is valid until the next call.
	Data []byte
	// From and To are the offsets of Data and of what follows it.
	From, To   int64
	Generation string
	// Broken says why Data is no whole line but the beginning of one that will never be
	// read in full; "" otherwise.
	Broken string
	// End reports that the file was rotated away and is read to its end. Data is empty.
	// The reader goes on with Advance, once all that it read is safe.
	End bool
}

const (
	blockSize   = 256 << 10
	brokenBytes = 64 << 10 // of a line that is too long
)

// Tail is a reader. It is not safe for concurrent use.
type Tail struct {
	path  string
	opts  Options
	watch *fsnotify.Watcher // nil: polling alone

	resume Position // where to begin, until a file is open

	f          *os.File
	info       fs.FileInfo
	generation string
	start      []byte // the first line, by which a truncated file is noticed
	offset     int64  // of buf in the file
	buf        []byte
	given      int  // bytes of buf that the last Block had
	skipping   bool // inside of a line that is too long
	over       bool // the file is at its end for good
}

// New returns a Tail of path, which need not exist yet, that begins at pos.
func New(path string, pos Position, opts Options) *Tail {
	if opts.MaxLine == 0 {
		opts.MaxLine = 16 << 20
	}
	if opts.Poll == 0 {
		opts.Poll = time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tail{path: path, opts: opts, resume: pos}
	t.watchDir()
	return t
}

// watchDir begins to watch the directory of the file, if that is possible by now.
func (t *Tail) watchDir() {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return
	}
	if w.Add(filepath.Dir(t.path)) != nil {
		w.Close()
		return
	}
	t.watch = w
}

// Close releases what the Tail holds.
func (t *Tail) Close() error {
	if t.watch != nil {
		t.watch.Close()
	}
	if t.f == nil {
		return nil
	}
	return t.f.Close()
}

// Wait returns when the file may have more to read, at the latest after d or the Poll
// interval, or when ctx has ended.
func (t *Tail) Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(min(d, t.opts.Poll))
	defer timer.Stop()
	var events chan fsnotify.Event
	var errs chan error
	if t.watch == nil {
		t.watchDir()
	}
	if t.watch != nil {
		events, errs = t.watch.Events, t.watch.Errors
	}
	for {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-errs:
		case e := <-events:
			if filepath.Base(e.Name) != filepath.Base(t.path) {
				continue
			}
		}
		return
	}
}

// Next returns the next piece. It gives io.EOF when there is none for now, and another
// error when the file cannot be read for now; both may be tried again.
func (t *Tail) Next() (Block, error) {
	if t.f == nil {
		if err := t.open(); err != nil {
			return Block{}, err
		}
	}
	t.discard()
	if t.over {
		return Block{Generation: t.generation, From: t.offset, To: t.offset, End: true}, nil
	}
	if err := t.checkStart(); err != nil {
		return Block{}, err
	}
	rotated := false
	for {
		n, err := t.fill()
		if err != nil {
			return Block{}, err
		}
		if b, ok := t.lines(); ok {
			return b, nil
		}
		if n > 0 {
			continue
		}
		if rotated {
			return t.finish(), nil
		}
		// The writer may have added to this file before it went on to the next, so the
		// end is the end only when it is met after the next file was seen.
		next, err := t.successor()
		if err != nil {
			return Block{}, err
		}
		if next == nil {
			return Block{}, io.EOF
		}
		next.Close()
		rotated = true
	}
}

// Advance leaves the file whose end Next has reported and turns to the next one.
func (t *Tail) Advance() error {
	if !t.over {
		return errors.New("tail: file is not at its end")
	}
	if t.opts.Done != nil {
		list, err := RotatedOf(t.path)
		if err != nil {
			return fmt.Errorf("tail: %w", err)
		}
		for _, r := range list {
			if info, err := os.Stat(r.Path); err == nil && !r.Done && os.SameFile(info, t.info) {
				if err := t.opts.Done(r.Path); err != nil {
					return fmt.Errorf("tail: %w", err)
				}
			}
		}
	}
	next, err := t.successor()
	if err != nil {
		return err
	}
	if next == nil {
		return io.EOF
	}
	return t.use(next, 0)
}

func (t *Tail) fill() (int, error) {
	if len(t.buf) == cap(t.buf) {
		bigger := make([]byte, len(t.buf), max(blockSize, 2*cap(t.buf)))
		copy(bigger, t.buf)
		t.buf = bigger
	}
	n, err := t.f.Read(t.buf[len(t.buf):cap(t.buf)])
	t.buf = t.buf[:len(t.buf)+n]
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("tail: %w", err)
	}
	return n, nil
}

// discard forgets what the last Block had.
func (t *Tail) discard() {
	t.buf = t.buf[:copy(t.buf, t.buf[t.given:])]
	t.offset += int64(t.given)
	t.given = 0
}

// lines returns what of buf can be returned.
func (t *Tail) lines() (Block, bool) {
	if t.skipping {
		t.given = bytes.IndexByte(t.buf, '\n') + 1
		if t.skipping = t.given == 0; t.skipping {
			t.given = len(t.buf)
		}
		t.discard()
	}
	end := bytes.LastIndexByte(t.buf, '\n') + 1
	switch {
	case end > 0:
		return t.block(end, end, ""), true
	case len(t.buf) > t.opts.MaxLine:
		t.skipping = true
		return t.block(min(brokenBytes, len(t.buf)), len(t.buf), fmt.Sprintf("line is longer than %d bytes", t.opts.MaxLine)), true
	}
	return Block{}, false
}

func (t *Tail) block(n, given int, broken string) Block {
	t.given = given
	return Block{Data: t.buf[:n], From: t.offset, To: t.offset + int64(given), Generation: t.generation, Broken: broken}
}

// finish returns what is left of a file that nobody writes to any more.
func (t *Tail) finish() Block {
	t.over = true
	if rest := len(t.buf); rest > 0 {
		return t.block(min(brokenBytes, rest), rest, "line has no end")
	}
	return Block{Generation: t.generation, From: t.offset, To: t.offset, End: true}
}

// checkStart notices that the file was truncated, even when it has grown again since.
func (t *Tail) checkStart() error {
	start := make([]byte, min(len(t.start), 512))
	n, err := t.f.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("tail: %w", err)
	}
	info, err := t.f.Stat()
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	if bytes.Equal(start[:n], t.start[:len(start)]) && info.Size() >= t.offset+int64(len(t.buf)) {
		return nil
	}
	t.resume = Position{t.generation, t.offset}
	t.f.Close()
	t.f = nil
	return t.open()
}

// find calls choose with the rotated files, and again when the file was rotated meanwhile: then
// it may have been missing both in the list and behind its path. A nil file is none.
func (t *Tail) find(choose func(own []Rotated) *os.File) (*os.File, error) {
	own, err := RotatedOf(t.path)
	for err == nil {
		f, before := choose(own), own
		if own, err = RotatedOf(t.path); err == nil && lastSeq(own) == lastSeq(before) {
			return f, nil
		}
		if f != nil {
			f.Close()
		}
	}
	return nil, fmt.Errorf("tail: %w", err)
}

// lastSeq grows with every rotation.
func lastSeq(own []Rotated) int {
	if len(own) == 0 {
		return -1
	}
	return own[len(own)-1].Seq
}

// open opens the file of resume.
func (t *Tail) open() error {
	offset := t.resume.Offset
	gone := false
	f, err := t.find(func(own []Rotated) *os.File {
		f := t.resumed(own)
		if gone = f == nil; gone {
			f = t.oldest(own, nil)
		}
		return f
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && f == nil {
		return io.EOF
	}
	if err != nil {
		return err
	}
	if gone {
		if t.resume.Generation != "" {
			t.opts.Log.Warn("the file that was being read is gone or cut short; what it still held is not read", "path", t.path, "offset", offset)
		}
		offset = 0
	}
	return t.use(f, offset)
}

// resumed opens the file of resume; nil when it is not there, or shorter.
func (t *Tail) resumed(own []Rotated) *os.File {
	if t.resume.Generation == "" {
		return nil
	}
	paths := []string{t.path}
	for _, r := range own {
		paths = append(paths, r.Path)
	}
	for _, c := range foreign(t.path) {
		paths = append(paths, c.path)
	}
	for _, path := range paths {
		f, generation := openGeneration(path)
		if f == nil {
			continue
		}
		if info, err := f.Stat(); generation == t.resume.Generation && err == nil && info.Size() >= t.resume.Offset {
			return f
		}
		f.Close()
	}
	return nil
}

// successor opens the file that follows the present one; nil when there is none that has
// a line.
func (t *Tail) successor() (*os.File, error) {
	if info, err := os.Stat(t.path); err == nil && os.SameFile(info, t.info) {
		return nil, nil
	}
	// The present file may have been written to since it was opened.
	if info, err := t.f.Stat(); err == nil {
		t.info = info
	}
	return t.find(func(own []Rotated) *os.File { return t.oldest(own, t.info) })
}

// oldest opens the first file, in the order of writing, that comes after one and that no
// reader has finished. A nil after selects among the files of own and path.
func (t *Tail) oldest(own []Rotated, after fs.FileInfo) *os.File {
	var paths []string
	for _, r := range own {
		if !r.Done {
			paths = append(paths, r.Path)
		}
	}
	if after != nil {
		for _, c := range foreign(t.path) {
			if c.info.ModTime().After(after.ModTime()) {
				paths = append(paths, c.path)
			}
		}
	}
	for _, path := range append(paths, t.path) {
		f, generation := openGeneration(path)
		if f == nil {
			continue
		}
		info, err := f.Stat()
		if err == nil && generation != "" && (after == nil || !os.SameFile(info, after)) {
			return f
		}
		f.Close()
	}
	return nil
}

// openGeneration opens path; nil when that cannot be done now.
func openGeneration(path string) (*os.File, string) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ""
	}
	generation, _, err := generationOf(f)
	if err != nil {
		f.Close()
		return nil, ""
	}
	return f, generation
}

// use turns to f, which becomes the Tail's.
func (t *Tail) use(f *os.File, offset int64) error {
	generation, start, err := generationOf(f)
	info, err2 := f.Stat()
	_, err3 := f.Seek(offset, io.SeekStart)
	if err := errors.Join(err, err2, err3); err != nil {
		f.Close()
		return fmt.Errorf("tail: %w", err)
	}
	if t.f != nil {
		t.f.Close()
	}
	t.f, t.info, t.generation, t.start = f, info, generation, start
	t.offset, t.buf, t.given, t.skipping, t.over = offset, t.buf[:0], 0, false, false
	return nil
}

package collector

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet/collector/internal/tail"
)

// A line of a Source has at most maxLine bytes. What is longer is no line of ours: its
// first cutLine bytes are delivered and the rest is passed over.
const (
	maxLine = 16 << 20
	cutLine = 64 << 10
)

// Source delivers lines from outside of the process.
type Source interface {
	// Run hands lines to spool, oldest first and without their ends, until ctx or the
	// source ends, and returns nil then. After an error of Deliver, which means that the
	// collector is stopping, Run returns too.
	Run(ctx context.Context, spool Spool) error
}

// Spool is where a Source puts its lines. Its methods are safe for concurrent use.
type Spool interface {
	// Deliver returns when lines are in the spool and positions are kept. Both happen
	// or neither, whatever becomes of the process: a run that begins after a kill -9
	// finds positions that fit the lines in the spool. When the whole machine fails, the
	// positions of the last seconds may be missing, but those that are kept are true.
	Deliver(lines []string, positions ...Position) error
	// Positions returns the kept positions whose keys begin with prefix.
	Positions(prefix string) map[string]string
}

// Position is how far a Source has come with what Key names. Keys of different sources
// differ in how they begin. An empty Value forgets the key.
type Position struct{ Key, Value string }

// Reader returns a Source of the lines of r, to its end. When ctx ends first, r is closed if it is
// an io.Closer; a Read that goes on all the same is not waited for, and what it returns is lost.
func Reader(r io.Reader) Source { return &reader{r} }

type reader struct{ r io.Reader }

func (s *reader) Run(ctx context.Context, spool Spool) error {
	type chunk struct {
		lines []string
		err   error
	}
	chunks := make(chan chunk)
	go func() {
		defer close(chunks)
		buf := bufio.NewReaderSize(s.r, 64<<10)
		for {
			var c chunk
			c.lines, c.err = readLines(buf)
			select {
			case chunks <- c:
			case <-ctx.Done():
				return
			}
			if c.err != nil {
				return
			}
		}
	}()
	if c, ok := s.r.(io.Closer); ok {
		defer context.AfterFunc(ctx, func() { c.Close() })()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-chunks:
			if len(c.lines) > 0 {
				if err := spool.Deliver(c.lines); err != nil {
					return nil
				}
			}
			switch {
			case errors.Is(c.err, io.EOF), ctx.Err() != nil:
				return nil
			case c.err != nil:
				return fmt.Errorf("collector: read: %w", c.err)
			}
		}
	}
}

// readLines waits for a line and returns it with those that are there already.
func readLines(r *bufio.Reader) (lines []string, err error) {
	for {
		line, err := readLine(r)
		if line != "" {
			lines = append(lines, line)
		}
		if err != nil {
			return lines, err
		}
		if ahead, _ := r.Peek(r.Buffered()); bytes.IndexByte(ahead, '\n') < 0 {
			return lines, nil
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	limit := maxLine
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > limit {
			limit = cutLine
			line = line[:limit]
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
}

// File is a Source that follows a file which other programs append to, rotate and truncate.
//
// With State it keeps its position in that file, and a later Run goes on there: no line
// is delivered twice, except that those of the last delivery, at most 256 KiB, are when the process was
// killed between writing them to the spool and keeping the position.
type File struct {
	Path  string
	State string        // path of the position; "": every Run begins at the beginning
	Poll  time.Duration // longest wait between looks at the file; 0: 1 s
}

// Run follows the file until ctx ends. The file need not exist yet. What is in it and
// cannot be a line is skipped; its directory must exist.
func (s *File) Run(ctx context.Context, spool Spool) error {
	pos, err := s.load()
	if err != nil {
		return err
	}
	t := tail.New(s.Path, pos, tail.Options{Poll: s.Poll, MaxLine: maxLine})
	defer t.Close()
	for ctx.Err() == nil {
		block, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			t.Wait(ctx, time.Hour)
			continue
		case err != nil:
			return fmt.Errorf("collector: follow %s: %w", s.Path, err)
		case block.End:
			if err := t.Advance(); err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("collector: follow %s: %w", s.Path, err)
			}
			continue
		}
		if err := spool.Deliver(slices.Collect(strings.Lines(string(block.Data)))); err != nil {
			return nil
		}
		if err := s.save(tail.Position{Generation: block.Generation, Offset: block.To}); err != nil {
			return err
		}
	}
	return nil
}

func (s *File) load() (pos tail.Position, err error) {
	if s.State == "" {
		return pos, nil
	}
	text, err := os.ReadFile(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return pos, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &pos)
	}
	if err != nil {
		return pos, fmt.Errorf("collector: position of %s: %w", s.Path, err)
	}
	return pos, nil
}

func (s *File) save(pos tail.Position) error {
	if s.State == "" {
		return nil
	}
	text, err := json.Marshal(pos)
	if err == nil {
		err = os.WriteFile(s.State+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.State+".new", s.State)
	}
	if err != nil {
		return fmt.Errorf("collector: position of %s: %w", s.Path, err)
	}
	return nil
}

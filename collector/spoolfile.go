package collector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/decnet/decnet/collector/internal/tail"
)

// spoolFile appends whole lines to a file that it rotates by size and that others may
// rotate or truncate. It belongs to one goroutine.
type spoolFile struct {
	path    string
	maxSize int64

	f    *os.File
	info fs.FileInfo
	size int64
	// pending are lines that are not written, of which partial bytes are: the beginning
	// of a line for which there was no room.
	pending []byte
	partial int
	dirty   bool // written to since the last sync
}

// prepare makes f the file that what is pending is written to.
func (s *spoolFile) prepare() error {
	if len(s.pending) == s.partial {
		return nil
	}
	if err := s.ready(); err != nil {
		return fmt.Errorf("collector: spool: %w", err)
	}
	return nil
}

// part describes what flush will write, once prepare has been called.
func (s *spoolFile) part() part {
	data := s.pending[s.partial:]
	if len(data) == 0 {
		return part{}
	}
	device, inode := identity(s.info)
	return part{Device: device, Inode: inode, Offset: s.size, Length: len(data), data: data}
}

// flush writes what is pending, to the file that prepare has chosen. After an error the
// rest stays pending.
func (s *spoolFile) flush() error {
	if len(s.pending) == s.partial {
		return nil
	}
	n, err := s.f.Write(s.pending[s.partial:])
	s.dirty = s.dirty || n > 0
	s.size += int64(n)
	s.partial += n
	whole := bytes.LastIndexByte(s.pending[:s.partial], '\n') + 1
	s.pending = s.pending[:copy(s.pending, s.pending[whole:])]
	s.partial -= whole
	if err != nil {
		return fmt.Errorf("collector: spool: %w", err)
	}
	return nil
}

// ready makes f the file to write to.
func (s *spoolFile) ready() error {
	if s.f != nil {
		info, err := os.Stat(s.path)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(info, s.info):
			if err := s.close(); err != nil {
				return err
			}
		case err != nil:
			return err
		case info.Size() < s.size:
			s.size, s.partial = info.Size(), 0
		}
	}
	if s.f != nil && s.partial == 0 && s.size > 0 && s.size+int64(len(s.pending)) > s.maxSize {
		if err := s.rotate(); err != nil {
			return err
		}
	}
	if s.f != nil {
		return nil
	}
	return s.open()
}

// open opens the file and ends a last line that a crash has left without an end: its
// beginning is evidence, and the ingester sets it aside.
func (s *spoolFile) open() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			if _, err = io.WriteString(f, "\n"); err == nil {
				info, err = f.Stat()
			}
		}
	}
	if err != nil {
		f.Close()
		return err
	}
	s.f, s.info, s.size, s.partial = f, info, info.Size(), 0
	return nil
}

func (s *spoolFile) rotate() error {
	rotated, err := tail.RotatedOf(s.path)
	if err != nil {
		return err
	}
	seq := 1
	if len(rotated) > 0 {
		seq = rotated[len(rotated)-1].Seq + 1
	}
	if err := s.close(); err != nil {
		return err
	}
	return os.Rename(s.path, fmt.Sprintf("%s.%08d", s.path, seq))
}

// sync brings what was written to the disk.
func (s *spoolFile) sync() error {
	if s.f == nil || !s.dirty {
		return nil
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("collector: spool: %w", err)
	}
	s.dirty = false
	return nil
}

func (s *spoolFile) close() error {
	if s.f == nil {
		return nil
	}
	err := errors.Join(s.sync(), s.f.Close())
	s.f, s.partial = nil, 0
	return err
}

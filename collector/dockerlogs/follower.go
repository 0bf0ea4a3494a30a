package dockerlogs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/decnet/decnet/collector"
)

// position is where a follower stands, as it is kept.
type position struct {
	File    string `json:"file,omitempty"` // "": before the first line
	Offset  int64  `json:"offset"`
	Passing string `json:"passing,omitempty"` // time of a line that was cut and whose rest is passed over
	Last    string `json:"last,omitempty"`    // time of the last line
	Decky   string `json:"decky"`
	Service string `json:"service,omitempty"`
}

// The reasons of log_gap events.
const (
	gapRotated    = "rotated away before it was read"
	gapRemoved    = "removed while nobody listened"
	gapUnreadable = "unreadable entry"
	gapTruncated  = "truncated"
)

// follower reads the log of one container. The chain in it is for everybody, the rest for
// the reader.
type follower struct {
	containerID
	chain chain
	key   string // of its position
	dir   string
	keep  int // files of the log that the engine keeps; 0: all is in one

	offset  int64    // in the first file of chain
	behind  position // the end of the file before it
	lines   lines    // what is unfinished
	from    position // of the beginning of what is unfinished
	last    string   // time of the last line
	gap     string   // why lines may be missing after it; told with the next line
	kept    string   // the position that the spool has
	ended   bool     // the container does not run
	removed bool
	failed  bool // reading failed, and that was told
	logged  rate // lines of standard error
}

// attach opens the log and goes on at pos.
func (f *follower) attach(pos position, known bool, buf []byte) error {
	if err := f.chain.extend(); err != nil {
		return err
	}
	f.last = pos.Last
	if known {
		for i, file := range f.chain.files {
			if err := file.identify(buf); err != nil {
				return err
			}
			if file.name != pos.File {
				continue
			}
			closeFiles(f.chain.files[:i])
			f.chain.files = f.chain.files[i:]
			f.offset = pos.Offset
			f.lines.passing, f.lines.time = pos.Passing != "", pos.Passing
			return nil
		}
	}
	if known || f.keep > 1 && len(f.chain.files) >= f.keep {
		f.gap = gapRotated
	}
	return nil
}

// position returns where to go on: at the beginning of an unfinished line.
func (f *follower) position() (position, bool) {
	if f.lines.open {
		f.from.Last = f.last
		return f.from, f.from.File != ""
	}
	return f.here()
}

// here returns where the reader is; not ok before the first line.
func (f *follower) here() (position, bool) {
	p := f.behind
	if file, _ := f.chain.first(); file != nil && file.name != "" {
		p.File, p.Offset = file.name, f.offset
	}
	p.Last, p.Decky, p.Service = f.last, f.decky, f.service
	if f.lines.passing {
		p.Passing = f.lines.time
	}
	return p, p.File != ""
}

// sink takes what a follower reads.
type sink interface {
	line(f *follower, text, time string, cut bool)
	stderr(f *follower, e entry)
	gap(f *follower, reason, until string) // since the last line
}

// read reads what buf holds at most, and reports whether there may be more.
func (f *follower) read(buf []byte, out sink) (more bool, err error) {
	for {
		file, sealed := f.chain.first()
		if file == nil {
			return false, nil
		}
		was := file.name
		if f.keep == 1 { // the engine may empty the file and go on in it
			file.name = ""
		}
		if err := file.identify(buf); err != nil {
			return false, err
		}
		// The byte before the offset ends an entry, or the file is not what it was.
		n, err := file.f.ReadAt(buf, max(f.offset-1, 0))
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		data := buf[:n]
		if f.offset > 0 {
			if n == 0 || data[0] != '\n' || was != "" && file.name != was {
				f.lines.end(f.sinkLine(out))
				f.offset, f.gap, file.name = 0, gapTruncated, ""
				continue
			}
			data = data[1:]
		}
		if end := bytes.LastIndexByte(data, '\n') + 1; end > 0 {
			if file.name == "" { // the line came after identify; lines need a position
				continue
			}
			f.entries(data[:end], out)
			return n == len(buf) || sealed, nil
		}
		if n == len(buf) { // no entry is that long
			next, err := file.nextEntry(buf, f.offset)
			if err == nil {
				f.offset, f.gap = next, gapUnreadable
				return true, nil
			}
			if !errors.Is(err, io.EOF) {
				return false, err
			}
		}
		if !sealed {
			return false, nil
		}
		if len(data) > 0 {
			f.gap = gapUnreadable
		}
		if file.name != "" {
			f.behind = position{File: file.name, Offset: f.offset}
		}
		f.chain.drop()
		f.offset = 0
		if next, _ := f.chain.first(); next.gap {
			f.lines.end(f.sinkLine(out))
			f.gap = gapRotated
		}
	}
}

func (f *follower) sinkLine(out sink) func(text, time string, cut bool) {
	return func(text, time string, cut bool) {
		f.last = time
		out.line(f, text, time, cut)
	}
}

// entries takes whole entries, each with its LF.
func (f *follower) entries(data []byte, out sink) {
	line := f.sinkLine(out)
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		e, err := parseEntry(data[:end])
		if err != nil {
			f.gap = gapUnreadable
			var ok bool
			if e, ok = mended(data[:end]); !ok {
				f.offset += int64(end) + 1
				data = data[end+1:]
				continue
			}
		}
		if f.gap != "" {
			out.gap(f, f.gap, e.time)
			f.gap = ""
		}
		if e.stderr {
			out.stderr(f, e)
		} else {
			if f.lines.add(e, line) {
				f.from, _ = f.here()
			}
		}
		f.offset += int64(end) + 1
		data = data[end+1:]
	}
}

// finish hands over what the container left unfinished when it ended.
func (f *follower) finish(out sink) { f.lines.end(f.sinkLine(out)) }

// moved returns the position to keep, when it is another than the one that is kept.
func (f *follower) moved() (collector.Position, bool) {
	p, ok := f.position()
	if !ok {
		return collector.Position{}, false
	}
	text, err := json.Marshal(p)
	if err != nil || string(text) == f.kept {
		return collector.Position{}, false
	}
	f.kept = string(text)
	return collector.Position{Key: f.key, Value: f.kept}, true
}

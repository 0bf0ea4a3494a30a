package dockerlogs

import (
	"fmt"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
)

// The engine writes one JSON object per entry, and cuts lines after 16 KiB. An entry is as
// long as that in escapes of six bytes, and its attributes.
const maxEntry = 192 << 10

// entry is what the engine keeps of a line, or of a piece of a long one: all pieces of one
// line but the last have no LF, and all have the time of the first.
type entry struct {
	text   string
	stderr bool
	time   string
}

// parseEntry reads one entry without its LF.
func parseEntry(b []byte) (e entry, err error) {
	s := jsontext.Scanner{Text: string(b)}
	s.Object(func(key string) {
		switch key {
		case "log":
			e.text = s.Quoted()
		case "stream":
			e.stderr = s.Quoted() == "stderr"
		case "time":
			e.time = s.Quoted()
		default:
			s.Value()
		}
	})
	s.End()
	if s.Err == nil && e.time == "" {
		s.Err = fmt.Errorf("no time: %w", decnet.ErrInvalid)
	}
	if s.Err != nil {
		return entry{}, fmt.Errorf("dockerlogs: entry: %w", s.Err)
	}
	return e, nil
}

// mended returns the end of an entry that does not parse, when that is an entry which was
// written behind one that a crash of the engine has left without an end. No text of a
// container can look like that, because quotes in text are escaped.
func mended(b []byte) (entry, bool) {
	i := strings.LastIndex(string(b), `{"log":"`)
	if i <= 0 {
		return entry{}, false
	}
	e, err := parseEntry(b[i:])
	return e, err == nil
}

// A line that is longer than Options.MaxLine, or that finds no room beside those of other
// containers, is cut to cutLine bytes.
const cutLine = 64 << 10

// lines puts the pieces of long lines together. It belongs to one container.
type lines struct {
	maxLine int
	room    *int // bytes that the unfinished lines of all containers may still take

	open    bool   // a line is unfinished
	text    []byte // of it
	time    string // of it, or of the line that is passed over
	passing bool   // the rest of a line that was cut is passed over
}

// add takes the next piece, hands over the lines that it ends, and reports whether it is
// the beginning of an unfinished one.
func (l *lines) add(e entry, line func(text, time string, cut bool)) (begins bool) {
	if (l.open || l.passing) && e.time != l.time {
		l.end(line) // the container ended in the middle of a line
	}
	text, whole := strings.CutSuffix(e.text, "\n")
	switch {
	case l.passing:
		l.passing = !whole
	case whole && !l.open:
		line(text, e.time, false)
	case len(l.text)+len(text) > l.maxLine, !whole && len(text) > *l.room:
		keep := min(len(text), max(0, cutLine-len(l.text)))
		cut := string(l.text[:min(len(l.text), cutLine)]) + text[:keep]
		l.clear()
		l.passing, l.time = !whole, e.time
		line(cut, e.time, true)
	case whole:
		full := string(l.text) + text
		l.clear()
		line(full, e.time, false)
	default:
		begins = !l.open
		l.open, l.time = true, e.time
		l.text = append(l.text, text...)
		*l.room -= len(text)
	}
	return begins
}

// end hands over an unfinished line, which will not be continued.
func (l *lines) end(line func(text, time string, cut bool)) {
	if l.open {
		text := string(l.text)
		l.clear()
		line(text, l.time, false)
	}
	l.passing = false
}

func (l *lines) clear() {
	*l.room += len(l.text)
	l.open, l.text = false, nil
}

package collector

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/decnet/decnet/collector/internal/tail"
)

// journal makes the writing of lines and the keeping of their positions one step. Before
// the spool is written, an entry says what will be written where, and the positions that
// hold then; an entry that was not carried out in full is carried out by the next process.
// There are two files for entries, which are used in turn, because an entry is whole or
// not at all only beside the one before it.
//
// Every now and then the positions are written to a file of their own, after the spool was
// brought to the disk. When the whole machine fails, that file may be behind the spool, but
// never ahead of it.
type journal struct {
	base  string // the spool without suffix
	slots [2]*os.File
	seq   uint64
	buf   []byte

	kept  map[string]string // all positions
	dirty map[string]string // those that changed since the last snapshot
}

// part is what an entry says of one file of the spool.
type part struct {
	Device, Inode uint64
	Offset        int64
	Length        int
	data          []byte
}

// entry is the head of an entry; the data of the parts follow it.
type entry struct {
	Seq       uint64
	Raw, JSON part
	Positions map[string]string // that changed since the snapshot; "": forgotten
}

// An entry begins with its magic, the length of what follows these 24 bytes, the length
// of the head, and a checksum of all after itself.
const (
	entryMagic = "decnetj1"
	entryHead  = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (j *journal) slotPath(i int) string { return fmt.Sprintf("%s.journal%d", j.base, i) }
func (j *journal) snapshotPath() string  { return j.base + ".positions" }

// open carries out what an earlier process left, on the files raw and records.
func (j *journal) open(raw, records string) error {
	j.kept, j.dirty = make(map[string]string), make(map[string]string)
	text, err := os.ReadFile(j.snapshotPath())
	if err == nil {
		err = json.Unmarshal(text, &j.kept)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("collector: positions: %w", err)
	}
	var last *entry
	for i := range j.slots {
		e, err := readEntry(j.slotPath(i))
		if err != nil {
			return fmt.Errorf("collector: journal: %w", err)
		}
		if e != nil && (last == nil || e.Seq > last.Seq) {
			last = e
		}
	}
	if last == nil {
		return nil
	}
	j.seq = last.Seq
	done, err := redo(&last.Raw, raw, &last.JSON, records)
	if err != nil {
		return fmt.Errorf("collector: journal: %w", err)
	}
	if done {
		j.set(last.Positions)
	}
	return j.snapshot()
}

// readEntry returns the entry in a file; nil when there is none that is whole.
func readEntry(path string) (*entry, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeEntry(b), nil
}

func decodeEntry(b []byte) *entry {
	if len(b) < entryHead || string(b[:8]) != entryMagic {
		return nil
	}
	total, head := binary.BigEndian.Uint64(b[12:]), binary.BigEndian.Uint32(b[20:])
	if total > uint64(len(b)-entryHead) || uint64(head) > total {
		return nil
	}
	b = b[:entryHead+int(total)]
	if crc32.Checksum(b[12:], castagnoli) != binary.BigEndian.Uint32(b[8:]) {
		return nil
	}
	var e entry
	data := b[entryHead+int(head):]
	if json.Unmarshal(b[entryHead:entryHead+int(head)], &e) != nil || e.Raw.Length < 0 || e.JSON.Length < 0 ||
		e.Raw.Length > len(data) || e.JSON.Length != len(data)-e.Raw.Length {
		return nil
	}
	e.Raw.data, e.JSON.data = data[:e.Raw.Length], data[e.Raw.Length:]
	return &e
}

// redo writes what is missing of an entry, and reports whether all of it is in the spool
// then. It is not when the spool has less than it had before the entry, which happens only
// when the machine failed.
func redo(raw *part, rawPath string, records *part, recordsPath string) (bool, error) {
	rawFile, rawRest, ok, err := raw.missing(rawPath)
	if err != nil || !ok {
		return false, err
	}
	jsonFile, jsonRest, ok, err := records.missing(recordsPath)
	if err != nil || !ok {
		return false, err
	}
	return true, errors.Join(appendTo(rawFile, rawRest), appendTo(jsonFile, jsonRest))
}

// missing returns the file that p is of and what of it is not there yet. A file that is
// gone was complete: the spool removes nothing else.
func (p *part) missing(path string) (file string, rest []byte, ok bool, err error) {
	if p.Length == 0 {
		return "", nil, true, nil
	}
	rotated, err := tail.RotatedOf(path)
	if err != nil {
		return "", nil, false, err
	}
	for _, r := range append(rotated, tail.Rotated{Path: path}) {
		info, err := os.Stat(r.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, false, err
		}
		if device, inode := identity(info); device != p.Device || inode != p.Inode {
			continue
		}
		there := info.Size() - p.Offset
		if there < 0 {
			return "", nil, false, nil
		}
		there = min(there, int64(p.Length))
		same, err := holds(r.Path, p.Offset, p.data[:there])
		return r.Path, p.data[there:], same, err
	}
	return "", nil, true, nil
}

func holds(path string, offset int64, data []byte) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, int64(len(data))), got); err != nil {
		return false, err
	}
	return bytes.Equal(got, data), nil
}

func appendTo(path string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func identity(info fs.FileInfo) (device, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev), s.Ino
	}
	return 0, 0
}

// write notes what will be written to raw and records, which are ready, and the positions
// that hold then.
func (j *journal) write(raw, records *spoolFile, positions map[string]string) error {
	if j.slots[0] == nil {
		for i := range j.slots {
			f, err := os.OpenFile(j.slotPath(i), os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("collector: journal: %w", err)
			}
			j.slots[i] = f
		}
	}
	maps.Copy(j.dirty, positions)
	j.seq++
	e := entry{Seq: j.seq, Raw: raw.part(), JSON: records.part(), Positions: j.dirty}
	head, err := json.Marshal(&e)
	if err != nil {
		return fmt.Errorf("collector: journal: %w", err)
	}
	b := append(j.buf[:0], entryMagic...)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(len(head)+e.Raw.Length+e.JSON.Length))
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	b = append(append(append(b, head...), e.Raw.data...), e.JSON.data...)
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli))
	j.buf = b
	if _, err := j.slots[j.seq%2].WriteAt(b, 0); err != nil {
		return fmt.Errorf("collector: journal: %w", err)
	}
	return nil
}

// set takes positions for those that hold.
func (j *journal) set(positions map[string]string) {
	maps.Copy(j.kept, positions)
	maps.DeleteFunc(j.kept, func(_, value string) bool { return value == "" })
}

// snapshot writes all positions that hold and voids the entries. The spool must have been
// brought to the disk.
func (j *journal) snapshot() error {
	text, err := json.Marshal(j.kept)
	if err != nil {
		return fmt.Errorf("collector: positions: %w", err)
	}
	if err := replaceFile(j.snapshotPath(), text); err != nil {
		return fmt.Errorf("collector: positions: %w", err)
	}
	for i := range j.slots {
		if err := os.Truncate(j.slotPath(i), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("collector: journal: %w", err)
		}
	}
	clear(j.dirty)
	return nil
}

// replaceFile gives path new content, so that it has the old or the new at any time.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (j *journal) close() (err error) {
	for i, f := range j.slots {
		if f != nil {
			err = errors.Join(err, f.Close())
			j.slots[i] = nil
		}
	}
	return err
}

// with returns the positions whose key begins with prefix.
func (j *journal) with(prefix string) map[string]string {
	found := make(map[string]string)
	for key, value := range j.kept {
		if strings.HasPrefix(key, prefix) {
			found[key] = value
		}
	}
	return found
}

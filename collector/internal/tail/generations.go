package tail

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DoneSuffix is what the name of a rotated file ends with once its reader has finished it.
const DoneSuffix = ".done"

// Rotated is a file that path was rotated to by its own writer: <path>.<eight digits>,
// and with DoneSuffix when its reader has finished it.
type Rotated struct {
	Path string
	Seq  int
	Done bool
	Size int64
}

// RotatedOf returns the files that path was rotated to, oldest first.
func RotatedOf(path string) ([]Rotated, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []Rotated
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), filepath.Base(path)+".")
		digits, done := strings.CutSuffix(rest, DoneSuffix)
		if !ok || len(digits) != 8 {
			continue
		}
		seq, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Rotated{filepath.Join(filepath.Dir(path), entry.Name()), int(seq), done, info.Size()})
	}
	slices.SortFunc(list, func(a, b Rotated) int { return a.Seq - b.Seq })
	return list, nil
}

// foreign returns the files <path>.<anything> that are not Rotated, in the order in
// which they were last written: those of a rotation by somebody else.
func foreign(path string) []candidate {
	names, _ := filepath.Glob(globQuote(path) + ".*")
	own, _ := RotatedOf(path)
	var list []candidate
	for _, name := range names {
		if slices.ContainsFunc(own, func(r Rotated) bool { return r.Path == name }) || strings.HasSuffix(name, ".lock") {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, candidate{name, info})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	return list
}

func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

type candidate struct {
	path string
	info fs.FileInfo
}

// maxStart bounds how much of the first line identifies a file.
const maxStart = 64 << 10

// generationOf names the file behind f by a hash of its first line; "" when it has no
// complete line yet. Reading does not move f.
func generationOf(f *os.File) (generation string, start []byte, err error) {
	r := bufio.NewReader(io.NewSectionReader(f, 0, maxStart))
	for {
		part, err := r.ReadSlice('\n')
		start = append(start, part...)
		switch {
		case err == nil || len(start) == maxStart:
			sum := sha256.Sum256(start)
			return hex.EncodeToString(sum[:16]), start, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return "", nil, nil
		default:
			return "", nil, err
		}
	}
}

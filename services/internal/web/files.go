package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/decnet/decnet"
)

// inMemory is the largest file that is read at once; larger ones are streamed.
const inMemory = 256 << 10

// files serves the operator's directory. Symbolic links that lead out of it, devices and
// dot-dot are refused by os.Root or here.
type files struct{ root *os.Root }

func openFiles(dir string) (*files, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("files: %w: %w", err, decnet.ErrSemantic)
	}
	return &files{root}, nil
}

// find returns the file at path, an absolute one, or nil when there is none.
func (f *files) find(target string) *resource {
	name := strings.TrimPrefix(target, "/")
	if name == "" {
		name = "."
	}
	if !fs.ValidPath(strings.TrimSuffix(name, "/")) || strings.Contains(name, "\\") || strings.HasPrefix(path.Base(name), ".ht") {
		return nil
	}
	clean := strings.TrimSuffix(name, "/")
	info, err := f.root.Stat(clean)
	if err != nil {
		return nil
	}
	if info.IsDir() {
		if clean != "." && !strings.HasSuffix(name, "/") {
			return &resource{dir: true}
		}
		for _, index := range [...]string{"index.html", "index.htm"} {
			if found := f.file(path.Join(clean, index)); found != nil {
				return found
			}
		}
		if clean == "." {
			return nil
		}
		return &resource{status: 403}
	}
	if strings.HasSuffix(name, "/") {
		return nil
	}
	return f.file(name)
}

// file returns the regular file called name, nil when there is none.
func (f *files) file(name string) *resource {
	info, err := f.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	ctype := contentType(name)
	if info.Size() > inMemory {
		open := func() (io.ReadSeekCloser, error) {
			file, err := f.root.Open(name)
			if err != nil {
				return nil, err
			}
			if now, err := file.Stat(); err != nil || !now.Mode().IsRegular() || now.Size() < info.Size() {
				file.Close()
				return nil, errors.Join(err, fs.ErrNotExist)
			}
			return file, nil
		}
		return &resource{page: filePage(info.Size(), ctype, info.ModTime(), open)}
	}
	file, err := f.root.Open(name)
	if err != nil {
		return &resource{status: 403}
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, inMemory))
	if err != nil {
		return &resource{status: 403}
	}
	return &resource{page: newPage(body, ctype, info.ModTime())}
}

// contentTypes are the types of the files that websites have, by extension.
var contentTypes = map[string]string{
	".html": "text/html", ".htm": "text/html", ".shtml": "text/html", ".txt": "text/plain", ".css": "text/css",
	".js": "application/javascript", ".json": "application/json", ".xml": "text/xml", ".csv": "text/csv", ".md": "text/markdown",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".svg": "image/svg+xml",
	".webp": "image/webp", ".ico": "image/vnd.microsoft.icon", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf",
	".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/x-gzip", ".tgz": "application/x-gzip",
	".tar": "application/x-tar", ".bz2": "application/x-bzip", ".xz": "application/x-xz", ".7z": "application/x-7z-compressed",
	".rar": "application/vnd.rar", ".sql": "application/x-sql", ".sh": "application/x-sh", ".jar": "application/java-archive",
	".doc": "application/msword", ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xls": "application/vnd.ms-excel", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".mp3": "audio/mpeg", ".mp4": "video/mp4", ".iso": "application/x-iso9660-image", ".deb": "application/vnd.debian.binary-package",
}

// contentType returns the media type of a file by its name, "" when it tells none.
func contentType(name string) string {
	// The host's own tables are not asked: answers must not depend on where the decky runs.
	return contentTypes[strings.ToLower(path.Ext(name))]
}

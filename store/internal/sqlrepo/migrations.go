package sqlrepo

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/decnet/decnet/store"
)

// Migrations lists the files migrations/VERSION_NAME.sql of files in their order.
func Migrations(files fs.FS) ([]store.Migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	out := make([]store.Migration, len(names))
	for i, f := range names {
		number, title, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		out[i] = store.Migration{Version: version, Name: title}
	}
	return out, nil
}

package fleet

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/decnet/decnet"
)

// Explained is an error with words for people who may change the fleet and do not run the
// machine that it is on: Explain names deckies, their services and addresses and what was to
// be done with them, and no files, processes or programs of the machine.
type Explained interface {
	error
	Explain() string
}

// Explain returns the words of the first error in err that is Explained, or else those of a
// fleet that cannot be, which is an error that wraps decnet.ErrSemantic. "": err has none.
func Explain(err error) string {
	var explained Explained
	if errors.As(err, &explained) {
		return explained.Explain()
	}
	var file *fs.PathError
	if !errors.Is(err, decnet.ErrSemantic) || errors.As(err, &file) {
		return ""
	}
	return strings.TrimSuffix(err.Error(), ": "+decnet.ErrSemantic.Error())
}

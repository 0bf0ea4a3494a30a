package fleet

import (
	"fmt"
	"strings"

	"github.com/decnet/decnet"
)

// MaxName is the length of the longest name of a decky, in bytes.
const MaxName = 128

// CheckName says whether name can be the name of a decky: letters, digits, "-", "_" and
// ".", the first a letter or digit, at most MaxName. Every such name can stand in a URL
// path, a file name, a container name and an RFC 5424 HOSTNAME as it is. Letters keep
// their case, but names that differ in case only cannot be in one fleet. The error wraps
// decnet.ErrSemantic.
func CheckName(name string) error {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	switch {
	case name == "":
		return fmt.Errorf("name is empty: %w", decnet.ErrSemantic)
	case len(name) > MaxName:
		return fmt.Errorf("name %.20q… has %d characters, at most %d are accepted: %w", name, len(name), MaxName, decnet.ErrSemantic)
	case strings.Trim(name, alphanumeric+"-_.") != "" || strings.IndexByte(alphanumeric, name[0]) < 0:
		return fmt.Errorf("name %q is not made of letters, digits, '-', '_' and '.', starting with a letter or digit: %w", name, decnet.ErrSemantic)
	}
	return nil
}

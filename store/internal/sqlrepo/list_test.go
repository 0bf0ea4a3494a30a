package sqlrepo

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzList: names come back as they were, and the text is one for any reader of JSON.
func FuzzList(f *testing.F) {
	f.Add("ssh", "ftp")
	f.Add("", `a","b`)
	f.Add(`\`, `"]`)
	f.Add("\xff", "\u2028<é")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, names := range [][]string{nil, {a}, {a, b}} {
			text := list(names)
			if !json.Valid([]byte(text)) {
				t.Fatalf("%s is not JSON", text)
			}
			got, err := parseList([]byte(text))
			if err != nil || !slices.Equal(got, names) {
				t.Errorf("%s is read as %q, %v, want %q", text, got, err, names)
			}
		}
	})
}

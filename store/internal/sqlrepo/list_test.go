package sqlrepo

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzList: names come back as they were, but for bytes that no JSON text holds, and every
// text is read as package json reads it.
func FuzzList(f *testing.F) {
	f.Add("ssh", "ftp")
	f.Add("", `a","b`)
	f.Add(`\`, `"]`)
	f.Add("\xff", "\u2028<é")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, names := range [][]string{nil, {a}, {a, b}} {
			text := list(names)
			var want []string
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			got, err := parseList([]byte(text))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s is read as %q, %v, want %q", text, got, err, want)
			}
		}
	})
}

package fleet_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// worded is an error with words for everybody.
type worded struct{ error }

func (worded) Explain() string { return "address 10.0.0.9 is in use" }

func TestExplain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"none":             {nil, ""},
		"of the machine":   {errors.New("/run/docker.sock: refused"), ""},
		"explained":        {fmt.Errorf("lan: %w", worded{errors.New("/run")}), "address 10.0.0.9 is in use"},
		"one of several":   {errors.Join(errors.New("/run"), worded{errors.New("/run")}), "address 10.0.0.9 is in use"},
		"meaningless":      {fmt.Errorf("web: no such family: %w", decnet.ErrSemantic), "web: no such family"},
		"names a file":     {fmt.Errorf("web: %w: %w", &fs.PathError{Op: "open", Path: "/etc/x", Err: fs.ErrNotExist}, decnet.ErrSemantic), ""},
		"another conflict": {fmt.Errorf("process 7: %w", decnet.ErrConflict), ""},
	} {
		if got := fleet.Explain(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestDescribesDeckies: what has nothing but settings of the fleet and of services asks for no
// decky.
func TestDescribesDeckies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"[general]\nnet = 10.0.0.0/24\n": false,
		"[custom-x]\nbinary = x\n":       false,
		"[web]\n":                        true,
	} {
		if got, err := fleet.DescribesDeckies([]byte(text)); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := fleet.DescribesDeckies([]byte("[web")); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("a document that is none: %v", err)
	}
}

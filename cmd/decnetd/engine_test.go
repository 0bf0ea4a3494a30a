package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet/docker"
)

func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := newProgress(file)
	p.step(docker.Step{Phase: docker.PhaseBegun})
	p.say("x")
	p.end()
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("a file got %v, %v", info, err)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	tty, screen := terminal(t)
	p := newProgress(tty)
	p.end() // shows nothing
	image := docker.Step{Action: docker.ActionBuild, Object: docker.ObjectImage, Name: "decnet-pot"}
	in := func(phase docker.Phase, text string, err error) {
		s := image
		s.Phase, s.Text, s.Err = phase, text, err
		p.step(s)
	}
	in(docker.PhaseBegun, "", nil)
	in(docker.PhaseSays, "Step 1/4 \x1b[2J"+strings.Repeat("x", 200), nil)
	in(docker.PhaseRetry, "", errors.New("busy"))
	image.Name, image.Reason = "other", "the engine does not have it"
	in(docker.PhaseBegun, "", nil)
	in(docker.PhaseSays, "Step 2/4", nil)
	image.Name, image.Reason = "decnet-pot", ""
	in(docker.PhaseDone, "", nil)
	image.Name, image.Reason = "other", "the engine does not have it"
	in(docker.PhaseDone, "", nil)
	p.say("waiting for \x07 another")
	in(docker.PhaseFailed, "", errors.New("no\nroom"))
	p.last("under way")
	p.end()
	screen.waitFor(t, "under way\r\x1b[K")
	shown := screen.text()
	for _, want := range []string{
		`^\r\x1b\[K       build image decnet-pot\r\x1b\[K       build image decnet-pot: "Step 1/4 \\x1b\[2Jx+\r\x1b\[K`,
		`\x1b\[Kagain  build image decnet-pot: busy\r\n`,
		`\x1b\[K       build image other: Step 2/4\r`,
		`\x1b\[K +[0-9.]+s build image decnet-pot\r\n\r\x1b\[K       build image other: the engine does not have it\r`,
		`\x1b\[K"waiting for \\a another"\r\n`,
		`\x1b\[Kfailed build image other: the engine does not have it: no; room\r\n`,
	} {
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("%s is not in %q", want, shown)
		}
	}
	for _, line := range regexp.MustCompile(`[\r\n]`).Split(shown, -1) {
		if n := len(strings.TrimPrefix(line, "\x1b[K")); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
)

func TestConsoleLines(t *testing.T) {
	t.Parallel()
	event := func(typ string, fields ...decnet.Field) decnet.Event {
		return decnet.Event{
			Time: time.Date(2026, 4, 18, 12, 0, 0, 0, time.Local), Decky: "web", Service: "ssh", Type: typ,
			Attacker: netip.MustParseAddr("192.0.2.9"), Fields: fields,
		}
	}
	for name, c := range map[string]struct {
		event decnet.Event
		want  string
	}{
		"plain":      {event("auth_attempt", decnet.F("username", "root"), decnet.F("password", "toor"), decnet.F("method", "password")), "auth_attempt username=root password=toor"},
		"empty":      {event("auth_attempt", decnet.F("password", "")), `auth_attempt password=""`},
		"spaces":     {event("command", decnet.F("command", `echo "a"`)), `command command="echo \"a\""`},
		"letters":    {event("command", decnet.F("command", "ls_ä")), "command command=ls_ä"},
		"escapes":    {event("command", decnet.F("command", "\x1b[2J\x1b]0;x\x07")), `command command="\x1b[2J\x1b]0;x\a"`},
		"C1":         {event("command", decnet.F("command", "\u009b2J")), `command command="\u009b2J"`},
		"bytes":      {event("command", decnet.F("command", "\x9b2J")), `command command="\x9b2J"`},
		"direction":  {event("command", decnet.F("command", "a\u202eb")), `command command="a\u202eb"`},
		"line break": {event("command", decnet.F("command", "a\n12:00:00 forged")), `command command="a\n12:00:00 forged"`},
		"long":       {event("command", decnet.F("command", strings.Repeat("x", 500))), "command command=" + strings.Repeat("x", 120) + "…"},
		"cut within a letter": {event("command", decnet.F("command", strings.Repeat("x", 119)+"ää")),
			`command command="` + strings.Repeat("x", 119) + `\xc3\u2026"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			screen := newConsole(&out, false)
			screen.Emit(c.event)
			screen.Emit(event("connect"))
			screen.Close()
			if want := "12:00:00 192.0.2.9       web/ssh " + c.want + "\n"; out.String() != want {
				t.Errorf("got  %q\nwant %q", out.String(), want)
			}
		})
	}
}

// TestConsoleHoldsNothingUp emits more than a terminal takes that shows nothing.
func TestConsoleHoldsNothingUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	screen := newConsole(heldUp(release), false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10_000 {
			screen.Emit(decnet.Event{Type: "command"})
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("a terminal that shows nothing holds up events")
	}
	close(release)
	<-done
	screen.Close()
}

// heldUp is a terminal that shows nothing until it is closed.
type heldUp chan struct{}

func (h heldUp) Write(p []byte) (int, error) {
	<-h
	return len(p), nil
}

// TestUpOnATerminal attacks a daemon whose output is a terminal, with a password made to
// act on it. The only escape sequences that reach it are those of our own colours.
func TestUpOnATerminal(t *testing.T) {
	for name, noColor := range map[string]string{"with colour": "", "without": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", noColor)
			tty, screen := terminal(t)
			status := make(chan int, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			args := []string{
				"up", "--services", "redis", "--deckies", "1", "--base-ip", "127.0.71.20", "--data", t.TempDir(),
				"--api", "127.0.0.1:0", "--port-offset", strconv.Itoa(offset),
			}
			go func() { status <- run(ctx, args, streams{tty, tty, tty}, environment{}.get) }()
			screen.waitFor(t, "decnetd: ready")
			authenticate(t, "127.0.71.20", "\x1b[2J\x1b]0;owned\x07\u009b31m")
			screen.waitFor(t, `password="\x1b[2J\x1b]0;owned\a\u009b31m"`)
			cancel()
			if s := <-status; s != 0 {
				t.Errorf("status %d", s)
			}
			shown := strings.ReplaceAll(screen.text(), "\r\n", "\n")
			colours := regexp.MustCompile(`\x1b\[[0-9;]*m`)
			if coloured := colours.MatchString(shown); coloured != (noColor == "") {
				t.Errorf("coloured: %t", coloured)
			}
			if !harmless(colours.ReplaceAllString(shown, "")) {
				t.Errorf("the terminal gets %q", shown)
			}
		})
	}
}

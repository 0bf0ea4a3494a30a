package main

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

// attack is what two attackers did: one went from alpha to gamma and beta, the other
// stayed on alpha.
func attack() []decnet.Event {
	begin := time.Date(2026, 4, 18, 12, 0, 0, 123456000, time.UTC)
	event := func(after time.Duration, from, decky, service, typ string, fields ...decnet.Field) decnet.Event {
		return decnet.Event{
			Time: begin.Add(after), Decky: decky, Service: service, Type: typ, Severity: decnet.SeverityInfo,
			Attacker: netip.MustParseAddr(from), Fields: append([]decnet.Field{decnet.F("src_ip", from)}, fields...),
		}
	}
	return []decnet.Event{
		event(0, "192.0.2.9", "alpha", "ssh", "connect"),
		event(time.Second, "192.0.2.9", "alpha", "ssh", "auth_attempt", decnet.F("username", "root"), decnet.F("password", "a]\"\\b\nc")),
		event(2*time.Second, "2001:db8::5", "alpha", "http", "request", decnet.F("path", "/")),
		event(time.Minute, "192.0.2.9", "gamma", "redis", "command", decnet.F("command", "CONFIG GET dir")),
		event(2*time.Hour, "192.0.2.9", "beta", "mysql", "connect"),
	}
}

func lines(write func([]byte, *decnet.Event) []byte) string {
	var b []byte
	for _, e := range attack() {
		b = append(write(b, &e), '\n')
	}
	return string(b)
}

func rawLines() string { return lines(rfc5424.Append) }

func records() string {
	return lines(func(b []byte, e *decnet.Event) []byte {
		return rfc5424.AppendJSON(b, e, string(rfc5424.Append(nil, e)))
	})
}

func TestCorrelate(t *testing.T) {
	t.Parallel()
	raw, spool := writeFile(t, "decnet.log", rawLines()), writeFile(t, "decnet.json", records())
	for name, args := range map[string][]string{
		"lines":            {raw},
		"records":          {spool},
		"lines from stdin": {"-"},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "correlate.json", succeed(t, rawLines(), append([]string{"correlate", "--json"}, args...)...))
			golden(t, "correlate.json", succeed(t, rawLines(), append([]string{"correlate", "--format", "json"}, args...)...))
			golden(t, "correlate.txt", succeed(t, rawLines(), append([]string{"correlate"}, args...)...))
			findings := succeed(t, rawLines(), append([]string{"correlate", "--format", "syslog"}, args...)...)
			now := regexp.MustCompile(`(?m)^(<\d+>1) \S+`)
			golden(t, "correlate.syslog", now.ReplaceAllString(findings, "$1 NOW"))
			if _, err := rfc5424.Parse(strings.TrimSuffix(findings, "\n")); err != nil {
				t.Errorf("the finding is no event: %v", err)
			}
		})
	}
}

func TestCorrelateMinDeckies(t *testing.T) {
	t.Parallel()
	raw := writeFile(t, "decnet.log", rawLines())
	if out := succeed(t, "", "correlate", "--min-deckies", "4", raw); out != "no traversals\n" {
		t.Errorf("across four deckies: %q", out)
	}
	if out := succeed(t, "", "correlate", "--min-deckies", "1", raw); !strings.Contains(out, "2001:db8::5") {
		t.Errorf("across one decky: %q", out)
	}
}

// TestCorrelateSeveralFiles checks that the parts of a rotated log give what the whole gives.
func TestCorrelateSeveralFiles(t *testing.T) {
	t.Parallel()
	all := strings.SplitAfter(rawLines(), "\n")
	first, second := writeFile(t, "first", strings.Join(all[:2], "")), writeFile(t, "second", strings.Join(all[2:], ""))
	golden(t, "correlate.json", succeed(t, "", "correlate", "--json", first, second))
}

func TestCorrelateLinesThatAreNoEvents(t *testing.T) {
	t.Parallel()
	noisy := "\n# a comment\n" + rawLines() + "{\"timestamp\":\n" + "<134>1 broken\n" + strings.Repeat("x", 100_000) + "\n"
	r := decnetd(t, noisy, "correlate", "--json", "-")
	if want := "decnetd: -: 4 lines are no events\n"; r.status != 0 || r.err != want {
		t.Errorf("status %d, %q, want %q", r.status, r.err, want)
	}
	golden(t, "correlate.json", r.out)
}

func TestCorrelateEndlessLine(t *testing.T) {
	t.Parallel()
	r := decnetd(t, strings.Repeat("x", maxLine+1), "correlate", "-")
	refused(t, r, exitFailed, "-: ", "too long")
	refused(t, decnetd(t, "", "correlate", t.TempDir()), exitFailed, "is a directory")
}

// TestCorrelateShowsNoControlCharacters reads records whose names were made to act on a
// terminal.
func TestCorrelateShowsNoControlCharacters(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, decky := range []string{"\x1b]0;owned\x07", "a\u009b2Jb\u202e"} {
		e := attack()[0]
		e.Decky = decky
		b.Write(rfc5424.AppendJSON(nil, &e, ""))
		b.WriteByte('\n')
	}
	for _, format := range []string{"table", "syslog", "json"} {
		out := succeed(t, b.String(), "correlate", "--format", format, "-")
		if !strings.Contains(out, "192.0.2.9") || !harmless(out) {
			t.Errorf("%s: %q", format, out)
		}
	}
}

// harmless reports whether a terminal shows s as it is.
func harmless(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// hostile is what an attacker sends to act on the terminal of whoever reads it.
const hostile = "\x1b]0;owned\x07\u009b2J\u202egpj.exe\u2066\u200b\ufeff\u2028\U000e0041\x7f\"\\<é漢\xff"

func TestJSONIsHarmlessOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printJSON(&out, map[string]string{hostile: hostile}); err != nil {
		t.Fatal(err)
	}
	if !harmless(out.String()) || strings.ContainsAny(out.String(), "\u2066\u200b\ufeff\u2028\U000e0041") {
		t.Errorf("%q", out.String())
	}
	if !strings.Contains(out.String(), "<é漢") {
		t.Errorf("what is harmless is escaped: %s", out.String())
	}
	var back map[string]string
	want := strings.ToValidUTF8(hostile, "\ufffd")
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[want] != want {
		t.Errorf("%v, %q", err, back)
	}
}

func TestFindingsAreHarmlessOnATerminal(t *testing.T) {
	t.Parallel()
	f := finding{kind: "hassh_server", hash: "x", rows: [][]string{{"hassh_server", "x"}, {"ssh_banner", hostile}}}
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		if err := f.print(&out, "192.0.2.1:22", asJSON); err != nil {
			t.Fatal(err)
		}
		if !harmless(out.String()) || !strings.Contains(out.String(), "owned") {
			t.Errorf("%q", out.String())
		}
	}
}

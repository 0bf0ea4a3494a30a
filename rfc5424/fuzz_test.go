package rfc5424

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
)

// FuzzParse feeds lines of anybody: whatever is understood must be canonical, and must
// survive being written again.
func FuzzParse(f *testing.F) {
	for _, c := range golden {
		f.Add(c.line)
	}
	f.Add(`<165>1 2003-10-11T22:14:15.003Z h evntslog 12 ID47 [exampleSDID@32473 iut="3"][relay@55555 src_ip="192.0.2.1"] ` + "\ufeffm")
	f.Add("<86>1 2026-04-18T02:22:56+02:00 d bash 7 - - CMD uid=0 user=root src=1.2.3.4 pwd=/tmp cmd=id\r\n")
	f.Add("<86>1 2026-04-18T02:22:56+02:00 d sshd 7 - - Failed password for invalid user x from 1.2.3.4 port 4000 ssh2")
	f.Add(`<34>1 - h a - m [relay@55555 src_ip="192.0.2.1" k="v\`)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := Parse(line)
		if d := cmp.Diff(e, Canonical(e), equal); d != "" {
			t.Fatalf("%q: not canonical: %s", line, d)
		}
		again, againErr := Parse(string(Append(nil, &e)))
		if againErr != nil {
			t.Fatalf("%q (%v): second reading: %v", line, err, againErr)
		}
		if d := cmp.Diff(e, again, equal); d != "" {
			t.Fatalf("%q: second reading differs: %s", line, d)
		}
	})
}

// FuzzRoundTrip feeds hostile values: they must come back byte for byte, over the line
// and over the JSON record.
func FuzzRoundTrip(f *testing.F) {
	f.Add("decky", "ssh", "login", "username", "root\n", "msg", int64(1_776_514_976_123_456))
	f.Add("-", "\xff", "", "", `\x0A"]`, "\ufeff src=1.2.3.4", int64(-1))
	f.Add("a b", "é", strings.Repeat("x", 40), "src_ip", "::ffff:1.2.3.4", `\`, int64(0))
	f.Fuzz(func(t *testing.T, decky, service, typ, key, value, msg string, us int64) {
		e := decnet.Event{Time: time.UnixMicro(us), Decky: decky, Service: service, Type: typ, Msg: msg, Fields: []decnet.Field{{Key: key, Value: value}, {Key: "tail", Value: value}}}
		line := Append(nil, &e)
		if !utf8.Valid(line) || strings.ContainsAny(string(line), "\r\n\x00") {
			t.Fatalf("%q is not one line of text", line)
		}
		got, err := Parse(string(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := Canonical(e)
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Fatalf("%q: %s", line, d)
		}
		if got.Value("tail") != value && key != "tail" || got.Msg != msg {
			t.Fatalf("%q: values changed", line)
		}
		record := AppendJSON(nil, &got, string(line))
		if !json.Valid(record) || strings.ContainsAny(string(record), "\r\n") {
			t.Fatalf("%q is not a JSON line", record)
		}
		back, raw, err := ParseJSON(record)
		if err != nil {
			t.Fatalf("%q: %v", record, err)
		}
		if d := cmp.Diff(want, back, equal); d != "" || raw != string(line) {
			t.Fatalf("%q: %s", record, d)
		}
	})
}

// FuzzParseJSON feeds records of anybody: what is accepted must be JSON to encoding/json
// too, with the same values.
func FuzzParseJSON(f *testing.F) {
	for _, c := range golden {
		f.Add(AppendJSON(nil, &c.event, c.line))
	}
	f.Add([]byte(`{"timestamp":"2026-04-18 02:22:56","decky":"d","service":"s","event_type":"t","fields":{"n":[1,{"a":"]"}],"s":"\ud83d\ude00\udc80"},"x":null}`))
	f.Add([]byte(`{"timestamp":"","decky":"d","service":"s","event_type":"t","fields":{"n":1`))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, raw, err := ParseJSON(record)
		if err != nil {
			return
		}
		var std struct {
			Msg string `json:"msg"`
			Raw string `json:"raw_line"`
		}
		if !json.Valid(record) {
			t.Fatalf("%q was accepted", record)
		}
		if json.Unmarshal(record, &std) == nil && utf8.ValidString(e.Msg) && utf8.ValidString(raw) && utf8.Valid(record) && !duplicated(record) {
			if std.Msg != e.Msg || std.Raw != raw {
				t.Fatalf("%q: read %q %q, encoding/json %q %q", record, e.Msg, raw, std.Msg, std.Raw)
			}
		}
		again, _, err := ParseJSON(AppendJSON(nil, &e, raw))
		if err != nil {
			t.Fatalf("%q: second reading: %v", record, err)
		}
		if d := cmp.Diff(e, again, equal); d != "" {
			t.Fatalf("%q: second reading differs: %s", record, d)
		}
	})
}

// duplicated reports whether encoding/json, which ignores case, may take a key of record
// for msg or raw_line that ParseJSON does not.
func duplicated(record []byte) bool {
	var m map[string]json.RawMessage
	if json.Unmarshal(record, &m) != nil {
		return true
	}
	for k := range m {
		if k != "msg" && k != "raw_line" && (strings.EqualFold(k, "msg") || strings.EqualFold(k, "raw_line")) {
			return true
		}
	}
	return false
}

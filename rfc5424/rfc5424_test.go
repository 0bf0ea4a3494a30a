package rfc5424

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
)

var equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmp.Comparer(func(a, b time.Time) bool { return a == b })}

var noon = time.Date(2026, 4, 18, 12, 0, 0, 123456000, time.UTC)

// golden pairs an event with the line that it becomes and that becomes it.
var golden = []struct {
	name  string
	event decnet.Event
	line  string
}{
	{"login",
		decnet.Event{Time: noon, Decky: "decky-01", Service: "ssh", Type: "auth_attempt", Attacker: netip.MustParseAddr("203.0.113.9"), Severity: 6,
			Fields: []decnet.Field{{Key: "src_ip", Value: "203.0.113.9"}, {Key: "username", Value: "root"}, {Key: "password", Value: `a"b]c\d`}}},
		`<134>1 2026-04-18T12:00:00.123456+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" username="root" password="a\"b\]c\\d"]`},
	{"fraction of zero has six digits",
		decnet.Event{Time: noon.Truncate(time.Second), Decky: "d", Service: "http", Type: "startup", Severity: 6, Msg: "http is up"},
		`<134>1 2026-04-18T12:00:00.000000+00:00 d http - startup - http is up`},
	{"nothing at all", decnet.Event{Severity: 3}, `<131>1 - - - - - -`},
	{"line ends and controls",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "command", Severity: 4, Fields: []decnet.Field{{Key: "command", Value: "a\r\n\x00b\x7f"}}},
		`<132>1 2026-04-18T12:00:00.123456+00:00 d ftp - command [relay@55555 command="a\x0D\x0A\x00b\x7F"]`},
	{"invalid UTF-8, and characters that end lines elsewhere",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "command", Severity: 6, Fields: []decnet.Field{{Key: "command", Value: "\xff\u0085é\u2028\xc3"}}},
		`<134>1 2026-04-18T12:00:00.123456+00:00 d ftp - command [relay@55555 command="\xFF\xC2\x85é\xE2\x80\xA8\xC3"]`},
	{"text that looks like an escape",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "command", Severity: 6, Fields: []decnet.Field{{Key: "command", Value: `\x0A`}}, Msg: `\x0A "]`},
		`<134>1 2026-04-18T12:00:00.123456+00:00 d ftp - command [relay@55555 command="\\x0A"] \\x0A "]`},
	{"message that needs escapes, without fields",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "x", Severity: 6, Msg: "a\nb"},
		`<134>1 2026-04-18T12:00:00.123456+00:00 d ftp - x [relay@55555] a\x0Ab`},
	{"trace",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "x", Severity: 6, Trace: decnet.Trace{TraceID: strings.Repeat("ab", 16), SpanID: strings.Repeat("01", 8)}},
		`<134>1 2026-04-18T12:00:00.123456+00:00 d ftp - x [trace@55555 trace_id="abababababababababababababababab" span_id="0101010101010101"]`},
	{"one key twice, in order",
		decnet.Event{Time: noon, Decky: "d", Service: "ftp", Type: "x", Severity: 7, Fields: []decnet.Field{{Key: "k", Value: "1"}, {Key: "a", Value: ""}, {Key: "k", Value: "2"}}},
		`<135>1 2026-04-18T12:00:00.123456+00:00 d ftp - x [relay@55555 k="1" a="" k="2"]`},
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		t.Run(c.name, func(t *testing.T) {
			if got := string(Append(nil, &c.event)); got != c.line {
				t.Errorf("encoded\n%s\nwant\n%s", got, c.line)
			}
			got, err := Parse(c.line)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.event, got, equal); d != "" {
				t.Error(d)
			}
		})
	}
}

// anyString draws strings that are rich in what hurts.
func anyString(t *rapid.T, label string) string {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"\\", "\"", "]", "[", "\n", "\r", "\x00", "\x7f", "\\x0A", "\xff", "\xc3", "\ufeff", "\u2028", "\u0085", "é", "=", " ", "-", "src=1.2.3.4", " cmd=", "ip=::1"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
	return strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, label), "")
}

func anyAddr(t *rapid.T) netip.Addr {
	return rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::1"),
		netip.MustParseAddr("::ffff:198.51.100.7"), netip.MustParseAddr("fe80::1%eth0")}).Draw(t, "attacker")
}

func anyEvent(t *rapid.T) decnet.Event {
	e := decnet.Event{
		Time:     time.Unix(rapid.Int64Range(-70_000_000_000, 270_000_000_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(time.FixedZone("", 5400)),
		Decky:    anyString(t, "decky"),
		Service:  anyString(t, "service"),
		Type:     anyString(t, "type"),
		Severity: decnet.Severity(rapid.IntRange(0, 12).Draw(t, "severity")),
		Attacker: anyAddr(t),
		Msg:      anyString(t, "msg"),
	}
	if rapid.Bool().Draw(t, "traced") {
		e.Trace = decnet.Trace{TraceID: strings.Repeat("0f", 16), SpanID: strings.Repeat("e1", 8)}
	}
	for range rapid.IntRange(0, 5).Draw(t, "fields") {
		key := rapid.OneOf(rapid.SampledFrom([]string{"src_ip", "ip", "username", "k"}), rapid.Custom(func(t *rapid.T) string { return anyString(t, "key") })).Draw(t, "key")
		value := anyString(t, "value")
		if rapid.Bool().Draw(t, "address") {
			value = "192.0.2.1"
		}
		e.Fields = append(e.Fields, decnet.F(key, value))
	}
	return e
}

func TestRoundTripLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		want := Canonical(e)
		line := string(Append(nil, &e))
		got, err := Parse(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d := cmp.Diff(want, got, equal); d != "" {
			t.Fatalf("%q\n%s", line, d)
		}
		if d := cmp.Diff(want, Canonical(want), equal); d != "" {
			t.Fatalf("Canonical is not idempotent: %s", d)
		}
		if again := string(Append(nil, &got)); again != line {
			t.Fatalf("second encoding differs:\n%q\n%q", line, again)
		}
	})
}

func TestLineIsOneLineForEveryReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		line := string(Append(nil, &e))
		if !utf8.ValidString(line) {
			t.Fatalf("%q is not UTF-8", line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f || r == 0x2028 || r == 0x2029 }); i >= 0 {
			t.Fatalf("%q has a control at %d", line, i)
		}
	})
}

func TestJSONRoundTripLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Canonical(anyEvent(t))
		raw := string(Append(nil, &e))
		record := AppendJSON(nil, &e, raw)
		got, gotRaw, err := ParseJSON(record)
		if err != nil {
			t.Fatalf("%q: %v", record, err)
		}
		if d := cmp.Diff(e, got, equal); d != "" || gotRaw != raw {
			t.Fatalf("%s\n%q\n%q\n%s", record, raw, gotRaw, d)
		}
	})
}

func TestW1_NoValueForgesALine(t *testing.T) {
	forged := "<134>1 2026-04-18T02:22:56.123456+00:00 decky-99 ssh - login - src=9.9.9.9"
	for _, sep := range []string{"\n", "\r\n", "\r", "\x00\n", "\u0085", "\u2028", "\v", "\f", `"] ` + "\n", `\` + "\n"} {
		for _, e := range []decnet.Event{
			{Decky: "d", Service: "s", Type: "t", Fields: []decnet.Field{{Key: "src_ip", Value: "192.0.2.1"}, {Key: "v", Value: "x" + sep + forged}}},
			{Decky: "d", Service: "s", Type: "t", Msg: "x" + sep + forged, Fields: []decnet.Field{{Key: "src_ip", Value: "192.0.2.1"}}},
			{Decky: "d", Service: "s", Type: "t" + sep + forged, Fields: []decnet.Field{{Key: "src_ip", Value: "192.0.2.1"}}},
			{Decky: "d" + sep + forged, Service: "s" + sep + forged, Type: "t", Fields: []decnet.Field{{Key: "src_ip", Value: "192.0.2.1"}, {Key: "k" + sep + forged, Value: ""}}},
		} {
			line := string(Append(nil, &e))
			if n := strings.Count(line, "\n") + strings.Count(line, "\r"); n != 0 {
				t.Errorf("%q has line ends", line)
			}
			got, err := Parse(line)
			if err != nil || got.Attacker != netip.MustParseAddr("192.0.2.1") || got.Decky == "decky-99" {
				t.Errorf("%q was read as %+v, %v", line, got, err)
			}
		}
	}
}

func TestW2_BracketsQuotesAndBackslashesSurvive(t *testing.T) {
	e := decnet.Event{Decky: "d", Service: "s", Type: "t", Severity: 6, Fields: []decnet.Field{
		{Key: "password", Value: `p]a"s\s] [relay@55555 src_ip="9.9.9.9"]`}, {Key: "tail", Value: `\`}, {Key: "src_ip", Value: "192.0.2.1"}}}
	got, err := Parse(string(Append(nil, &e)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Fields, e.Fields) || got.Attacker != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("got %+v", got)
	}
}

func TestW3_OneParserForAllProducers(t *testing.T) {
	for _, procid := range []string{"-", "4711", "sshd-session"} {
		e, err := Parse("<38>1 2026-04-18T02:22:56Z decky-01 sshd " + procid + " - - Accepted password for root from 192.0.2.9 port 51022 ssh2")
		if err != nil {
			t.Fatal(err)
		}
		if e.Service != "sshd" || e.Msg != "Accepted password for root from 192.0.2.9 port 51022 ssh2" {
			t.Errorf("PROCID %s: %+v", procid, e)
		}
	}
}

func TestW41_TimestampsKeepMicrosecondsAndZone(t *testing.T) {
	for in, want := range map[string]string{
		"2026-04-18T02:22:56+00:00":           "2026-04-18T02:22:56.000000+00:00",
		"2026-04-18T02:22:56.5Z":              "2026-04-18T02:22:56.500000+00:00",
		"2026-04-18T04:22:56.123456+02:00":    "2026-04-18T02:22:56.123456+00:00",
		"2026-04-17T20:52:56.123456789-05:30": "2026-04-18T02:22:56.123456+00:00",
	} {
		e, err := Parse("<134>1 " + in + " d s - t -")
		if err != nil {
			t.Fatal(err)
		}
		line := string(Append(nil, &e))
		if got := strings.Fields(line)[1]; got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
		back, _, err := ParseJSON(AppendJSON(nil, &e, line))
		if err != nil || back.Time != e.Time {
			t.Errorf("%s is %v in JSON, want %v, %v", in, back.Time, e.Time, err)
		}
	}
}

func TestHugeValue(t *testing.T) {
	for _, value := range []string{strings.Repeat("a", 1<<20), strings.Repeat("\x00", 1<<20), strings.Repeat("\xff]\"\\", 1<<18)} {
		e := decnet.Event{Time: noon, Decky: "d", Service: "s", Type: "t", Fields: []decnet.Field{{Key: "v", Value: value}}, Msg: value}
		line := string(Append(nil, &e))
		got, err := Parse(line)
		if err != nil || got.Value("v") != value || got.Msg != value {
			t.Fatalf("value of %d bytes did not survive: %v", len(value), err)
		}
		got, raw, err := ParseJSON(AppendJSON(nil, &e, line))
		if err != nil || got.Value("v") != value || got.Msg != value || raw != line {
			t.Fatalf("value of %d bytes did not survive JSON: %v", len(value), err)
		}
	}
}

func TestParseOtherEmitters(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"example 1 of RFC 5424", "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick on /dev/pts/8",
			"<130>1 2003-10-11T22:14:15.003000+00:00 mymachine.example.com su - ID47 - 'su root' failed for lonvick on /dev/pts/8"},
		{"example 2, PROCID and no BOM", "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
			"<133>1 2003-08-24T12:14:15.000003+00:00 192.0.2.1 myproc - - - %% It's time to make the do-nuts."},
		{"example 3, a foreign element", `<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An application event log entry...`,
			"<133>1 2003-10-11T22:14:15.003000+00:00 mymachine.example.com evntslog - ID47 - An application event log entry..."},
		{"example 4, two elements and no MSG", `<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut="3"][relay@55555 src_ip="192.0.2.1"]`,
			`<133>1 2003-10-11T22:14:15.003000+00:00 h evntslog - ID47 [relay@55555 src_ip="192.0.2.1"]`},
		{"the ip of origin is not the attacker", `<165>1 2003-10-11T22:14:15.003Z h app - x [origin ip="192.0.2.1" software="x"] m`,
			"<133>1 2003-10-11T22:14:15.003000+00:00 h app - x - m"},
		{"no structured data", "<30>1 2003-10-11T22:14:15.003Z h app 1 - plain text", "<134>1 2003-10-11T22:14:15.003000+00:00 h app - - - plain text"},
		{"backslash before another character", `<30>1 - h app 1 - [relay@55555 p="C:\temp\\n"]` + "\r\n", `<134>1 - h app - - [relay@55555 p="C:\\temp\\n"]`},
		{"message of another emitter is not unescaped", `<30>1 - h bash 1 - - printf '\x41\\'`, `<134>1 - h bash - - [relay@55555] printf '\\x41\\\\'`},
		{"unescaped bracket", `<30>1 - h app - - [relay@55555 p="a]b" q="c"]`, `<134>1 - h app - - [relay@55555 p="a\]b" q="c"]`},
		{"param name of another emitter", `<30>1 - h app - - [relay@55555 a.b="c"]`, `<134>1 - h app - - [relay@55555 a_b="c"]`},
		{"line ends behind MSGID", `<30>1 - h app - started`, `<134>1 - h app - started -`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Parse(c.line)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(Append(nil, &e)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestParseErrorsKeepWhatWasUnderstood(t *testing.T) {
	for _, c := range []struct{ name, line, decky, lastKey string }{
		{"empty", "", "", ""},
		{"not syslog", "hello", "", ""},
		{"old syslog", "<34>Oct 11 22:14:15 mymachine su: failed", "", ""},
		{"priority too large", "<192>1 - h a - m -", "", ""},
		{"priority without digits", "<>1 - h a - m -", "", ""},
		{"no such day", "<34>1 2026-02-30T00:00:00Z h a - m -", "", ""},
		{"leap second", "<34>1 2026-06-30T23:59:60Z h a - m -", "", ""},
		{"header ends early", "<34>1 - h a", "h", ""},
		{"two spaces", "<34>1 - h  a - m -", "h", ""},
		{"value without end", `<34>1 - h a - m [relay@55555 src_ip="192.0.2.1" k="v`, "h", "src_ip"},
		{"element without end", `<34>1 - h a - m [relay@55555 src_ip="192.0.2.1"`, "h", "src_ip"},
		{"no quotes", `<34>1 - h a - m [relay@55555 src_ip="192.0.2.1" k=v]`, "h", "src_ip"},
		{"second element of fields", `<34>1 - h a - m [relay@55555 src_ip="192.0.2.1"][relay@55555 src_ip="9.9.9.9"]`, "h", "src_ip"},
		{"text sticks to the element", `<34>1 - h a - m [relay@55555 src_ip="192.0.2.1"]x`, "h", "src_ip"},
		{"no SD-ID", `<34>1 - h a - m [] x`, "h", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Parse(c.line)
			if !errors.Is(err, decnet.ErrInvalid) {
				t.Errorf("error is %v", err)
			}
			last := ""
			if len(e.Fields) > 0 {
				last = e.Fields[len(e.Fields)-1].Key
			}
			if e.Decky != c.decky || last != c.lastKey || e.Attacker.IsValid() != (last == "src_ip") {
				t.Errorf("understood %+v", e)
			}
		})
	}
}

func TestAttackerFromMessage(t *testing.T) {
	for msg, want := range map[string]string{
		"CMD uid=0 user=root src=1.2.3.4 pwd=/root cmd=id": "1.2.3.4",
		"uid=0 ip=::1 src=1.2.3.4":                         "::1",
		"src=nobody ip=1.2.3.4":                            "invalid IP",
		"CMD uid=0 pwd=/ cmd=echo src=9.9.9.9":             "invalid IP",
		"resrc=9.9.9.9":                                    "invalid IP",
		"no pairs":                                         "invalid IP",
	} {
		e, err := Parse("<30>1 - h app - - - " + msg)
		if err != nil || e.Attacker.String() != want {
			t.Errorf("%q: %v, %v, want %s", msg, e.Attacker, err, want)
		}
		if len(e.Fields) != 0 {
			t.Errorf("%q: pairs became fields %v", msg, e.Fields)
		}
	}
	e, _ := Parse(`<30>1 - h app - - [relay@55555 src_ip="unknown"] src=9.9.9.9`)
	if e.Attacker.IsValid() {
		t.Error("the message overruled a field")
	}
}

func TestNamesAreCutAtRunes(t *testing.T) {
	e := decnet.Event{Decky: strings.Repeat("é", 300), Service: strings.Repeat("a", 60), Type: "a b\tc", Fields: []decnet.Field{{Key: "", Value: "1"}, {Key: strings.Repeat("k", 40), Value: "2"}, {Key: "ü.x", Value: "3"}}}
	got := Canonical(e)
	if got.Decky != strings.Repeat("_", 255) || got.Service != strings.Repeat("a", 48) || got.Type != "a_b_c" {
		t.Errorf("names are %q %q %q", got.Decky, got.Service, got.Type)
	}
	if got.Fields[0].Key != "_" || got.Fields[1].Key != strings.Repeat("k", 32) || got.Fields[2].Key != "__x" {
		t.Errorf("keys are %q", got.Fields)
	}
}

func TestDecoderKeepsStrings(t *testing.T) {
	var d Decoder
	first, err := d.Decode(golden[0].line)
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.Clone(first.Fields)
	if _, err := d.Decode(golden[3].line); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kept, golden[0].event.Fields) {
		t.Errorf("strings changed: %v", kept)
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	var d Decoder
	line := `<134>1 2026-04-18T12:00:00.123456+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" src_port="4711" username="root" password="123456"]`
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Decode(line); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func TestJSONGolden(t *testing.T) {
	e := decnet.Event{Time: noon, Decky: "decky-01", Service: "ssh", Type: "auth_attempt", Severity: 4,
		Fields: []decnet.Field{{Key: "username", Value: "z<é>\n"}, {Key: "password", Value: "\xff\"\\"}, {Key: "a", Value: ""}},
		Trace:  decnet.Trace{TraceID: strings.Repeat("ab", 16), SpanID: strings.Repeat("01", 8)}}
	want, err := os.ReadFile("testdata/record.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(AppendJSON(nil, &e, `<132>1 raw`)) + "\n"; got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseJSONOfOthers(t *testing.T) {
	e, raw, err := ParseJSON([]byte(` { "timestamp" : "2026-04-18 02:22:56", "decky":"d","service":"http", "extra": {"a":[1,{"b":"}"}]}, "event_type":"request",
		"attacker_ip":"Unknown","fields":{"n": 12.5 , "ok":true,"o":{"x":1},"s":"\u00e9\ud83d\ude00\/\b"},"msg":"","raw_line":"<131>1 x","trace_id":"` + strings.Repeat("ab", 16) + `","span_id":"` + strings.Repeat("cd", 8) + `"} `))
	if err != nil {
		t.Fatal(err)
	}
	want := decnet.Event{Time: time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC), Decky: "d", Service: "http", Type: "request", Severity: 3,
		Fields: []decnet.Field{{Key: "n", Value: "12.5"}, {Key: "ok", Value: "true"}, {Key: "o", Value: `{"x":1}`}, {Key: "s", Value: "é😀/\b"}},
		Trace:  decnet.Trace{TraceID: strings.Repeat("ab", 16), SpanID: strings.Repeat("cd", 8)}}
	if d := cmp.Diff(want, e, equal); d != "" || raw != "<131>1 x" {
		t.Errorf("raw %q\n%s", raw, d)
	}
}

func TestParseJSONRefuses(t *testing.T) {
	whole := `{"timestamp":"2026-04-18 02:22:56","decky":"d","service":"s","event_type":"t","attacker_ip":"Unknown","fields":{},"msg":"","raw_line":""}`
	if _, _, err := ParseJSON([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "null", "[]", "{}", "{", `{"timestamp":1}`, whole + "x", whole[:len(whole)-1],
		strings.Replace(whole, `"2026`, `"x2026`, 1), strings.Replace(whole, `"fields":{}`, `"fields":[]`, 1),
		strings.Replace(whole, `"msg":""`, `"msg":"\q"`, 1), strings.Replace(whole, `"msg":""`, "\"msg\":\"\n\"", 1),
		strings.Replace(whole, `"msg":""`, `"msg":"\u12"`, 1), strings.Replace(whole, `"msg":""`, `"x":nul`, 1),
		strings.Replace(whole, `,"fields"`, `"fields"`, 1), strings.Replace(whole, `"decky":"d",`, "", 1)} {
		if _, _, err := ParseJSON([]byte(bad)); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}

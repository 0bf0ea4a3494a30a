package jsontext_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                   `""`,
		`a"b\c/d`:            `"a\"b\\c/d"`,
		"\x00\n\r\t\x1f\x7f": `"\u0000\n\r\t\u001f\u007f"`,
		"é💣\ufffd<&>":        `"é💣` + "\ufffd" + `<&>"`,
		"\u0085\u2028\ufeff": `"\u0085\u2028\ufeff"`,
		"a\xffb\xc3":         `"a\udcffb\udcc3"`,
		"\xed\xb2\x80":       `"\udced\udcb2\udc80"`,
	} {
		if got := string(jsontext.Append(nil, s)); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestScanner(t *testing.T) {
	t.Parallel()
	s := jsontext.Scanner{Text: ` {"a":"x\u00e9","a":"y" , "n" : {"b":[1,"}"]} , "t":true} `}
	var got []string
	s.Object(func(key string) {
		if s.AtString() {
			got = append(got, key, s.Quoted())
		} else {
			got = append(got, key, s.Value())
		}
	})
	s.End()
	want := []string{"a", "xé", "a", "y", "n", `{"b":[1,"}"]}`, "t", "true"}
	if s.Err != nil || len(got) != len(want) {
		t.Fatalf("%q, %v", got, s.Err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}

func TestScannerArray(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		values []string
		ok     bool
	}{
		`[]`: {nil, true}, ` [ ] `: {nil, true}, `["a" , "\udcff"]`: {[]string{"a", "\xff"}, true},
		`["a",]`: {[]string{"a"}, false}, `["a"`: {[]string{"a"}, false}, `{}`: {nil, false}, `["a" "b"]`: {[]string{"a"}, false}, `[1]`: {nil, false},
	} {
		s := jsontext.Scanner{Text: text}
		var got []string
		s.Array(func() {
			if v := s.Quoted(); s.Err == nil {
				got = append(got, v)
			}
		})
		s.End()
		if !slices.Equal(got, want.values) || (s.Err == nil) != want.ok || s.Err != nil && !errors.Is(s.Err, decnet.ErrInvalid) {
			t.Errorf("%s is read as %q, %v, want %q", text, got, s.Err, want.values)
		}
	}
}

func TestScannerNamesThePlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":"\x"}`:  `unknown escape at byte 8: invalid`,
		`{"a":"b"} c`: `text behind the value at byte 10: invalid`,
		`{"a":"b`:     `string has no end at byte 7: invalid`,
	} {
		s := jsontext.Scanner{Text: text}
		s.Object(func(string) { _ = s.Quoted() })
		s.End()
		if !errors.Is(s.Err, decnet.ErrInvalid) || s.Err.Error() != want {
			t.Errorf("%s: %v, want %s", text, s.Err, want)
		}
	}
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "é💣\u2028", "a\xffb\xc3", "\xed\xb2\x80", `\u"`, "\x00\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := jsontext.Append(nil, s)
		if !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
		r := jsontext.Scanner{Text: string(text)}
		if got := r.Quoted(); got != s || r.Err != nil {
			t.Fatalf("%q is read back as %q, %v", s, got, r.Err)
		}
		r = jsontext.Scanner{Text: s} // which is any text
		r.Object(func(string) { _ = r.Value() })
	})
}

package store_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func TestFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fields []decnet.Field
		text   string
	}{
		{"none", nil, `{}`},
		{"order and repeats", []decnet.Field{decnet.F("b", "1"), decnet.F("a", "2"), decnet.F("b", "3")}, `{"b":"1","a":"2","b":"3"}`},
		{"empty", []decnet.Field{decnet.F("", "")}, `{"":""}`},
		{"quotes", []decnet.Field{decnet.F("k", `a"b\c/d`)}, `{"k":"a\"b\\c/d"}`},
		{"control", []decnet.Field{decnet.F("k", "\x00\x01\n\r\t\x1f\x7f")}, `{"k":"\u0000\u0001\n\r\t\u001f\u007f"}`},
		{"text", []decnet.Field{decnet.F("k", "é💣\u2028\ufffd<&>")}, "{\"k\":\"é💣\\u2028\ufffd<&>\"}"},
		{"invalid UTF-8", []decnet.Field{decnet.F("k", "a\xffb\xc3")}, `{"k":"a\udcffb\udcc3"}`},
		{"encoded surrogate", []decnet.Field{decnet.F("k", "\xed\xb2\x80")}, `{"k":"\udced\udcb2\udc80"}`},
	} {
		if got := string(store.AppendFields(nil, c.fields)); got != c.text {
			t.Errorf("%s: got %s, want %s", c.name, got, c.text)
		}
		if !json.Valid([]byte(c.text)) {
			t.Errorf("%s: %s is not JSON", c.name, c.text)
		}
		if got, err := store.ParseFields(c.text); err != nil || len(got) != len(c.fields) || len(got) > 0 && !reflect.DeepEqual(got, c.fields) {
			t.Errorf("%s: read back %q, %v", c.name, got, err)
		}
	}
}

func TestParseFieldsOfOthers(t *testing.T) {
	t.Parallel()
	got, err := store.ParseFields(" {\n\"a\" : \"\\b\\f\\/\\u00e9\\ud83d\\udca3\\ud83dx\" , \"b\":\"\" }\t")
	want := []decnet.Field{{Key: "a", Value: "\b\f/é💣\ufffdx"}, {Key: "b"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for text, understood := range map[string]int{
		"": 0, "[]": 0, "{": 0, "{}x": 0, `{"a"}`: 0, `{"a":1}`: 0, `{"a":"b"`: 1, `{"a":"b",}`: 1, `{,"a":"b"}`: 0, `{"a":"b" "c":"d"}`: 1,
		`{"a":"\x"}`: 0, `{"a":"\u12"}`: 0, `{"a":"\u12g4"}`: 0, "{\"a\":\"\n\"}": 0, `{"a":"b","c":"`: 1, `{"a":"\`: 0, "{\"a\":\"\\n\n\"}": 0,
	} {
		fields, err := store.ParseFields(text)
		if !errors.Is(err, decnet.ErrInvalid) || len(fields) != understood {
			t.Errorf("%q: got %q, %v, want %d fields and an error", text, fields, err, understood)
		}
	}
}

func FuzzAppendFields(f *testing.F) {
	f.Add("k", "v", "k2", `","k":"v`)
	f.Add("", "\x00\xff", "é", "\xed\xb2\x80")
	f.Add("a", `\udc80`, "b", `\`)
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		fields := []decnet.Field{{Key: k1, Value: v1}, {Key: k2, Value: v2}, {Key: k1, Value: v2}}
		text := store.AppendFields([]byte("prefix"), fields)[len("prefix"):]
		if !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
		if got, err := store.ParseFields(string(text)); err != nil || !reflect.DeepEqual(got, fields) {
			t.Fatalf("read back %q, %v, want %q", got, err, fields)
		}
		if !identifier(k1) || !identifier(k2) {
			return
		}
		// The text contains a field exactly if there is an equal one.
		for _, want := range []decnet.Field{{Key: k1, Value: v1}, {Key: k1, Value: v2}, {Key: k2, Value: v1}, {Key: "k", Value: "v"}} {
			held := false
			for _, have := range fields {
				held = held || have == want
			}
			if got := strings.Contains(string(text), string(store.AppendField(nil, want))); got != held {
				t.Fatalf("%s contains %q: %v, want %v", text, want, got, held)
			}
		}
	})
}

func identifier(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

func FuzzParseFields(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"a":"\ud83d\udca3\udc80"}`, `{"a":1}`, `{"a":"b",`, ` { "a" : "\n" } `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := store.ParseFields(text)
		if err != nil {
			return
		}
		again, err := store.ParseFields(string(store.AppendFields(nil, fields)))
		if err != nil || len(again) != len(fields) || len(fields) > 0 && !reflect.DeepEqual(again, fields) {
			t.Fatalf("%q reads as %q, written and read again as %q, %v", text, fields, again, err)
		}
	})
}

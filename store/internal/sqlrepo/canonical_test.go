package sqlrepo

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/decnet/decnet"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:    `{}`,
		` [ ] `: `[]`,
		`{"b":1,"a":{"d":[1, {"y":0,"x":0}],"c":null}}`: `{"a":{"c":null,"d":[1,{"x":0,"y":0}]},"b":1}`,
		` { "b" : "x y" , "a" : -1.50e+3 } `:            `{"a":-1.50e+3,"b":"x y"}`,
		`{"a":"\" , }","b":"\\"}`:                       `{"a":"\" , }","b":"\\"}`,
		`{"a":2,"b":0,"a":1}`:                           `{"a":2,"a":1,"b":0}`,
		"\"\xff\"":                                      "\"\xff\"",
		` true`:                                         `true`,
		"[1\n,\t2]":                                     `[1,2]`,
	} {
		got, err := canonical(json.RawMessage(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", " ", "{", "{}{}", "nul", `{"a":}`, "'x'"} {
		if _, err := canonical(json.RawMessage(in)); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"b":[1,{"z":0,"a":""}],"a":"\\\""}`, `[[],[ ] , {} ]`, `{"a":1,"a":2}`, ` -1e9 `, "\"\xff\"", `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := canonical(in)
		if err != nil {
			if json.Valid(in) {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		again, err := canonical(out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q becomes %q, then %q, %v", in, out, again, err)
		}
		var want, got any
		if json.Unmarshal(in, &want) != nil || json.Unmarshal(out, &got) != nil {
			return // numbers out of range
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q becomes %q, which means something else", in, out)
		}
	})
}

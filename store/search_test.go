package store_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

func text(value string) store.Term { return store.Term{Value: value} }

func field(key, value string) store.Term {
	return store.Term{Target: store.MatchField, Key: key, Value: value}
}

func TestParseSearch(t *testing.T) {
	t.Parallel()
	for search, want := range map[string][]store.Term{
		"":                           {},
		" \t\n":                      {},
		`"" ''`:                      {},
		"a b":                        {text("a"), text("b")},
		`"a b"`:                      {text("a b")},
		`'a "b'`:                     {text(`a "b`)},
		`a\ b`:                       {text("a b")},
		`"a\"b\\c\d"`:                {text(`a"b\c\d`)},
		`it's "here`:                 {text("it's"), text(`"here`)},
		`a\`:                         {text(`a\`)},
		"decky:x":                    {{Target: store.MatchDecky, Value: "x"}},
		"service:x":                  {{Target: store.MatchService, Value: "x"}},
		"event:x:y":                  {{Target: store.MatchEvent, Value: "x:y"}},
		"attacker:2001:DB8:0::1":     {{Target: store.MatchAttacker, Value: "2001:db8::1"}},
		"attacker_ip:::ffff:1.2.3.4": {{Target: store.MatchAttacker, Value: "1.2.3.4"}},
		"attacker-ip:Unknown":        {{Target: store.MatchAttacker, Value: "Unknown"}},
		"attacker:":                  {{Target: store.MatchAttacker}},
		"user:root":                  {field("user", "root")},
		`user:"two words"`:           {field("user", "two words")},
		"user:":                      {field("user", "")},
		"_x9:a:b":                    {field("_x9", "a:b")},
		":x":                         {text(":x")},
		"user-agent:x":               {text("user-agent:x")},
		"http://x":                   {text("http://x")},
		"2001:db8::1":                {text("2001:db8::1")},
		"fe80::1%eth0":               {text("fe80::1%eth0")},
		"::1":                        {text("::1")},
		"abc::":                      {text("abc::")},
		"::ffff:10.0.0.1":            {text("::ffff:10.0.0.1")},
		"aa:bb:cc:dd:ee:ff":          {text("aa:bb:cc:dd:ee:ff")},
		"10:22":                      {text("10:22")},
		"8080:x":                     {text("8080:x")},
	} {
		got, err := store.ParseSearch(search)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", search, got, err, want)
		}
	}
	for _, search := range []string{strings.Repeat("x", store.MaxSearch+1), strings.Repeat("x ", store.MaxTerms+1)} {
		if _, err := store.ParseSearch(search); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("search of %d bytes: %v", len(search), err)
		}
	}
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 18, 2, 22, 56, 123456789, time.UTC)
	r := store.Record{ID: 7, Raw: "<134>1 the Raw line", Event: decnet.Event{Time: at, Decky: "decky-01", Service: "ssh", Type: "command",
		Attacker: netip.MustParseAddr("::ffff:10.0.0.1"), Fields: []decnet.Field{decnet.F("k", "1"), decnet.F("k", "2")}}}
	for _, c := range []struct {
		f    store.Filter
		want bool
	}{
		{store.Filter{}, true},
		{store.Filter{Search: "RAW decky-0 10.0. ss"}, true},
		{store.Filter{Search: "attacker:10.0.0.1 decky:decky-01 service:ssh event:command"}, true},
		{store.Filter{Search: "service:ss"}, false},
		{store.Filter{Search: "k:1 k:2"}, true},
		{store.Filter{Search: "k:1 k:3"}, false},
		{store.Filter{Search: "command"}, false},
		{store.Filter{Start: at.Truncate(time.Microsecond), End: at.Truncate(time.Microsecond)}, true},
		{store.Filter{Start: at.Add(time.Microsecond)}, false},
		{store.Filter{End: at.Add(-time.Microsecond)}, false},
		{store.Filter{AfterID: 6}, true},
		{store.Filter{AfterID: 7}, false},
		{store.Filter{AfterID: -1}, true},
	} {
		match, err := c.f.Matcher()
		if err != nil || match(&r) != c.want {
			t.Errorf("%+v: error %v, want %v", c.f, err, c.want)
		}
	}
	if _, err := (store.Filter{Search: strings.Repeat("x", store.MaxSearch+1)}).Matcher(); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("too long a search: %v", err)
	}
}

func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{"a b", `"a b"`, `it's`, `a\`, "k:v", "2001:db8::1", "\x00\xff", "'a'\"b\"\\c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, search string) {
		terms, err := store.ParseSearch(search)
		if err != nil && !errors.Is(err, decnet.ErrInvalid) {
			t.Fatal(err)
		}
		if len(terms) > store.MaxTerms {
			t.Fatalf("%d terms", len(terms))
		}
		// Every term can be written so that it is read again alone.
		for _, term := range terms {
			word := term.Value
			switch term.Target {
			case store.MatchField:
				word = term.Key + ":" + word
			case store.MatchText:
			default:
				continue
			}
			again, err := store.ParseSearch("'" + strings.ReplaceAll(word, "'", `'\''`) + "'")
			if err != nil && len(word) < store.MaxSearch/4 || err == nil && (len(again) != 1 || again[0] != term) {
				t.Fatalf("%+v is read again as %+v, %v", term, again, err)
			}
		}
	})
}

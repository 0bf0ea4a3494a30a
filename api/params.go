package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// pageBytes ends a page of what attackers sent: whoever sends much at a time fills no memory
// of those who read it.
const pageBytes = 4 << 20

// kind is what the text of a parameter stands for.
type kind int

const (
	text kind = iota
	integer
	moment
	choice
)

// parameter is what a query may hold: a text of at most max characters, a whole number from
// min to max, a time, or one of choices, the first when it is absent.
type parameter struct {
	name    string
	kind    kind
	min     int64
	max     int64
	absent  int64
	choices []string
	doc     string
}

func (d parameter) accepted() string {
	switch d.kind {
	case integer:
		return fmt.Sprintf("a whole number from %d to %d", d.min, d.max)
	case moment:
		return "a time such as 2026-04-18T02:22:56Z"
	case choice:
		return "one of " + strings.Join(d.choices, ", ")
	default:
		return fmt.Sprintf("at most %d characters", d.max)
	}
}

// wrongValue is the error of a query parameter or body field that is well formed and wrong.
func wrongValue(name, accepted string) error {
	return refuse(http.StatusUnprocessableEntity, "%s must be %s", name, accepted)
}

// params reads query parameters and keeps the first error. Parameters that nobody reads are
// ignored.
type params struct {
	values url.Values
	err    error
}

// query refuses what cannot be read whole, because whoever asks would take the answer for
// one to all of it.
func query(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = refuse(http.StatusUnprocessableEntity, "the query is not well formed: a semicolon in a value is written %%3B, a percent sign %%25")
	}
	return &params{values, err}
}

func (p *params) refuse(d parameter) { p.keep(wrongValue(d.name, d.accepted())) }

func (p *params) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// text returns a parameter; null, undefined and nothing mean that it is absent.
func (p *params) text(d parameter) string {
	v := p.values.Get(d.name)
	if len(p.values[d.name]) > 1 {
		p.keep(wrongValue(d.name, "given once"))
	}
	switch strings.ToLower(v) {
	case "null", "undefined":
		return ""
	}
	if d.kind == text && int64(utf8.RuneCountInString(v)) > d.max {
		p.refuse(d)
		return ""
	}
	return v
}

func (p *params) number(d parameter) int64 {
	v := p.text(d)
	if v == "" {
		return d.absent
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < d.min || n > d.max {
		p.refuse(d)
		return d.absent
	}
	return n
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"}

func (p *params) time(d parameter) time.Time {
	v := p.text(d)
	if v == "" {
		return time.Time{}
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC()
		}
	}
	p.refuse(d)
	return time.Time{}
}

// mark returns the place of a row in the list of the newest first.
func (p *params) mark(at, id parameter) store.Mark {
	m := store.Mark{Time: p.time(at), ID: p.number(id)}
	if m.Time.IsZero() {
		return store.Mark{}
	}
	return m
}

func (p *params) choice(d parameter) string {
	v := p.text(d)
	if v == "" {
		return d.choices[0]
	}
	if !slices.Contains(d.choices, v) {
		p.refuse(d)
	}
	return v
}

func (p *params) page(most parameter) (rows, passed int) {
	return int(p.number(most)), int(p.number(offset))
}

func (p *params) records() store.Filter {
	f := store.Filter{Search: p.text(search), Start: p.time(startTime), End: p.time(endTime)}
	if _, err := store.ParseSearch(f.Search); err != nil {
		why := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "store: "), ": "+decnet.ErrInvalid.Error())
		p.keep(refuse(http.StatusUnprocessableEntity, "search is not one that can be looked for: %s", why))
	}
	return f
}

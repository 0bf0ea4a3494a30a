package api

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet/store"
)

// parameterError says which query parameter or body field is well formed and wrong, and
// what is accepted; it is answered with 422.
type parameterError struct{ name, accepted string }

func (e *parameterError) Error() string { return e.name + " must be " + e.accepted }

// params reads query parameters and keeps the first error.
type params struct {
	values url.Values
	err    error
}

func query(v url.Values) *params { return &params{values: v} }

// text returns a parameter; null, undefined and nothing mean that it is absent.
func (p *params) text(name string, max int) string {
	v := p.values.Get(name)
	switch strings.ToLower(v) {
	case "null", "undefined":
		return ""
	}
	if len(v) > max {
		p.refuse(name, fmt.Sprintf("at most %d bytes", max))
		return ""
	}
	return v
}

func (p *params) number(name string, absent, min, max int) int {
	v := p.text(name, 20)
	if v == "" {
		return absent
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > max {
		p.refuse(name, fmt.Sprintf("a whole number from %d to %d", min, max))
		return absent
	}
	return n
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"}

func (p *params) time(name string) time.Time {
	v := p.text(name, 64)
	if v == "" {
		return time.Time{}
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC()
		}
	}
	p.refuse(name, "a time such as 2026-04-18T02:22:56Z")
	return time.Time{}
}

func (p *params) choice(name string, choices ...string) string {
	v := p.text(name, 64)
	if v == "" {
		return choices[0]
	}
	for _, c := range choices {
		if v == c {
			return c
		}
	}
	p.refuse(name, "one of "+strings.Join(choices, ", "))
	return choices[0]
}

func (p *params) page(maxLimit int) (limit, offset int) {
	return p.number("limit", 50, 1, maxLimit), p.number("offset", 0, 0, math.MaxInt32)
}

func (p *params) records() store.Filter {
	return store.Filter{Search: p.text("search", 512), Start: p.time("start_time"), End: p.time("end_time")}
}

func (p *params) refuse(name, accepted string) {
	if p.err == nil {
		p.err = &parameterError{name, accepted}
	}
}

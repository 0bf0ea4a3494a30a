package mysql

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

type valueKind byte

const (
	nullValue valueKind = iota
	intValue
	floatValue
	textValue
)

// value is one cell. The zero value is NULL.
type value struct {
	kind valueKind
	i    int64
	f    float64
	s    string
}

func integer(i int64) value { return value{kind: intValue, i: i} }
func real(f float64) value  { return value{kind: floatValue, f: f} }
func text(s string) value   { return value{kind: textValue, s: s} }

func truth(b bool) value {
	if b {
		return integer(1)
	}
	return integer(0)
}

// number reads a number as it is written in a statement.
func number(s string) value {
	if len(s) > 2 && s[0] == '0' && s[1] == 'x' {
		digits := s[2:]
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		b, _ := hex.DecodeString(digits)
		return text(string(b))
	}
	if len(s) > 2 && s[0] == '0' && s[1] == 'b' {
		n, _ := strconv.ParseInt(s[2:], 2, 64)
		return integer(n)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return integer(n)
	}
	f, _ := strconv.ParseFloat(s, 64)
	return real(f)
}

// String is the text of the value in a result; NULL has none.
func (v value) String() string {
	switch v.kind {
	case intValue:
		return strconv.FormatInt(v.i, 10)
	case floatValue:
		if math.Abs(v.f) >= 1e15 || v.f != 0 && math.Abs(v.f) < 1e-15 {
			return strings.Replace(strconv.FormatFloat(v.f, 'g', -1, 64), "e+", "e", 1)
		}
		return strconv.FormatFloat(v.f, 'f', -1, 64)
	}
	return v.s
}

// float is the value as a number: of a text the number that it begins with.
func (v value) float() float64 {
	switch v.kind {
	case intValue:
		return float64(v.i)
	case floatValue:
		return v.f
	case textValue:
		s := strings.TrimLeft(v.s[:min(len(v.s), 64)], " \t\n")
		end := lexNumber(s, 0)
		if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
			end = lexNumber(s, 1)
		}
		f, _ := strconv.ParseFloat(s[:end], 64)
		return f
	}
	return 0
}

func (v value) int() int64 {
	if v.kind == intValue {
		return v.i
	}
	f := math.Round(v.float())
	return int64(max(math.MinInt64/2, min(f, math.MaxInt64/2)))
}

func (v value) true() bool { return v.kind != nullValue && v.float() != 0 }

// compare orders two values that are not NULL: texts without case, all else as numbers.
func compare(a, b value) int {
	if a.kind == textValue && b.kind == textValue {
		return strings.Compare(strings.ToLower(a.s), strings.ToLower(b.s))
	}
	if a.kind == intValue && b.kind == intValue {
		switch {
		case a.i < b.i:
			return -1
		case a.i > b.i:
			return 1
		}
		return 0
	}
	switch x, y := a.float(), b.float(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// like matches s against a pattern of % and _, without case. It gives up, as no match,
// after a bounded number of steps.
func like(s, pattern string) bool {
	budget := 1 << 16
	return likeWithin(strings.ToLower(s), strings.ToLower(pattern), &budget)
}

func likeWithin(s, p string, budget *int) bool {
	for len(p) > 0 {
		if *budget--; *budget < 0 {
			return false
		}
		switch {
		case p[0] == '%':
			p = strings.TrimLeft(p, "%")
			if p == "" {
				return true
			}
			for i := 0; i <= len(s); i++ {
				if likeWithin(s[i:], p, budget) {
					return true
				}
				if *budget < 0 {
					return false
				}
			}
			return false
		case p[0] == '\\' && len(p) > 1:
			if len(s) == 0 || s[0] != p[1] {
				return false
			}
			p, s = p[2:], s[1:]
		case len(s) > 0 && (p[0] == '_' || p[0] == s[0]):
			p, s = p[1:], s[1:]
		default:
			return false
		}
	}
	return s == ""
}

package redis

import (
	"math"
	"strconv"
)

// maxReply bounds what may wait to be sent.
const maxReply = 8 << 20

// reply collects what is to be sent, in RESP2 or RESP3.
type reply struct {
	buf   []byte
	resp3 bool
	full  bool // more than maxReply was to be sent; what follows is lost
}

func (r *reply) header(kind byte, n int64) {
	r.buf = append(r.buf, kind)
	r.buf = strconv.AppendInt(r.buf, n, 10)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) simple(s string) {
	r.buf = append(r.buf, '+')
	r.buf = append(r.buf, s...)
	r.buf = append(r.buf, '\r', '\n')
}

// fail sends an error; s begins with its code. Line breaks become spaces.
func (r *reply) fail(s string) {
	r.buf = append(r.buf, '-')
	for i := range len(s) {
		if s[i] == '\r' || s[i] == '\n' {
			r.buf = append(r.buf, ' ')
		} else {
			r.buf = append(r.buf, s[i])
		}
	}
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) integer(n int64) { r.header(':', n) }

func (r *reply) flag(b bool) {
	if b {
		r.integer(1)
	} else {
		r.integer(0)
	}
}

func (r *reply) bulk(b []byte) {
	if len(r.buf) > maxReply {
		r.full = true
		return
	}
	r.header('$', int64(len(b)))
	r.buf = append(r.buf, b...)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) text(s string) {
	if len(r.buf) > maxReply {
		r.full = true
		return
	}
	r.header('$', int64(len(s)))
	r.buf = append(r.buf, s...)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) array(n int) { r.header('*', int64(n)) }

func (r *reply) texts(list ...string) {
	r.array(len(list))
	for _, s := range list {
		r.text(s)
	}
}

func (r *reply) bulks(list [][]byte) {
	r.array(len(list))
	for _, b := range list {
		r.bulk(b)
	}
}

// mapping begins n pairs.
func (r *reply) mapping(n int) {
	if r.resp3 {
		r.header('%', int64(n))
	} else {
		r.header('*', int64(2*n))
	}
}

func (r *reply) set(n int) {
	if r.resp3 {
		r.header('~', int64(n))
	} else {
		r.header('*', int64(n))
	}
}

func (r *reply) push(n int) {
	if r.resp3 {
		r.header('>', int64(n))
	} else {
		r.header('*', int64(n))
	}
}

func (r *reply) null() {
	if r.resp3 {
		r.buf = append(r.buf, "_\r\n"...)
	} else {
		r.buf = append(r.buf, "$-1\r\n"...)
	}
}

func (r *reply) nullArray() {
	if r.resp3 {
		r.buf = append(r.buf, "_\r\n"...)
	} else {
		r.buf = append(r.buf, "*-1\r\n"...)
	}
}

func (r *reply) double(f float64) {
	s := formatScore(f)
	if !r.resp3 {
		r.text(s)
		return
	}
	r.buf = append(r.buf, ',')
	r.buf = append(r.buf, s...)
	r.buf = append(r.buf, '\r', '\n')
}

// verbatim is a text that clients show as it is.
func (r *reply) verbatim(s string) {
	if !r.resp3 {
		r.text(s)
		return
	}
	r.header('=', int64(len(s)+4))
	r.buf = append(r.buf, "txt:"...)
	r.buf = append(r.buf, s...)
	r.buf = append(r.buf, '\r', '\n')
}

func (r *reply) ok() { r.simple("OK") }

// formatScore prints a double as the server does, with 17 significant digits.
func formatScore(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	case f == math.Trunc(f) && math.Abs(f) < 1e17:
		if f == 0 && math.Signbit(f) {
			return "-0"
		}
		return strconv.FormatInt(int64(f), 10)
	}
	return formatG17(f)
}

// formatG17 is C's %.17g.
func formatG17(f float64) string {
	exp := 0
	if f != 0 {
		e := strconv.FormatFloat(f, 'e', 16, 64)
		exp, _ = strconv.Atoi(e[len(e)-exponentWidth(e):])
	}
	if exp < -4 || exp >= 17 {
		return trimZeros(strconv.FormatFloat(f, 'e', 16, 64))
	}
	return trimZeros(strconv.FormatFloat(f, 'f', 16-exp, 64))
}

// exponentWidth returns how many bytes after the 'e' of s are its exponent.
func exponentWidth(s string) int {
	for i := range len(s) {
		if s[i] == 'e' {
			return len(s) - i - 1
		}
	}
	return 0
}

// trimZeros drops the zeros at the end of the fraction, and its point with them.
func trimZeros(s string) string {
	mantissa, exponent := s, ""
	if w := exponentWidth(s); w > 0 {
		mantissa, exponent = s[:len(s)-w-1], s[len(s)-w-1:]
	}
	point := -1
	for i := range len(mantissa) {
		if mantissa[i] == '.' {
			point = i
		}
	}
	if point >= 0 {
		for mantissa[len(mantissa)-1] == '0' {
			mantissa = mantissa[:len(mantissa)-1]
		}
		if mantissa[len(mantissa)-1] == '.' {
			mantissa = mantissa[:len(mantissa)-1]
		}
	}
	return mantissa + exponent
}

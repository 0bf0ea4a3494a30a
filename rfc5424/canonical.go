package rfc5424

import (
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// Canonical returns e as it is after Append and Parse, without the detour over text: the
// time in UTC with microseconds, names cleaned and cut, the attacker whom the fields
// name, and a field src_ip where none does. The fields of e are shared with the result
// where they need no change, and never modified.
func Canonical(e decnet.Event) decnet.Event {
	if writable(e.Time) {
		e.Time = e.Time.UTC().Truncate(time.Microsecond)
	} else {
		e.Time = time.Time{}
	}
	e.Decky = headerName(e.Decky, maxHost)
	e.Service = headerName(e.Service, maxApp)
	e.Type = headerName(e.Type, maxMsgID)
	e.Severity = min(e.Severity, decnet.SeverityDebug)
	if !traced(e.Trace) {
		e.Trace = decnet.Trace{}
	}
	source := unnamedAttacker(&e)
	e.Fields = canonicalFields(e.Fields, source)
	e.Attacker = attackerOf(e.Fields, e.Msg)
	return e
}

func canonicalFields(fields []decnet.Field, source netip.Addr) []decnet.Field {
	clean := !source.IsValid()
	for i := 0; clean && i < len(fields); i++ {
		clean = paramName(fields[i].Key) == fields[i].Key
	}
	switch {
	case len(fields) == 0 && clean:
		return nil
	case clean:
		return fields
	}
	out := make([]decnet.Field, 0, len(fields)+1)
	if source.IsValid() {
		out = append(out, decnet.F("src_ip", source.String()))
	}
	for _, f := range fields {
		out = append(out, decnet.F(paramName(f.Key), f.Value))
	}
	return out
}

// headerName returns s as it is written into a header field of at most limit bytes, ""
// for one that is nil.
func headerName(s string, limit int) string {
	if s == "-" {
		return ""
	}
	return clean(s, limit, headerByte)
}

// paramName returns s as it is written as the name of a parameter.
func paramName(s string) string {
	if s == "" {
		return "_"
	}
	return clean(s, maxParam, wordByte)
}

// clean replaces each character of s that has a byte which is not ok by "_", and cuts
// the result to limit bytes.
func clean(s string, limit int, ok func(byte) bool) string {
	i := 0
	for i < len(s) && i < limit && ok(s[i]) {
		i++
	}
	if i == len(s) || i == limit {
		return s[:i]
	}
	out := append(make([]byte, 0, limit), s[:i]...)
	for i < len(s) && len(out) < limit {
		_, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 && ok(s[i]) {
			out = append(out, s[i])
		} else {
			out = append(out, '_')
		}
		i += n
	}
	return string(out)
}

// attackerOf returns the attacker whom the fields name, or when none of them may name one,
// the first whom a word=token pair of msg names. Pairs end at cmd=, for what follows is
// text that the attacker typed.
func attackerOf(fields []decnet.Field, msg string) netip.Addr {
	if a := decnet.AttackerOf(fields); a.IsValid() || msg == "" || namesAttacker(fields) {
		return a
	}
	for i := 0; i < len(msg); {
		if msg[i] != '=' {
			i++
			continue
		}
		start := i
		for start > 0 && wordByte(msg[start-1]) {
			start--
		}
		end := i + 1
		for end < len(msg) && !space(msg[end]) {
			end++
		}
		key, token := msg[start:i], msg[i+1:end]
		switch {
		case key == "cmd":
			return netip.Addr{}
		case token != "" && namesAttackerKey(key):
			return decnet.AttackerOf([]decnet.Field{{Key: key, Value: token}})
		}
		i = end
	}
	return netip.Addr{}
}

func namesAttacker(fields []decnet.Field) bool {
	for i := range fields {
		if namesAttackerKey(fields[i].Key) {
			return true
		}
	}
	return false
}

// namesAttackerKey reports whether decnet.AttackerOf looks at fields called key.
func namesAttackerKey(key string) bool {
	return decnet.AttackerOf([]decnet.Field{{Key: key, Value: "::"}}).IsValid()
}

func headerByte(c byte) bool { return '!' <= c && c <= '~' }

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
}

func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

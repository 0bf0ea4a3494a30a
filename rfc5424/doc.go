// Package rfc5424 is the wire contract of DECNET: one event is one RFC 5424 line, and
// one encoder and one decoder go between the two. It also has the JSON record that is
// derived from a line, a [Writer] for event lines and a [Handler] for log/slog.
//
//	line := rfc5424.Append(nil, &event)
//	event, err := rfc5424.Parse(string(line))
//
// # The line
//
//	<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD[ MSG]
//
// An event is written with facility local0 (PRI is 128 + severity), the time in UTC with
// always six digits of fraction and the offset +00:00, the decky as HOSTNAME, the service
// as APP-NAME, "-" as PROCID, the type as MSGID and its fields, in order, as the
// parameters of one element [relay@55555 …]. What is empty is "-", and a zero time is too.
// An event that belongs to a trace has a second element, [trace@55555 trace_id="…"
// span_id="…"], which no field can imitate.
//
// HOSTNAME, APP-NAME and MSGID keep their printable ASCII without space; every other
// character becomes "_", and they are cut to 255, 48 and 32 bytes. Parameter names keep
// [A-Za-z0-9_], every other character becomes "_", and they are cut to 32 bytes.
//
// # Hostile values
//
// Nothing in a value can end the line, the parameter or the element:
//
//   - backslash, double quote and closing bracket are preceded by a backslash, as RFC 5424
//     section 6.3.3 says;
//   - each byte below 0x20, 0x7f, each byte that is not part of valid UTF-8, and each byte
//     of U+0080 to U+009F, U+2028, U+2029 and U+FEFF (which some readers take for line
//     ends, terminal controls or marks) is written as \xHH: a backslash, an x and two upper-case
//     hexadecimal digits. A backslash of the value is always doubled, so this is
//     unambiguous;
//   - all else is written as it is.
//
// MSG is written by the same rule, except that quotes and brackets need no backslash
// there. So that messages of other emitters are never altered, MSG is unescaped only on
// lines with a relay@55555 element; a message that needs escapes gets an empty one when
// the event has no fields. An event line is therefore valid UTF-8 without control
// characters, and reading it gives the event back byte for byte (see [Canonical] for the
// little that does not survive: names outside of the rules above, nanoseconds).
//
// # Lines of other emitters
//
// [Parse] accepts any facility, a PROCID, offsets and Z, zero to nine digits of fraction, a byte order
// mark before MSG, and lines without structured data. Fields are taken from relay@55555
// alone: elements of others (origin, meta, timeQuality, …) are checked and left in the raw line, because
// parameters such as the ip of origin would pass for the attacker's address.
package rfc5424

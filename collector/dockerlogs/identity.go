package dockerlogs

import (
	"strconv"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/native"
	"github.com/decnet/decnet/rfc5424"
)

// containerID is who a container is, according to its labels.
type containerID struct {
	id, fleet, decky, service string
}

// holder is the service of the container that holds the address of a decky.
const holder = "egress"

const (
	maxUnparsed = 4 << 10         // bytes of a line that is no event which are kept
	maxSkew     = 5 * time.Minute // between the time of an event and that of its line
)

// verdict says what became of a line.
type verdict int

const (
	asItIs verdict = iota
	translated
	putRight
	unparsed
)

// attributed returns the line to keep for one that c printed at a time: the same, when it is
// an event of c; the event that it stands for, when a daemon of c wrote it; and otherwise
// one in which what is not true of c is put right, and what was claimed is a field.
func attributed(dec *rfc5424.Decoder, c *containerID, text string, at time.Time, cut bool) (string, verdict) {
	e, err := dec.Decode(text)
	if err != nil || cut {
		return unparsedLine(c, text, at, cut), unparsed
	}
	var claims []decnet.Field
	v := asItIs
	if e.Decky != c.decky {
		if v = putRight; e.Decky != "" {
			claims = append(claims, decnet.F("claimed_decky", e.Decky))
		}
		e.Decky = c.decky
	}
	if d := e.Time.Sub(at); d < -maxSkew || d > maxSkew {
		v = putRight
		claims = append(claims, decnet.F("claimed_time", e.Time.UTC().Format(time.RFC3339Nano)))
		e.Time = at
	}
	switch daemon := native.DaemonOf(e.Service, c.service); {
	case daemon && native.Normalize(&e, c.service):
		v = max(v, translated)
	case e.Service == c.service:
	case e.Type == "" && len(e.Fields) == 0:
		v = max(v, translated)
		e.Type, e.Fields, e.Msg = "log", []decnet.Field{decnet.F("daemon", e.Service), decnet.F("line", e.Msg)}, ""
		e.Service = c.service
	default:
		v = putRight
		if !daemon && e.Service != "" {
			claims = append(claims, decnet.F("claimed_service", e.Service))
		}
		e.Service = c.service
	}
	if v == asItIs {
		return text, v
	}
	e.Fields = append(e.Fields[:len(e.Fields):len(e.Fields)], claims...)
	return encoded(e), v
}

func unparsedLine(c *containerID, text string, at time.Time, cut bool) string {
	fields := []decnet.Field{decnet.F("line", text[:min(len(text), maxUnparsed)]), decnet.F("size", strconv.Itoa(len(text)))}
	if cut {
		fields = append(fields, decnet.F("cut", "true"))
	}
	return encoded(decnet.Event{
		Time: at, Decky: c.decky, Service: c.service, Type: "unparsed_line", Severity: decnet.SeverityNotice, Fields: fields,
	})
}

// gapLine is the event that says that lines of c may be missing, between two times.
func gapLine(c *containerID, now time.Time, reason, since, until string) string {
	fields := []decnet.Field{decnet.F("service", c.service), decnet.F("container", c.id), decnet.F("reason", reason)}
	if since != "" {
		fields = append(fields, decnet.F("since", since))
	}
	if until != "" {
		fields = append(fields, decnet.F("until", until))
	}
	return encoded(decnet.Event{Time: now, Decky: c.decky, Service: "collector", Type: "log_gap", Severity: decnet.SeverityWarning, Fields: fields})
}

func encoded(e decnet.Event) string {
	e = rfc5424.Canonical(e)
	return string(rfc5424.Append(nil, &e))
}

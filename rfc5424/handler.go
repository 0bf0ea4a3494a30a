package rfc5424

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"

	"github.com/decnet/decnet"
)

// severityCritical is above what events use; logs of level error+4 and more have it.
const severityCritical decnet.Severity = 2

// HandlerOptions says what the lines of a [Handler] carry. The zero value is usable.
type HandlerOptions struct {
	Level     slog.Leveler // nil: slog.LevelInfo
	Hostname  string       // HOSTNAME, the machine's own name; "": nil value
	Component string       // APP-NAME of records without an attribute component; "": "decnet"
	PID       int          // PROCID; 0: nil value
}

// Handler is a slog.Handler that writes records as RFC 5424 lines, one Write each:
// APP-NAME is the component, MSGID "decnet.<component>", MSG the message, and attributes
// are the parameters of relay@55555 with their groups joined by "_". The attribute
// component outside of any group sets the component, so that a part of the program logs
// with logger.With("component", "api"). Values are escaped like those of events, so that
// what an attacker sent cannot forge a log line.
//
// It writes to the writer under a mutex that handlers derived from it share.
type Handler struct {
	opts   HandlerOptions
	out    *sharedWriter
	fields []decnet.Field // of WithAttrs
	prefix string         // of WithGroup, with a "_" at its end
}

type sharedWriter struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// NewHandler returns a Handler that writes to w.
func NewHandler(w io.Writer, opts HandlerOptions) *Handler {
	if opts.Level == nil {
		opts.Level = slog.LevelInfo
	}
	if opts.Component == "" {
		opts.Component = "decnet"
	}
	return &Handler{opts: opts, out: &sharedWriter{w: w}}
}

// Enabled reports whether records of level l are written.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.opts.Level.Level() }

// Handle writes r. The error is that of the writer.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	component, fields := h.opts.Component, slices.Clip(h.fields)
	r.Attrs(func(a slog.Attr) bool {
		component, fields = h.attr(component, fields, h.prefix, a)
		return true
	})
	procid := ""
	if h.opts.PID != 0 {
		procid = strconv.Itoa(h.opts.PID)
	}
	msgid := "decnet"
	if component != msgid {
		msgid += "." + component
	}
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	b := appendHeader(h.out.buf[:0], severity(r.Level), r.Time, h.opts.Hostname, component, procid, msgid)
	if len(fields) > 0 || needsEscape(r.Message) {
		b = append(appendParams(append(b, "["+SDID...), fields), ']')
	} else {
		b = append(b, '-')
	}
	b = append(appendMsg(b, r.Message), '\n')
	h.out.buf = b[:0]
	if cap(b) > 64<<10 {
		h.out.buf = nil
	}
	_, err := h.out.w.Write(b)
	return err
}

// WithAttrs returns a Handler whose records also have attrs.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.fields = slices.Clip(h.fields)
	for _, a := range attrs {
		derived.opts.Component, derived.fields = h.attr(derived.opts.Component, derived.fields, h.prefix, a)
	}
	return &derived
}

// WithGroup returns a Handler that puts name before the keys of further attributes.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	derived.prefix += name + "_"
	return &derived
}

func (h *Handler) attr(component string, fields []decnet.Field, prefix string, a slog.Attr) (string, []decnet.Field) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "_"
		}
		for _, member := range v.Group() {
			component, fields = h.attr(component, fields, prefix, member)
		}
	case a.Key == "component" && prefix == "":
		component = v.String()
	default:
		fields = append(fields, decnet.F(prefix+a.Key, text(v)))
	}
	return component, fields
}

func text(v slog.Value) string {
	if v.Kind() == slog.KindTime && writable(v.Time()) {
		return string(appendTime(nil, v.Time()))
	}
	return v.String()
}

func severity(l slog.Level) decnet.Severity {
	switch {
	case l >= slog.LevelError+4:
		return severityCritical
	case l >= slog.LevelError:
		return decnet.SeverityError
	case l >= slog.LevelWarn:
		return decnet.SeverityWarning
	case l >= slog.LevelInfo:
		return decnet.SeverityInfo
	}
	return decnet.SeverityDebug
}

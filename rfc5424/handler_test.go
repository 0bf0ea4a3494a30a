package rfc5424_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

func TestHandlerKeepsTheContractOfSlog(t *testing.T) {
	var buf bytes.Buffer
	err := slogtest.TestHandler(rfc5424.NewHandler(&buf, rfc5424.HandlerOptions{}), func() []map[string]any {
		var records []map[string]any
		for line := range strings.Lines(buf.String()) {
			e, err := rfc5424.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record(e))
		}
		return records
	})
	if err != nil {
		t.Error(err)
	}
}

// record undoes the joining of groups.
func record(e decnet.Event) map[string]any {
	m := map[string]any{slog.LevelKey: e.Severity, slog.MessageKey: e.Msg}
	if !e.Time.IsZero() {
		m[slog.TimeKey] = e.Time
	}
	for _, f := range e.Fields {
		group, path := m, strings.Split(f.Key, "_")
		for _, name := range path[:len(path)-1] {
			if group[name] == nil {
				group[name] = map[string]any{}
			}
			group = group[name].(map[string]any)
		}
		group[path[len(path)-1]] = f.Value
	}
	return m
}

func TestHandlerLine(t *testing.T) {
	at := time.Date(2026, 4, 18, 2, 22, 56, 123456000, time.UTC)
	for _, c := range []struct {
		name string
		log  func(*slog.Logger)
		want string
	}{
		{"component", func(l *slog.Logger) { l.With("component", "api").Info("listening", "addr", "127.0.0.1:8000") },
			`<134>1 - sensor-host api 4711 decnet.api [relay@55555 addr="127.0.0.1:8000"] listening`},
		{"no attributes", func(l *slog.Logger) { l.Warn("low disk") }, `<132>1 - sensor-host decnet 4711 decnet - low disk`},
		{"hostile", func(l *slog.Logger) { l.Error("bad\nname", "name", "x\n<134>1 \"]") },
			`<131>1 - sensor-host decnet 4711 decnet [relay@55555 name="x\x0A<134>1 \"\]"] bad\x0Aname`},
		{"critical", func(l *slog.Logger) { l.Log(t.Context(), slog.LevelError+4, "gone", "at", at) },
			`<130>1 - sensor-host decnet 4711 decnet [relay@55555 at="2026-04-18T02:22:56.123456+00:00"] gone`},
		{"debug", func(l *slog.Logger) { l.WithGroup("g").Debug("d", "component", "x") }, `<135>1 - sensor-host decnet 4711 decnet [relay@55555 g_component="x"] d`},
		{"below the level", func(l *slog.Logger) { l.Log(t.Context(), slog.LevelDebug-1, "d") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var buf bytes.Buffer
			h := rfc5424.NewHandler(&buf, rfc5424.HandlerOptions{Level: slog.LevelDebug, Hostname: "sensor-host", PID: 4711})
			c.log(slog.New(timeless{h}))
			if got := strings.TrimSuffix(buf.String(), "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

package api_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
)

// auditLog keeps audit events.
type auditLog struct {
	mu     sync.Mutex
	events []decnet.Event
}

func (a *auditLog) Emit(e decnet.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// take returns the events since the last call.
func (a *auditLog) take() []decnet.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.events
	a.events = nil
	return list
}

// expect checks that one change was reported since the last call, and what of it.
func (a *auditLog) expect(t *testing.T, typ string, fields map[string]string) {
	t.Helper()
	list := a.take()
	if len(list) != 1 {
		t.Fatalf("%d events instead of one %s: %v", len(list), typ, list)
	}
	e := list[0]
	if e.Type != typ || e.Decky != api.AuditHost || e.Service != api.AuditService || e.Time.IsZero() || !e.FromSensor() || e.Attacker.IsValid() {
		t.Errorf("%+v, want %s", e, typ)
	}
	if e.Value("operator_ip") != "127.0.0.1" || e.Value("request_id") == "" {
		t.Errorf("%s does not say from where: %v", typ, e.Fields)
	}
	for k, v := range fields {
		if got := e.Value(k); got != v {
			t.Errorf("%s: %s is %q, want %q", typ, k, got, v)
		}
	}
	if decnet.AttackerOf(e.Fields).IsValid() {
		t.Errorf("%s: the operator is taken for an attacker: %v", typ, e.Fields)
	}
	for _, f := range e.Fields {
		if strings.Contains(f.Value, "password") && f.Key != "target" {
			t.Errorf("%s tells a password: %v", typ, e.Fields)
		}
	}
}

package api

import (
	"net/http"
	"slices"

	"github.com/decnet/decnet"
)

// The names that the events of changes bear. They never count as what an attacker did
// (decnet.Event.FromSensor).
const (
	AuditHost    = "decnet-api" // decnet.Event.Decky
	AuditService = "audit"      // decnet.Event.Service
)

// audit reports what somebody did, from where and with which request.
func (s *server) audit(r *http.Request, who Identity, typ string, more ...decnet.Field) {
	fields := []decnet.Field{
		decnet.F("operator", bounded(who.Name)),
		decnet.F("operator_ip", s.addressOf(r)),
		decnet.F("request_id", requestOf(r)),
	}
	s.Audit.Emit(decnet.Event{
		Time: s.Now(), Decky: AuditHost, Service: AuditService, Type: typ, Severity: decnet.SeverityNotice,
		Fields: slices.Concat(fields, more),
	})
}

// bounded returns the first 64 characters of a name.
func bounded(name string) string {
	const most = 64
	n := 0
	for i := range name {
		if n++; n > most {
			return name[:i]
		}
	}
	return name
}

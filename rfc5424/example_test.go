package rfc5424_test

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
)

var login = decnet.Event{
	Time:  time.Date(2026, 4, 18, 2, 22, 56, 123456000, time.UTC),
	Decky: "decky-01", Service: "ssh", Type: "auth_attempt", Severity: decnet.SeverityInfo,
	Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("username", "root"), decnet.F("password", "a]\"b\n")},
}

func ExampleAppend() {
	fmt.Println(string(rfc5424.Append(nil, &login)))
	// Output: <134>1 2026-04-18T02:22:56.123456+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" username="root" password="a\]\"b\x0A"]
}

func ExampleParse() {
	e, err := rfc5424.Parse(`<134>1 2026-04-18T02:22:56.123456+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" password="a\]\"b\x0A"]`)
	fmt.Println(e.Decky, e.Type, e.Attacker, err)
	fmt.Printf("%q\n", e.Value("password"))
	// Output:
	// decky-01 auth_attempt 203.0.113.9 <nil>
	// "a]\"b\n"
}

func ExampleAppendJSON() {
	e := rfc5424.Canonical(login)
	fmt.Println(string(rfc5424.AppendJSON(nil, &e, "…")))
	// Output: {"timestamp":"2026-04-18 02:22:56.123456","decky":"decky-01","service":"ssh","event_type":"auth_attempt","attacker_ip":"203.0.113.9","fields":{"src_ip":"203.0.113.9","username":"root","password":"a]\"b\n"},"msg":"","raw_line":"…"}
}

func ExampleNewHandler() {
	log := slog.New(timeless{rfc5424.NewHandler(os.Stdout, rfc5424.HandlerOptions{Hostname: "sensor"})})
	log.With("component", "api").Warn("log-in refused", "user", "admin\n")
	// Output: <132>1 - sensor api - decnet.api [relay@55555 user="admin\x0A"] log-in refused
}

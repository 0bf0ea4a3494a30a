package shell

import (
	"io"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
)

// BenchmarkLogin is what one log-in with one command costs.
func BenchmarkLogin(b *testing.B) {
	x := newBox(b, "debian", Options{})
	session := x.login("root", "192.0.2.7:4711").s
	b.ReportAllocs()
	for b.Loop() {
		sh := x.m.Login(session, "root")
		sh.Exec(b.Context(), "uname -a", Stdio{Out: io.Discard, Err: io.Discard})
		sh.Close()
	}
}

// BenchmarkMachine is what a decky costs when the first attacker logs in.
func BenchmarkMachine(b *testing.B) {
	id := services.Identity{Hostname: "web-01", Distro: "debian"}
	b.ReportAllocs()
	for b.Loop() {
		m := NewMachine(id, time.Now, Options{})
		m.build()
	}
}

// BenchmarkLoop is the speed of the interpreter before it is slowed down.
func BenchmarkLoop(b *testing.B) {
	x := newBox(b, "debian", Options{})
	sh := x.login("root", "192.0.2.7:4711")
	b.ReportAllocs()
	for b.Loop() {
		sh.Exec(b.Context(), "for i in {1..1000}; do x=$((x+i)); done", Stdio{})
	}
}

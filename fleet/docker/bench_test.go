package docker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/docker"
)

// ten is a fleet of ten deckies with three services each.
func ten(b *testing.B) decnet.Fleet {
	var sections []string
	for i := range 10 {
		sections = append(sections, decky(fmt.Sprintf("decoy-%02d", i+1), 100+i, "http, ssh, redis"))
	}
	return fromINI(b, sections...)
}

// BenchmarkDeploy makes ten deckies with three services each, from images that exist, and
// removes them.
func BenchmarkDeploy(b *testing.B) {
	l := newLab(b)
	r, _ := l.runtime(b, docker.Options{})
	f := ten(b)
	mustApply(b, r, fromINI(b, decky("first", 10, "http"))) // makes the image
	size := number(b, []byte(l.Docker(b, "image", "inspect", "-f", "{{.Size}}", strings.TrimSpace(l.Docker(b, "inspect", "-f", "{{.Image}}", "first")))))
	mustDown(b, r)
	var up, down time.Duration
	for b.Loop() {
		begin := time.Now()
		mustApply(b, r, f)
		up += time.Since(begin)
		begin = time.Now()
		mustDown(b, r)
		down += time.Since(begin)
	}
	b.ReportMetric(up.Seconds()/float64(b.N), "s/deploy")
	b.ReportMetric(down.Seconds()/float64(b.N), "s/teardown")
	b.ReportMetric(float64(size)/1e6, "MB/image")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkApplyUnchanged applies the same again, where nothing is to be done.
func BenchmarkApplyUnchanged(b *testing.B) {
	l := newLab(b)
	r, done := l.runtime(b, docker.Options{})
	f := ten(b)
	mustApply(b, r, f)
	done.take()
	for b.Loop() {
		mustApply(b, r, f)
	}
	if steps := done.take(); steps != nil {
		b.Errorf("something was done: %q", steps)
	}
}

// BenchmarkStatus asks how they fare.
func BenchmarkStatus(b *testing.B) {
	l := newLab(b)
	r, _ := l.runtime(b, docker.Options{})
	mustApply(b, r, ten(b))
	for b.Loop() {
		if _, err := r.Status(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

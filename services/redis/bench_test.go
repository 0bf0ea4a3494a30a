package redis

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/decnet/decnet/services"
)

func BenchmarkRequestsMultibulk(b *testing.B) {
	benchmarkRequests(b, "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n")
}

func BenchmarkRequestsInline(b *testing.B) { benchmarkRequests(b, "SET key \"some value\"\r\n") }

func benchmarkRequests(b *testing.B, one string) {
	in := []byte(strings.Repeat(one, 1000))
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	src := bytes.NewReader(in)
	r := requests{br: bufio.NewReaderSize(src, 16<<10)}
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			src.Reset(in)
			r.br.Reset(src)
		}
		if args, err := r.next(true); err != nil || len(args) != 3 {
			b.Fatal(args, err)
		}
	}
}

// BenchmarkGet is a whole command: read, run, reported and answered, over a pipe.
func BenchmarkGet(b *testing.B) {
	made, err := Service{}.New(services.Env{Decky: "bench", Limits: services.Limits{SessionSize: 1 << 50}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	srv := made.(*server)
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- srv.handle(context.Background(), srv.env.NewSession("redis", services.NewConn(ours, srv.env.Limits)))
		ours.Close()
	}()
	request, answer := []byte("*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"), make([]byte, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := theirs.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(theirs, answer); err != nil {
			b.Fatal(err)
		}
	}
	theirs.Close()
	<-done
}

package http_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/servicetest"
)

// browserRequest is what a browser sends, so that both servers have as much to read.
const browserRequest = "GET / HTTP/1.1\r\nHost: web01.corp.example\r\nConnection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\r\n"

// BenchmarkRequests compares requests a second over kept connections: the honeypot with
// its events, and a bare net/http server that sends the same page.
func BenchmarkRequests(b *testing.B) {
	page := strings.Repeat("All work and no play. ", 100)
	b.Run("decnet", func(b *testing.B) {
		l := listen(b)
		var events atomic.Int64
		env := services.Env{Decky: "decky-01", Identity: servicetest.Identity(1), Sink: decnet.SinkFunc(func(decnet.Event) { events.Add(1) })}
		srv, err := http.Service{}.New(env, services.Config{"custom_body": page, "server_header": "Apache/2.4.62 (Debian)"})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 80}, Stream: l}})
		}()
		requests(b, l.Addr().String())
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		if n := events.Load(); n < int64(b.N) {
			b.Fatalf("%d events of %d requests", n, b.N)
		}
	})
	b.Run("bare", func(b *testing.B) {
		l := listen(b)
		srv := &nethttp.Server{Handler: nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Length", strconv.Itoa(len(page)))
			_, _ = io.WriteString(w, page)
		})}
		go func() { _ = srv.Serve(l) }()
		requests(b, l.Addr().String())
		srv.Close()
	})
}

func listen(b *testing.B) net.Listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func requests(b *testing.B, addr string) {
	b.ReportAllocs()
	b.SetParallelism(4)
	before := processTime(b)
	b.RunParallel(func(pb *testing.PB) {
		var c net.Conn
		var r *bufio.Reader
		for n := 0; pb.Next(); n++ {
			if n%100 == 0 { // as often as httpd keeps a connection for
				if c != nil {
					c.Close()
				}
				var err error
				if c, err = net.Dial("tcp", addr); err != nil {
					b.Error(err)
					return
				}
				r = bufio.NewReader(c)
			}
			if _, err := io.WriteString(c, browserRequest); err != nil {
				b.Error(err)
				return
			}
			if err := skipResponse(r); err != nil {
				b.Error(err)
				return
			}
		}
		if c != nil {
			c.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// processTime returns the processor time that the process has used, which other processes
// on the machine do not lengthen as they do the elapsed time.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// skipResponse reads a response with a Content-Length.
func skipResponse(r *bufio.Reader) error {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			if length == 0 {
				return errors.New("a response without Content-Length")
			}
			_, err := r.Discard(length)
			return err
		}
		if s, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			for _, c := range strings.TrimSpace(s) {
				length = length*10 + int(c-'0')
			}
		}
	}
}

package redis

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		"PING\r\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "SET \"a\\x41\" 'b'\r\n", "*-1\r\n", "*1\r\n$-1\r\n",
		"*1000000\r\n$536870912\r\nabc", "*1\r\n\r\n", "a\x00b\r\n", "\r\n\r\n", "*0\r\n", "SET \"a\r\n", "$5\r\nhello\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := requests{br: bufio.NewReaderSize(bytes.NewReader(in), 16<<10)}
		total := 0
		for {
			args, err := r.next(len(in)%2 == 0)
			for _, a := range args {
				total += len(a)
			}
			if total > len(in) {
				t.Fatalf("%d bytes of arguments from %d bytes", total, len(in))
			}
			if err != nil {
				var breach protocolError
				if !errors.As(err, &breach) && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}

// TestHeaderAtTheEndOfTheBuffer moves the headers of requests over every place in the
// buffer that they are read through.
func TestHeaderAtTheEndOfTheBuffer(t *testing.T) {
	one := "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"
	r := requests{br: bufio.NewReaderSize(strings.NewReader(strings.Repeat(one, 5000)), 1<<10)}
	for i := range 5000 {
		args, err := r.next(true)
		if err != nil || string(bytes.Join(args, []byte{' '})) != "SET key value" {
			t.Fatalf("request %d: %q %v", i, args, err)
		}
	}
}

func FuzzSplitInline(f *testing.F) {
	for _, s := range []string{"get a", `set "a b" 'c'`, `"\x41\n"`, `'a\'b'`, `"a`, `"a"b`, "  ", "\t a\v"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args, ok := splitInline([]byte(line))
		if !ok {
			return
		}
		// What was split and quoted again splits the same.
		quoted := make([]string, len(args))
		for i, a := range args {
			quoted[i] = repr(a)
		}
		again, ok := splitInline([]byte(strings.Join(quoted, " ")))
		if !ok || len(again) != len(args) {
			t.Fatalf("%q: %q, then %q", line, args, again)
		}
		for i := range args {
			if !bytes.Equal(args[i], again[i]) {
				t.Fatalf("%q: %q, then %q", line, args[i], again[i])
			}
		}
	})
}

// FuzzSession sends whole sessions, so that it reaches every command.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"SET a 1\r\nINCR a\r\nGET a\r\n", "EVAL \"return {redis.call('get','a'),{1,2}}\" 0\r\n", "HELLO 3\r\nHSET h a 1\r\nHGETALL h\r\n",
		"MULTI\r\nZADD z 1 a\r\nZRANGE z (1 +inf BYSCORE LIMIT 0 1\r\nEXEC\r\n", "XADD s * a b\r\nXRANGE s - +\r\n", "CONFIG GET *\r\nCONFIG SET save \"1 2\"\r\n",
		"RESTORE a 0 \"\\x00\\x05hello\\x0a\\x00\"\r\nDUMP a\r\n", "SCAN 0 MATCH [a-\r\nKEYS \\\r\n", "LPOS l a RANK -1\r\nSETRANGE a 10 b\r\nGETRANGE a -5 -1\r\n",
		"SUBSCRIBE a\r\nPING\r\n", "ACL GETUSER default\r\nCOMMAND DOCS get\r\nINFO everything\r\n", "SPOP s -1\r\nSRANDMEMBER s -5\r\n",
		"BITCOUNT a 1 2 BIT\r\nSETBIT a 5 1\r\n", "COPY a b DB 1 REPLACE\r\nSWAPDB 0 1\r\n", "CLIENT KILL ID 1 TYPE normal\r\nCLIENT REPLY OFF\r\n", "MONITOR\r\nSET a b\r\n",
	} {
		f.Add([]byte(s))
	}
	made, err := Service{}.New(services.Env{Decky: "fuzz", Sink: decnet.SinkFunc(func(decnet.Event) {})}, nil)
	if err != nil {
		f.Fatal(err)
	}
	srv := made.(*server)
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(bytes.ToUpper(in), []byte("WAIT")) || bytes.Contains(bytes.ToUpper(in), []byte("BLPOP")) ||
			bytes.Contains(bytes.ToUpper(in), []byte("BRPOP")) {
			t.Skip("waits by design")
		}
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write(in)
			theirs.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		sess := srv.env.NewSession("redis", services.NewConn(ours, srv.env.Limits))
		_ = srv.handle(context.Background(), sess)
		ours.Close()
		w := srv.worlds.of(sess.Attacker.Addr().String())
		w.mu.Lock()
		defer w.mu.Unlock()
		charged := 0
		for _, d := range w.dbs {
			for key, v := range d.keys {
				charged += len(key) + entrySize + v.size
				if v.empty() {
					t.Fatalf("%q is an empty %s", key, v.kind)
				}
			}
		}
		for _, script := range w.scripts {
			charged += len(script)
		}
		if charged != w.used {
			t.Fatalf("%d bytes are charged, %d are kept", w.used, charged)
		}
	})
}

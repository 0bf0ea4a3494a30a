package sniff_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// clientHello returns the records of a ClientHello.
func clientHello(tb testing.TB) []byte { return tlsTurns(tb, tls.VersionTLS13, "x.test")[0].bytes }

// found returns what a Sniffer finds in what f sends.
func found(f func(c *connection), methods ...sniff.Method) ([]sniff.Result, sniff.Counters) {
	var results []sniff.Result
	s := sniff.New(sniff.Config{Results: func(r sniff.Result) { results = append(results, r) }, Methods: methods})
	f(newConnection(s))
	s.Flush()
	return results, s.Counters()
}

func only(results []sniff.Result, kind string) []string {
	var values []string
	for _, r := range results {
		if r.Kind == kind {
			values = append(values, r.Value)
		}
	}
	return values
}

// records puts the handshake messages of b, one record, into records of n bytes.
func records(b []byte, n int) []byte {
	var out []byte
	for p := b[5:]; len(p) > 0; {
		m := min(n, len(p))
		out = append(out, 0x16, 3, 1, byte(m>>8), byte(m))
		out = append(out, p[:m]...)
		p = p[m:]
	}
	return out
}

// TestW15HelloInManySegments: a ClientHello is found however it comes, with and without
// the beginning of its connection.
func TestW15HelloInManySegments(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	var parsed fingerprint.ClientHello
	if err := parsed.Parse(hello); err != nil {
		t.Fatal(err)
	}
	pieces := func(b []byte, n int) (list [][]byte) { return slices.Collect(slices.Chunk(b, n)) }
	// at sends the segment that begins at that offset of the client's stream.
	at := func(c *connection, base uint32, offset int, b []byte) {
		c.seq[0] = base + uint32(offset)
		c.send(true, 0x18, b)
	}
	for name, f := range map[string]func(c *connection){
		"one segment": func(c *connection) { c.open(); c.send(true, 0x18, hello) },
		"no opening":  func(c *connection) { c.send(true, 0x18, hello) },
		"single bytes": func(c *connection) {
			c.open()
			for _, b := range pieces(hello, 1) {
				c.send(true, 0x18, b)
			}
		},
		"records of 7 bytes": func(c *connection) { c.open(); c.send(true, 0x18, records(hello, 7)) },
		"records of 3, singly": func(c *connection) {
			c.open()
			for _, b := range pieces(records(hello, 3), 1) {
				c.send(true, 0x18, b)
			}
		},
		"with data in the SYN": func(c *connection) {
			c.send(true, 2, hello[:50])
			c.send(false, 0x12, nil)
			c.send(true, 0x18, hello[50:])
		},
		"sequence number wraps": func(c *connection) {
			c.seq[0] = 0xffffffff - 60
			c.open()
			for _, b := range pieces(hello, 33) {
				c.send(true, 0x18, b)
			}
		},
		"backwards": func(c *connection) {
			c.open()
			base := c.seq[0]
			for i := len(pieces(hello, 20)) - 1; i >= 0; i-- {
				at(c, base, i*20, pieces(hello, 20)[i])
			}
		},
		"sent again, with other bytes": func(c *connection) {
			c.open()
			base := c.seq[0]
			at(c, base, 0, hello[:60])
			at(c, base, 0, bytes.Repeat([]byte("x"), 60))
			at(c, base, 100, hello[100:150])
			at(c, base, 90, append(bytes.Clone(hello[90:100]), bytes.Repeat([]byte("y"), 50)...))
			at(c, base, 30, append(bytes.Repeat([]byte("z"), 30), hello[60:90]...))
			at(c, base, 150, hello[150:])
		},
		"after a proxy's CONNECT": func(c *connection) {
			c.open()
			c.send(true, 0x18, []byte("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"))
			c.send(false, 0x18, []byte("HTTP/1.1 200 OK\r\n\r\n"))
			c.send(true, 0x18, hello)
		},
		"after STARTTLS": func(c *connection) {
			c.open()
			c.send(false, 0x18, []byte("220 mail\r\n"))
			c.send(true, 0x18, []byte("EHLO x\r\n"))
			c.send(true, 0x18, []byte("STARTTLS\r\n"))
			c.send(true, 0x18, hello)
		},
		"after something that looks like TLS": func(c *connection) { c.open(); c.send(true, 0x18, []byte("\x16\x03")); c.send(true, 0x18, hello) },
		"after a hello that is none": func(c *connection) {
			c.open()
			c.send(true, 0x18, []byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
			c.send(true, 0x18, hello)
		},
		"after a gap that is never filled": func(c *connection) {
			c.open()
			c.seq[0] += 100
			for range 53 {
				c.send(true, 0x18, bytes.Repeat([]byte("n"), 1200))
			}
			c.send(true, 0x18, hello)
		},
	} {
		results, counters := found(f, func(*sniff.Fact, func(string, []byte, []byte)) {})
		if got := only(results, "ja3"); len(got) != 1 || got[0] != parsed.JA3() {
			t.Errorf("%s: %v, want %s; %+v", name, got, parsed.JA3(), counters)
		}
		if got := only(results, "ja4"); len(got) != 1 || got[0] != parsed.JA4(fingerprint.TCP) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestForgedSegments: an RST and a SYN that the other side does not take, since its
// connection is open and expects something else, do not blind.
func TestForgedSegments(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	turns := tlsTurns(t, tls.VersionTLS12, "x.test")
	// forge sends a segment without a part in the conversation.
	forge := func(c *connection, fromClient bool, flags byte, ahead uint32) {
		before := c.seq
		for side := range c.seq {
			if fromClient == (side == 0) {
				c.seq[side] += ahead
			}
		}
		c.send(fromClient, flags, nil)
		c.seq = before
	}
	for name, f := range map[string]struct {
		f                     func(c *connection)
		ja3, ja3s, x509, lies int
	}{
		"RST far ahead": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x04, 1e6)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"RST in the window": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x14, 1)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"RST behind what was not acknowledged yet": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x04, 0xffffffff-49)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"RST before the hello, SYN in it": {func(c *connection) {
			c.open()
			forge(c, true, 0x04, 77)
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x02, 77)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 2},
		"SYN, with the answer to it": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x02, 1e9)
			c.send(false, 0x10, nil)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"SYN and SYN-ACK of one side": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x02, 1e9)
			forge(c, true, 0x12, 1e9)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"SYN-ACK, half-way": {func(c *connection) {
			c.send(false, 0x10, nil)
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x12, 1e9)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"RST, half-way": {func(c *connection) {
			c.send(false, 0x10, nil)
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x04, 5)
			c.send(true, 0x18, hello[100:])
		}, 1, 0, 0, 1},
		"RST of the client in the middle of the certificate": {func(c *connection) {
			c.open()
			c.say(turns[:1])
			c.send(false, 0x18, turns[1].bytes[:200])
			c.send(true, 0x18, []byte("more, that nobody looks at"))
			forge(c, true, 0x04, 3)
			c.send(false, 0x18, turns[1].bytes[200:])
		}, 1, 1, 1, 1},
		"RST where it belongs": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x04, 0)
			c.send(true, 0x18, hello[100:])
		}, 0, 0, 0, 0},
		"RST where the other side is, after a loss of the capture": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			c.seq[0] += 50
			c.send(false, 0x10, nil)
			forge(c, true, 0x04, 0)
			c.seq[0] -= 50
			c.send(true, 0x18, hello[100:])
		}, 0, 0, 0, 0},
		"RST after FIN": {func(c *connection) {
			c.open()
			c.send(true, 0x19, hello[:100])
			forge(c, true, 0x04, 0)
			c.seq[0]--
			c.send(true, 0x18, hello[100:])
		}, 0, 0, 0, 0},
		"RST of one who is not connected yet": {func(c *connection) {
			c.send(true, 0x02, nil)
			c.send(true, 0x18, hello[:100])
			c.send(false, 0x14, nil)
			c.send(true, 0x18, hello[100:])
		}, 0, 0, 0, 0},
		"SYN that the other side takes": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			c.seq = [2]uint32{c.seq[0] + 1e9, c.seq[1] + 1e8}
			c.open()
			c.send(true, 0x18, hello)
		}, 1, 0, 0, 1},
		"SYN after the end": {func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:100])
			forge(c, true, 0x04, 0)
			c.seq[0] += 1e9
			c.open()
			c.send(true, 0x18, hello)
		}, 1, 0, 0, 0},
	} {
		results, counters := found(f.f)
		ja3, ja3s, x509 := len(only(results, "ja3")), len(only(results, "ja3s")), len(only(results, "x509"))
		if ja3 != f.ja3 || ja3s != f.ja3s || x509 != f.x509 || counters.Refused != uint64(f.lies) {
			t.Errorf("%s: found %d, %d, %d; %+v", name, ja3, ja3s, x509, counters)
		}
	}
}

func TestNoHello(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	lie := bytes.Clone(hello)
	binary.BigEndian.PutUint16(lie[3:], uint16(len(hello)))
	for name, f := range map[string]func(c *connection){
		"cut short": func(c *connection) { c.open(); c.send(true, 0x18, hello[:len(hello)-1]); c.close() },
		"a gap": func(c *connection) {
			c.open()
			c.send(true, 0x18, hello[:50])
			c.seq[0]++
			c.send(true, 0x18, hello[51:])
			c.close()
		},
		"the record length lies": func(c *connection) { c.open(); c.send(true, 0x18, lie); c.close() },
		"in the middle of data":  func(c *connection) { c.open(); c.send(true, 0x18, append([]byte("x"), hello...)); c.close() },
	} {
		results, _ := found(f)
		for _, r := range results {
			if r.Kind == "ja3" || r.Kind == "ja4" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// sshHello makes an identification line and a KEXINIT.
func sshHello(banner, kex string) []byte {
	payload := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{kex, "ssh-ed25519", "aes128-ctr", "aes256-ctr", "hmac-sha1", "hmac-sha2-256", "none", "zlib", "", ""} {
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(list)))
		payload = append(payload, list...)
	}
	payload = append(payload, 0, 0, 0, 0, 0)
	b := binary.BigEndian.AppendUint32([]byte(banner+"\r\n"), uint32(len(payload)+1+4))
	b = append(append(b, 4), payload...)
	return append(b, 0, 0, 0, 0)
}

func TestSSH(t *testing.T) {
	t.Parallel()
	client, server := sshHello("SSH-2.0-client", "curve25519-sha256,ext-info-c"), sshHello("SSH-2.0-server", "curve25519-sha256,kex-strict-s-v00@openssh.com")
	parse := func(b []byte) fingerprint.SSHHello {
		h, err := fingerprint.ParseSSH(b)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	c, s := parse(client), parse(server)
	for name, f := range map[string]func(c *connection){
		"from the beginning": func(c *connection) { c.open(); c.send(false, 0x18, server); c.send(true, 0x18, client) },
		"lines before": func(c *connection) {
			c.open()
			c.send(false, 0x18, append([]byte("Welcome\r\nto this server\r\n"), server...))
			c.send(true, 0x18, client)
		},
		"single bytes": func(c *connection) {
			c.open()
			for i := range server {
				c.send(false, 0x18, server[i:i+1])
			}
			for i := range client {
				c.send(true, 0x18, client[i:i+1])
			}
		},
		// 40000 and 443 would suggest the right sides; here the ports deceive.
		"half-way": func(c *connection) {
			c.client, c.server = "10.0.0.1:22", "10.0.0.2:50022"
			c.send(false, 0x18, server)
			c.send(true, 0x18, client)
		},
	} {
		results, _ := found(f)
		if got := only(results, "hassh"); !slices.Equal(got, []string{c.HASSH()}) {
			t.Errorf("%s: hassh %v", name, got)
		}
		if got := only(results, "hassh_server"); !slices.Equal(got, []string{s.HASSHServer()}) {
			t.Errorf("%s: hassh_server %v", name, got)
		}
		for _, r := range results {
			if (r.Kind == "hassh" || r.Kind == "hassh_server") && r.Client.String() != "10.0.0.1" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var heads []string
	note := func(f *sniff.Fact, _ func(string, []byte, []byte)) {
		if f.Kind == sniff.FactRequest {
			heads = append(heads, fmt.Sprint(f.Index, " ", string(f.Request)))
		}
	}
	found(func(c *connection) {
		c.open()
		c.send(true, 0x18, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /not a request"))
		c.send(true, 0x18, []byte("!!GET /c HTTP/1.0\n"))
		c.send(true, 0x18, []byte("\n"))
		c.send(true, 0x18, []byte("NOT A REQUEST\r\n\r\n"))
		c.send(true, 0x18, []byte("HEAD /d HTTP/1.1\r\n\r\n"))
	}, note)
	want := []string{
		"1 GET / HTTP/1.1\r\nHost: a\r\n\r\n", "2 POST /b HTTP/1.1\r\nContent-Length: 20\r\n\r\n",
		"3 GET /c HTTP/1.0\n\n", "4 HEAD /d HTTP/1.1\r\n\r\n",
	}
	if !slices.Equal(heads, want) {
		t.Errorf("%q", heads)
	}
}

// flood sends count SYNs from random sources.
func flood(s *sniff.Sniffer, count int) {
	random := rand.New(rand.NewPCG(1, 2))
	frame := segment("1.1.1.1:1000", "10.0.0.2:22", 1, 2, nil)
	for i := range count {
		binary.BigEndian.PutUint32(frame[14+12:], random.Uint32())
		binary.BigEndian.PutUint16(frame[14+20:], uint16(random.Uint32()))
		binary.BigEndian.PutUint32(frame[14+20+4:], random.Uint32())
		s.Packet(sniff.LinkEthernet, start.Add(time.Duration(i)*time.Microsecond), frame)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestW15Flood: a million SYNs from random sources leave memory bounded, and do not
// displace an open connection.
func TestW15Flood(t *testing.T) {
	s, events := collect(sniff.Config{MaxFlows: 1 << 14})
	c := newConnection(s)
	c.open()
	before := heap()
	*events = nil
	for range 10 {
		flood(s, 100_000)
		*events = nil
	}
	grown := int64(heap()) - int64(before)
	if limit := int64(32 << 20); grown > limit {
		t.Errorf("%d bytes more than before, the limit is %d", grown, limit)
	}
	c.send(true, 0x18, clientHello(t))
	if len(*events) != 1 || (*events)[0].Type != "tls_client_hello" || (*events)[0].Value("ja4l_rtt_ms") != "10.00" {
		t.Errorf("the open connection was lost: %+v", *events)
	}
	t.Logf("%d KiB for %d flows and what was told", grown>>10, 1<<14)
	runtime.KeepAlive(s)
}

// TestHeldBytesAreBounded fills every flow with what can never be put together.
func TestHeldBytesAreBounded(t *testing.T) {
	const most = 4 << 20
	s := sniff.New(sniff.Config{MaxFlows: 1 << 10, MaxBuffer: most})
	before := heap()
	for i := range 1 << 10 {
		c := newConnection(s)
		c.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1000).String()
		c.send(true, 2, nil)
		c.send(true, 0x18, []byte("\x16\x03\x01\x40\x00\x01\x00\xff\x00"))
		c.seq[0]++
		for range 36 {
			c.send(true, 0x18, make([]byte, 1300))
		}
	}
	if grown := int64(heap()) - int64(before); grown > 3*most {
		t.Errorf("%d bytes are held, the limit is %d", grown, most)
	}
	s.Flush()
	if c := s.Counters(); c.Shed == 0 {
		t.Errorf("%+v", c)
	}
}

// padded returns the message of a hello, one record, with an extension of n bytes more.
func padded(hello []byte, n int) []byte {
	message := bytes.Clone(hello[5:])
	at := 4 + 2 + 32 + 1 + int(message[38])
	at += 2 + int(binary.BigEndian.Uint16(message[at:]))
	at += 1 + int(message[at])
	size := int(binary.BigEndian.Uint16(message[at:]))
	binary.BigEndian.PutUint16(message[at:], uint16(size+4+n))
	message = binary.BigEndian.AppendUint32(message, uint32(21<<16|n))
	message = append(message, make([]byte, n)...)
	binary.BigEndian.PutUint32(message, uint32(1<<24|(len(message)-4)))
	return message
}

// TestLongHellos: a hello may be some 30 KB long, in records of any size.
func TestLongHellos(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	for _, size := range []int{1000, 10_000, 15_500, 30_000} {
		for _, record := range []int{100, 1400, 16 << 10} {
			for _, part := range []int{700, 1400, 60_000} {
				results, counters := found(func(c *connection) {
					c.open()
					for b := range slices.Chunk(records(append(make([]byte, 5), padded(hello, size)...), record), part) {
						c.send(true, 0x18, b)
					}
				})
				if len(only(results, "ja4")) != 1 || counters.Overflow > 0 {
					t.Errorf("%d bytes in records of %d and segments of %d: %+v", size, record, part, counters)
				}
			}
		}
	}
}

// TestHalfOpenFlowsAreBounded lets many flows of one side hold as much as they can, each
// in a way of its own and up to where they do: 64 KiB at most, all that belongs to a flow
// included.
func TestHalfOpenFlowsAreBounded(t *testing.T) {
	const flows, most = 64, 64 << 10
	hello := clientHello(t)
	big := append([]byte{1, 0, 0xff, 0x00}, make([]byte, 0xff00)...) // a message of 64 KiB
	long := func(b []byte, record int) []byte { return records(append(make([]byte, 5), b...), record) }
	late := func(c *connection, size, count int) {
		c.seq[0]++
		for range count {
			c.send(true, 0x18, make([]byte, size))
			c.seq[0] += uint32(size % 2) // single bytes with gaps between
		}
	}
	say := func(c *connection, b []byte, n int) {
		for part := range slices.Chunk(b, n) {
			c.send(true, 0x18, part)
		}
	}
	for name, f := range map[string]func(c *connection){
		"late segments":      func(c *connection) { late(c, 1300, 60) },
		"late bytes":         func(c *connection) { late(c, 1, 450) },
		"one large segment":  func(c *connection) { late(c, 57_000, 1) },
		"a hello unfinished": func(c *connection) { say(c, long(big, 1400)[:65_000], 1300) },
		"a hello unfinished, and late segments": func(c *connection) {
			say(c, long(big, 1400)[:60_000], 1300)
			late(c, 1300, 60)
		},
		"a hello in one segment": func(c *connection) { c.send(true, 0x18, long(big, 1400)[:39_000]) },
		"a record unfinished, and late segments": func(c *connection) {
			say(c, long(big, 16<<10)[:16_000], 1300)
			late(c, 1300, 60)
		},
		"a hello kept, another unfinished, and late segments": func(c *connection) {
			say(c, long(padded(hello, 20_000), 1400), 1300)
			say(c, long(big, 1400)[:60_000], 1300)
			late(c, 1300, 60)
		},
		"a long hello kept, and late segments": func(c *connection) {
			say(c, long(padded(hello, 60_000), 10_000), 1300)
			late(c, 1300, 60)
		},
		"late bytes that came in time, all but one": func(c *connection) {
			base := c.seq[0]
			late(c, 1, 450)
			c.seq[0] = base
			for range 360 {
				c.send(true, 0x18, []byte{7})
				c.seq[0]++
			}
			late(c, 1300, 60)
		},
		"a request without an end": func(c *connection) {
			say(c, append([]byte("GET / HTTP/1.1\r\nX: "), bytes.Repeat([]byte("x"), 65_000)...), 1300)
		},
		"an SSH packet without an end": func(c *connection) {
			say(c, append([]byte("SSH-2.0-x\r\n\x00\x00\x88\x00\x04\x14"), make([]byte, 34_000)...), 1300)
			late(c, 1300, 60)
		},
	} {
		total, peak := 0, int64(0)
		const steps = 8
		for step := range steps + 1 {
			s := sniff.New(sniff.Config{
				Sink:    decnet.SinkFunc(func(decnet.Event) {}),
				Methods: []sniff.Method{func(*sniff.Fact, func(string, []byte, []byte)) {}},
			})
			c := newConnection(s)
			c.client = "10.0.9.9:9" // what all flows share is there before
			c.send(true, 2, nil)
			f(c)
			total = c.sent
			before := heap()
			for i := range flows {
				c := newConnection(s)
				c.client, c.most = fmt.Sprintf("10.0.1.%d:1000", i), 1+(total-1)*step/steps
				c.send(true, 2, nil)
				f(c)
			}
			peak = max(peak, (int64(heap())-int64(before))/flows)
			s.Flush()
			if c := s.Counters(); c.Flows != flows+1 || c.Evicted > 0 || c.Shed > 0 || c.Panics > 0 {
				t.Errorf("%s: %+v", name, c)
			}
		}
		t.Logf("%s: %d bytes", name, peak)
		if peak > most {
			t.Errorf("%s: a flow holds %d bytes, the limit is %d", name, peak, most)
		}
	}
}

// TestDefectsDoNotEndTheCapture: a Method that fails on one packet is counted.
func TestDefectsDoNotEndTheCapture(t *testing.T) {
	t.Parallel()
	results, counters := found(func(c *connection) { c.open(); c.send(true, 0x18, clientHello(t)) }, func(f *sniff.Fact, _ func(string, []byte, []byte)) {
		if f.Kind == sniff.FactSYN {
			panic("a defect")
		}
	})
	if counters.Panics != 1 || len(only(results, "ja4")) != 1 {
		t.Errorf("%+v", counters)
	}
}

// FuzzStream cuts a stream into segments that overlap, repeat and come in any order, and
// compares what is found with the stream in one piece.
func FuzzStream(f *testing.F) {
	hello := clientHello(f)
	f.Add([]byte{0, 0, 50, 0, 50, 200, 0, 10, 255}, uint32(0))
	f.Add([]byte{1, 0, 255, 0, 0, 255}, uint32(0xfffffff0))
	f.Fuzz(func(t *testing.T, cuts []byte, isn uint32) {
		have := make([]bool, len(hello))
		contiguous := false
		results, counters := found(func(c *connection) {
			c.seq[0] = isn
			c.open()
			base := c.seq[0]
			for ; len(cuts) >= 3 && !contiguous; cuts = cuts[3:] {
				from := min(int(cuts[0])<<8|int(cuts[1]), len(hello)-1)
				to := min(from+int(cuts[2])+1, len(hello))
				c.seq[0] = base + uint32(from)
				c.send(true, 0x18, hello[from:to])
				for i := from; i < to; i++ {
					have[i] = true
				}
				contiguous = !slices.Contains(have, false)
			}
		})
		if got := len(only(results, "ja4")); (got == 1) != contiguous || counters.Panics > 0 {
			t.Fatalf("found %d, whole %v, %+v", got, contiguous, counters)
		}
	})
}

// FuzzConversation lets two sides say anything, with everything switched on.
func FuzzConversation(f *testing.F) {
	turns := tlsTurns(f, tls.VersionTLS12, "x.test")
	var whole []byte
	for _, t := range turns {
		head := []byte{0, byte(len(t.bytes) >> 8), byte(len(t.bytes))}
		if t.client {
			head[0] = 1
		}
		whole = append(append(whole, head...), t.bytes...)
	}
	said := func(client byte, text string) []byte {
		return append([]byte{client, byte(len(text) >> 8), byte(len(text))}, text...)
	}
	f.Add(whole)
	f.Add(append(said(0, string(sshHello("SSH-2.0-s", "a,ext-info-s"))), said(1, string(sshHello("SSH-1.99-c", "b")))...))
	f.Add(append(said(1, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"), said(1, "cGET / HTTP/1.0\n\n")...))
	f.Add(append(said(1, "CONNECT x:1 HTTP/1.1\r\n\r\n"), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := collect(sniff.Config{Results: func(r sniff.Result) {
			if _, err := r.MarshalJSON(); err != nil {
				t.Fatal(err)
			}
		}, Methods: []sniff.Method{plus.New()}})
		c := newConnection(s)
		c.open()
		for len(b) >= 3 {
			n := min(len(b)-3, int(b[1])<<8|int(b[2]))
			c.send(b[0]&1 != 0, 0x18, b[3:3+n])
			b = b[3+n:]
		}
		s.Flush()
		if n := s.Counters(); n.Panics > 0 {
			t.Fatalf("%+v", n)
		}
	})
}

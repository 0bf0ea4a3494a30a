package sniff_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"

	"github.com/decnet/decnet/fingerprint/sniff"
)

type captureInfo = gopacket.CaptureInfo

// segment makes an Ethernet frame with a TCP segment. SYNs have the options of Linux.
func segment(src, dst string, seq uint32, flags byte, payload []byte) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	var options []byte
	if flags&2 != 0 {
		options = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}
	}
	b := make([]byte, 12, 14+40+20+len(options)+len(payload))
	size := 20 + len(options) + len(payload)
	if from.Addr().Is4() {
		b = append(b, 8, 0, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+size))
		b = append(b, 0, 1, 0x40, 0, 64, 6, 0, 0)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(size))
		b = append(b, 6, 64)
	}
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, byte(20+len(options))/4<<4, flags, 0xfa, 0xf0, 0, 0, 0, 0)
	b = append(b, options...)
	return append(b, payload...)
}

// turn is what one side of a connection says at a time.
type turn struct {
	client bool
	bytes  []byte
}

// recorded keeps what passes through a net.Conn.
type recorded struct {
	net.Conn
	client bool
	mu     *sync.Mutex
	turns  *[]turn
}

func (r recorded) Write(b []byte) (int, error) {
	r.mu.Lock()
	*r.turns = append(*r.turns, turn{r.client, bytes.Clone(b)})
	r.mu.Unlock()
	return r.Conn.Write(b)
}

// tlsTurns records a handshake between the standard library's client and server.
func tlsTurns(tb testing.TB, version uint16, name string) []turn {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "decky.test"}, DNSNames: []string{"decky.test", "www.decky.test"},
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(2e9, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	a, b := net.Pipe()
	var mu sync.Mutex
	var turns []turn
	client := tls.Client(recorded{a, true, &mu, &turns}, &tls.Config{InsecureSkipVerify: true, ServerName: name, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
	server := tls.Server(recorded{b, false, &mu, &turns}, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		tb.Fatal(err)
	}
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
	_, _ = a.Close(), b.Close()
	mu.Lock()
	defer mu.Unlock()
	return turns
}

// connection makes the frames of a TCP connection and hands them to a Sniffer.
type connection struct {
	s              *sniff.Sniffer
	client, server string
	seq            [2]uint32 // of client and server
	at             time.Time
	step           time.Duration // between two packets
	sent, most     int           // packets; with most, no more are sent
}

func (c *connection) send(fromClient bool, flags byte, payload []byte) {
	if c.most > 0 && c.sent == c.most {
		return
	}
	c.sent++
	src, dst, side := c.client, c.server, 0
	if !fromClient {
		src, dst, side = c.server, c.client, 1
	}
	frame := segment(src, dst, c.seq[side], flags, payload)
	if flags&0x10 != 0 {
		at := 14 + 20 + 8
		if frame[12] == 0x86 {
			at += 20
		}
		binary.BigEndian.PutUint32(frame[at:], c.seq[1-side])
	}
	c.seq[side] += uint32(len(payload))
	if flags&(1|2) != 0 {
		c.seq[side]++
	}
	c.s.Packet(sniff.LinkEthernet, c.at, frame)
	c.at = c.at.Add(c.step)
}

func (c *connection) open() {
	c.send(true, 0x02, nil)
	c.send(false, 0x12, nil)
	c.send(true, 0x10, nil)
}

func (c *connection) say(turns []turn) {
	for _, t := range turns {
		for b := t.bytes; len(b) > 0; b = b[min(len(b), 1400):] {
			c.send(t.client, 0x18, b[:min(len(b), 1400)])
		}
	}
}

func (c *connection) close() {
	c.send(true, 0x11, nil)
	c.send(false, 0x11, nil)
	c.send(true, 0x10, nil)
}

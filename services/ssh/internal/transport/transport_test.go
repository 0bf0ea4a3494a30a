package transport

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestBanners(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"openssh", "SSH-2.0-OpenSSH_9.2p1\r\n", nil},
		{"line feed alone", "SSH-2.0-x\n", nil},
		{"1.99", "SSH-1.99-x\r\n", nil},
		{"2.5", "SSH-2.5-x\r\n", nil},
		{"blank software", "SSH-2.0- \r\n", nil},
		{"long", "SSH-2.0-" + strings.Repeat("A", 8000) + "\r\n", nil},
		{"protocol 1", "SSH-1.5-x\r\n", majorsDisagree},
		{"protocol 3", "SSH-3.0-x\r\n", majorsDisagree},
		{"no software", "SSH-2.0-\r\n", invalidBanner},
		{"no second dash", "SSH-2.0\r\n", invalidBanner},
		{"lower case", "ssh-2.0-x\r\n", invalidBanner},
		{"http", "GET / HTTP/1.0\r\n", invalidBanner},
		{"lines before", "hello\r\nSSH-2.0-x\r\n", invalidBanner},
		{"empty", "\r\n", invalidBanner},
		{"NUL", "SSH-2.0-a\x00", invalidBanner},
		{"CR inside", "SSH-2.0-a\rb", invalidBanner},
		{"too long", strings.Repeat("A", 8193), invalidBanner},
		{"cut off", "SSH-2.0-x", io.EOF},
	} {
		line, err := readBanner(strings.NewReader(c.in))
		if err == nil {
			err = checkBanner(line)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestGroupsArePrimes(t *testing.T) {
	for bits, group := range map[int]func() *big.Int{1024: group1, 2048: group14, 3072: group15, 4096: group16, 6144: group17, 8192: group18} {
		p := group()
		if p.BitLen() != bits {
			t.Errorf("%d: has %d bits", bits, p.BitLen())
		}
		rounds := 4
		if bits > 4096 {
			rounds = 0
		}
		if !p.ProbablyPrime(rounds) {
			t.Errorf("%d: not a prime", bits)
		}
		if half := new(big.Int).Rsh(p, 1); bits <= 4096 && !half.ProbablyPrime(0) {
			t.Errorf("%d: not a safe prime", bits)
		}
	}
}

func TestGexPicksWhatTheClientWants(t *testing.T) {
	for _, c := range []struct{ want, high, bits uint32 }{
		{1024, 8192, 2048}, {2048, 8192, 2048}, {2049, 8192, 3072}, {3072, 4096, 3072}, {7680, 8192, 8192}, {8192, 4096, 4096}, {4096, 20000, 4096}, {20000, 20000, 8192},
	} {
		if got := gexGroup(c.want, c.high).BitLen(); got != int(c.bits) {
			t.Errorf("want %d up to %d: got %d bits", c.want, c.high, got)
		}
	}
}

func TestNTRUCodec(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(1, 2))
	for _, modulus := range []uint16{ntruQ, (ntruQ + 2) / 3} {
		numbers, moduli := make([]uint16, ntruP), make([]uint16, ntruP)
		for i := range numbers {
			numbers[i], moduli[i] = uint16(r.UintN(uint(modulus))), modulus
		}
		code := ntruEncode(nil, numbers, moduli)
		if want := map[uint16]int{ntruQ: sntrupKeySize, (ntruQ + 2) / 3: 1007}[modulus]; len(code) != want {
			t.Errorf("modulus %d: %d bytes, want %d", modulus, len(code), want)
		}
		if back := ntruDecode(code, moduli); fmt.Sprint(back) != fmt.Sprint(numbers) {
			t.Errorf("modulus %d: decoding does not undo encoding", modulus)
		}
	}
	short, err := ntruShort(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weight := 0
	for _, c := range short {
		if c != 0 {
			weight++
		}
	}
	if weight != ntruW {
		t.Errorf("weight %d, want %d", weight, ntruW)
	}
}

// material is key material for tests.
func material(kind, n int) []byte { return bytes.Repeat([]byte{byte(kind + 1)}, n) }

func allPackets(t testing.TB) map[string][2]packets {
	all := make(map[string][2]packets)
	for name := range ciphers {
		macs := []string{""}
		if !isAEAD(name) {
			macs = []string{"umac-64@openssh.com", "umac-128-etm@openssh.com", "hmac-sha1", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512"}
		}
		for _, mac := range macs {
			out, err := newPackets(name, mac, false, material)
			if err != nil {
				t.Fatal(err)
			}
			in, err := newPackets(name, mac, true, material)
			if err != nil {
				t.Fatal(err)
			}
			all[name+" "+mac] = [2]packets{out, in}
		}
	}
	all["none"] = [2]packets{&blockPackets{block: 8}, &blockPackets{block: 8}}
	return all
}

func TestPacketsSurviveAndTamperingDoesNot(t *testing.T) {
	for name, p := range allPackets(t) {
		for seq := range uint32(4) {
			payload := bytes.Repeat([]byte{byte(seq + 1)}, int(seq*seq*4000)+1)
			wire, err := p[0].seal(nil, seq, payload, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p[1].open(seq, bytes.NewReader(wire))
			if err != nil || !bytes.Equal(got, payload) {
				t.Errorf("%s: packet %d: %v", name, seq, err)
			}
		}
		wire, _ := p[0].seal(nil, 4, []byte("last"), rand.Reader)
		wire[len(wire)-1] ^= 1
		if _, err := p[1].open(4, bytes.NewReader(wire)); name != "none" && err == nil {
			t.Errorf("%s: a changed packet was taken", name)
		}
	}
}

func TestPaddingOfFirstPacketsIsZero(t *testing.T) {
	wire, err := (&blockPackets{block: 8}).seal(nil, 0, []byte{msgNewKeys}, rand.Reader)
	if err != nil || !bytes.Equal(wire, []byte{0, 0, 0, 12, 10, msgNewKeys, 15: 0}) {
		t.Errorf("got %x, %v", wire, err)
	}
}

// TestW49ClaimedLengthAllocatesNothing holds a packet whose length field promises 256 KiB
// to what was sent.
func TestW49ClaimedLengthAllocatesNothing(t *testing.T) {
	p := &blockPackets{block: 8}
	_, err := p.open(0, bytes.NewReader([]byte{0, 3, 0xff, 0xfc, 10, 20, 0, 0, 0, 0}))
	if err == nil || cap(p.buf) > 2*packetBuffer+64 {
		t.Errorf("%d bytes held for 10 received (%v)", cap(p.buf), err)
	}
}

func TestCompressionRoundTrip(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(3, 4))
	out, in := newDeflater(), newInflater()
	for i := range 200 {
		payload := make([]byte, r.IntN(3000)+1)
		for j := range payload {
			payload[j] = "abcdefghijklmnop"[r.IntN(1+i%16)]
		}
		wire, err := out.packet(payload)
		if err != nil {
			t.Fatal(err)
		}
		cut := r.IntN(len(wire) + 1)
		first, err := in.packet(wire[:cut])
		got := bytes.Clone(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := in.packet(wire[cut:])
		if got = append(got, second...); err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
}

func TestW49CompressionBombIsCutOff(t *testing.T) {
	out, in := newDeflater(), newInflater()
	wire, err := out.packet(make([]byte, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.packet(wire); !errors.Is(err, errInflate) {
		t.Errorf("16 MiB from %d bytes: got %v", len(wire), err)
	}
	if len(in.hist) > maxPacket+deflateWindow+1024 {
		t.Errorf("%d bytes held", len(in.hist))
	}
}

func testConfig() *Config {
	_, key, _ := ed25519.GenerateKey(nil)
	signer, _ := ssh.NewSignerFromKey(key)
	c := &Config{
		Version:     "OpenSSH_9.9",
		HostKeys:    []HostKey{{"ssh-ed25519", func() ssh.AlgorithmSigner { return signer.(ssh.AlgorithmSigner) }}},
		Compression: []string{"none", "zlib@openssh.com"},
		Rand:        rand.Reader,
		Ping:        true,
	}
	for name := range kexMethods {
		c.Kex = append(c.Kex, name)
	}
	c.Kex = append(c.Kex, strictServer)
	for name := range ciphers {
		c.Ciphers = append(c.Ciphers, name)
	}
	c.MACs = []string{"umac-64@openssh.com", "umac-128-etm@openssh.com", "hmac-sha1", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"}
	return c
}

// TestXCryptoClient lets every method and cipher that golang.org/x/crypto/ssh has meet ours.
func TestXCryptoClient(t *testing.T) {
	algorithms, insecure := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	var configs []ssh.Config
	for _, kex := range append(algorithms.KeyExchanges, insecure.KeyExchanges...) {
		configs = append(configs, ssh.Config{KeyExchanges: []string{kex}})
	}
	for _, cipher := range append(algorithms.Ciphers, ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC) {
		configs = append(configs, ssh.Config{Ciphers: []string{cipher}})
	}
	for _, c := range configs {
		t.Run(fmt.Sprint(c.KeyExchanges, c.Ciphers), func(t *testing.T) {
			client, server := tcpPair(t)
			done := make(chan error, 1)
			go func() {
				tr := New(server, testConfig())
				err := tr.Handshake()
				if err == nil {
					var p []byte
					if p, err = tr.ReadPacket(); err == nil && p[0] != msgServiceRequest {
						err = fmt.Errorf("got message %d", p[0])
					}
				}
				server.Close()
				done <- err
			}()
			_, _, _, err := ssh.NewClientConn(client, "", &ssh.ClientConfig{
				Config: c, User: "u", HostKeyCallback: ssh.InsecureIgnoreHostKey(),
			})
			if err == nil {
				t.Error("logged in to nothing")
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

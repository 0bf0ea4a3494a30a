package sniff

import (
	"net/netip"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// FactKind says what a Fact is about, and so which of its fields are set.
type FactKind uint8

// The facts that a conversation can yield.
const (
	FactSYN           FactKind = iota // the first SYN: SYN
	FactSYNACK                        // the first SYN-ACK: SYN
	FactServerLatency                 // SYN to SYN-ACK: Sent, Answered, TTL of the SYN-ACK
	FactClientLatency                 // SYN-ACK to the client's answer: Sent, Answered, TTL of the SYN
	FactClientHello                   // ClientHello
	FactServerHello                   // ServerHello
	FactCertificate                   // one certificate of the server's chain: Certificate
	FactSSHHello                      // identification and KEXINIT of one side: SSH, FromClient
	FactRequest                       // the head of an HTTP/1 request: Request
	FactSSHTraffic                    // a window of SSH packets: Traffic
)

// Fact is something seen of a conversation that fingerprints are made of. It and what it
// points to are valid during the call that hands it over.
type Fact struct {
	Kind      FactKind
	Time      time.Time
	Packet    int                   // number of the packet that completed it, from 1
	Transport fingerprint.Transport // TCP, QUIC or DTLS
	Client    netip.AddrPort        // innermost addresses
	Server    netip.AddrPort
	Index     int // how many facts of this kind the side has yielded with this one

	SYN         *fingerprint.SYN
	Sent        time.Time // the answer to this packet came at Answered
	Answered    time.Time
	TTL         uint8
	ClientHello *fingerprint.ClientHello
	ServerHello *fingerprint.ServerHello
	Certificate *fingerprint.Certificate
	SSH         *fingerprint.SSHHello
	FromClient  bool
	Request     []byte // from the method to the empty line, that included
	Traffic     *SSHTraffic
}

// SSHTraffic is the shape of up to 200 consecutive SSH packets of a connection.
type SSHTraffic struct {
	ClientSizes, ServerSizes []uint16 // bytes of payload of each packet, in order
	ClientACKs, ServerACKs   int      // packets in the same time that only acknowledge
}

// A Method makes fingerprints of facts. It calls report once for each, with the kind it is
// known under, its value, and the string that was hashed, or nil; neither is kept. A Method
// is called from one goroutine and must not keep f.
//
// It is the seam for fingerprints whose licence is not everybody's choice: the sniffer
// makes JA3, JA3S, JA4, HASSH, SYN signatures and certificate details by itself, and
// knows nothing of the others. Package sniff/plus has a Method for JA4+.
type Method func(f *Fact, report func(kind string, value, raw []byte))

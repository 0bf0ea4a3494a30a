package sniff

import (
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// Result is one fingerprint, in the form that "decnetd fingerprint" prints.
type Result struct {
	Time       time.Time  `json:"time"`
	File       string     `json:"file"`   // left empty: the caller knows it
	Packet     int        `json:"packet"` // that completed the fingerprint, counted from 1
	Proto      string     `json:"proto"`  // "tcp" or "udp"
	Client     netip.Addr `json:"client"` // innermost addresses
	ClientPort uint16     `json:"client_port"`
	Server     netip.Addr `json:"server"`
	ServerPort uint16     `json:"server_port"`

	// Kind is ja3, ja3s, ja4, hassh, hassh_server, p0f_syn_sig, p0f_synack_sig, x509, or a
	// kind of one of the Methods.
	Kind  string `json:"kind"`
	Index int    `json:"index"` // of more than one of a kind in a stream, from 1
	Value string `json:"value"`

	// Raw is what was hashed, empty where nothing is: for x509, of which Value is the
	// SHA-256, the DER of the certificate.
	Raw string `json:"raw"`
}

// MarshalJSON writes the object of "decnetd fingerprint". The raw form of a certificate is
// an object there, with what it says.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	if r.Kind != "x509" {
		return json.Marshal(plain(r))
	}
	return json.Marshal(struct {
		plain
		Raw certificateDetails `json:"raw"`
	}{plain(r), detailsOf(r.Raw)})
}

// certificateDetails describes a certificate.
type certificateDetails struct {
	Subject            string   `json:"subject"`
	SubjectCN          string   `json:"subject_cn"`
	Issuer             string   `json:"issuer"`
	IssuerCN           string   `json:"issuer_cn"`
	Serial             string   `json:"serial"`
	NotBefore          string   `json:"not_before"`
	NotAfter           string   `json:"not_after"`
	SelfSigned         bool     `json:"self_signed"`
	SANs               []string `json:"sans"`
	KeyType            string   `json:"key_type"`
	KeyBits            int      `json:"key_bits"`
	SignatureAlgorithm string   `json:"signature_algorithm"`
	Version            int      `json:"version"`
}

func detailsOf(der string) certificateDetails {
	var c fingerprint.Certificate
	// What stands before a defect is told.
	_ = c.Parse([]byte(der))
	d := certificateDetails{
		Subject: c.Subject.String(), SubjectCN: c.Subject.CommonName(),
		Issuer: c.Issuer.String(), IssuerCN: c.Issuer.CommonName(),
		Serial: c.SerialText(), NotBefore: validity(c.NotBefore), NotAfter: validity(c.NotAfter),
		SelfSigned: c.SelfSigned(), SANs: c.SANs(), KeyType: c.KeyType(), KeyBits: c.KeyBits(),
		SignatureAlgorithm: c.SignatureAlgorithm.String(), Version: c.Version,
	}
	if d.SANs == nil {
		d.SANs = []string{}
	}
	return d
}

// validity writes a time of a certificate; empty when that was unreadable.
func validity(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (s *Sniffer) result(kind string, value, raw []byte) Result {
	f := &s.fact
	proto := "tcp"
	if f.Transport != fingerprint.TCP {
		proto = "udp"
	}
	return Result{
		Time: f.Time, Packet: f.Packet, Proto: proto,
		Client: f.Client.Addr(), ClientPort: f.Client.Port(), Server: f.Server.Addr(), ServerPort: f.Server.Port(),
		Kind: kind, Index: f.Index, Value: string(value), Raw: string(raw),
	}
}

// Fingerprints calls report with every fingerprint of a capture file, those that methods
// make included, in the order in which they become known. Its errors are those of
// Sniffer.Read; what stood before the error was reported.
func Fingerprints(r io.Reader, report func(Result), methods ...Method) error {
	s := New(Config{Results: report, Methods: methods})
	err := s.Read(r)
	s.Flush()
	return err
}

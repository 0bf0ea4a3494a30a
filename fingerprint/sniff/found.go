package sniff

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/decnet/decnet/fingerprint"
)

// found holds the fingerprints of the fact at hand that events tell of.
type found struct {
	ja3, ja3s, ja4, ja4s []byte
}

// tell hands a fact to the Methods, with the sides of f named for it. Fields for its kind
// are set before.
func (s *Sniffer) tell(f *flow, client int, kind FactKind, index int, t fingerprint.Transport) {
	s.describe(f, client, kind, index, t)
	for _, method := range s.cfg.Methods {
		method(&s.fact, s.report)
	}
}

// describe sets what all facts have; fingerprints that are reported from now on belong to
// it.
func (s *Sniffer) describe(f *flow, client int, kind FactKind, index int, t fingerprint.Transport) {
	s.fact.Kind, s.fact.Index, s.fact.Transport = kind, index, t
	s.fact.Time, s.fact.Packet = time.Unix(0, s.p.time).UTC(), s.p.number
	s.fact.Client, s.fact.Server = f.addrPort(client), f.addrPort(1-client)
}

// reported takes one fingerprint of the fact at hand.
func (s *Sniffer) reported(kind string, value, raw []byte) {
	s.counted.Fingerprints++
	if kind == "ja4s" {
		s.found.ja4s = append(s.found.ja4s[:0], value...)
	}
	if s.cfg.Results != nil {
		s.cfg.Results(s.result(kind, value, raw))
	}
}

func (s *Sniffer) synSeen(f *flow, p *packet) {
	s.fact.SYN = &s.syn
	s.describe(f, int(f.client), FactSYN, 1, fingerprint.TCP)
	s.raw = s.syn.AppendP0f(s.raw[:0], nil)
	s.reported("p0f_syn_sig", s.raw, nil)
	s.tell(f, int(f.client), FactSYN, 1, fingerprint.TCP)
	s.synEvent(f, int(f.client))
}

func (s *Sniffer) synAckSeen(f *flow, p *packet) {
	s.fact.SYN = &s.syn
	s.describe(f, int(f.client), FactSYNACK, 1, fingerprint.TCP)
	var peer *fingerprint.SYN
	if f.syn {
		peer = &fingerprint.SYN{MSS: f.clientMSS}
	}
	s.raw = s.syn.AppendP0f(s.raw[:0], peer)
	s.reported("p0f_synack_sig", s.raw, nil)
	s.tell(f, int(f.client), FactSYNACK, 1, fingerprint.TCP)
	if f.syn && p.ack == f.isn+1 && p.time >= f.synTime {
		s.latency(f, FactServerLatency, f.synTime, p.ttl, fingerprint.TCP)
	}
}

// latency tells that the packet at hand answers one sent before.
func (s *Sniffer) latency(f *flow, kind FactKind, sent int64, ttl uint8, t fingerprint.Transport) {
	s.fact.Sent, s.fact.Answered, s.fact.TTL = time.Unix(0, sent).UTC(), time.Unix(0, s.p.time).UTC(), ttl
	s.tell(f, int(f.client), kind, 1, t)
}

func (s *Sniffer) clientHelloSeen(f *flow, side int, message []byte, t fingerprint.Transport) {
	if !f.sure {
		f.client = int8(side)
	}
	h := &f.half[side]
	s.fact.ClientHello = &s.clientHello
	s.describe(f, side, FactClientHello, int(h.hellos), t)
	s.hashClient(t)
	if s.cfg.Results != nil {
		s.raw = s.clientHello.AppendJA3Raw(s.raw[:0])
		s.reported("ja3", s.found.ja3, s.raw)
		s.raw = s.clientHello.AppendJA4(s.raw[:0], t, fingerprint.JA4Raw)
		s.reported("ja4", s.found.ja4, s.raw)
	} else {
		s.counted.Fingerprints += 2
	}
	s.tell(f, side, FactClientHello, int(h.hellos), t)
	if s.cfg.Sink != nil {
		if h.hello == nil {
			h.hello = s.takeBuffer()
		}
		h.hello = append(h.hello[:0], message...)
		h.dtls = t == fingerprint.DTLS
		s.clientHelloEvent(f, side)
	}
}

// hashClient fills in JA3 and JA4 of s.clientHello.
func (s *Sniffer) hashClient(t fingerprint.Transport) {
	s.found.ja3 = s.clientHello.AppendJA3(s.found.ja3[:0])
	s.found.ja4 = s.clientHello.AppendJA4(s.found.ja4[:0], t, fingerprint.JA4Hash)
}

// recall parses the ClientHello that the side sent once more, into s.clientHello, and
// reports whether it is known.
func (s *Sniffer) recall(f *flow, side int, t fingerprint.Transport) bool {
	h := &f.half[side]
	if len(h.hello) == 0 {
		return false
	}
	if h.dtls {
		return s.clientHello.ParseDTLSMessage(h.hello) == nil
	}
	return s.clientHello.ParseMessage(h.hello) == nil
}

func (s *Sniffer) serverHelloSeen(f *flow, side int, t fingerprint.Transport) {
	if !f.sure {
		f.client = int8(1 - side)
	}
	index := int(f.half[side].hellos)
	s.fact.ServerHello = &s.serverHello
	s.describe(f, 1-side, FactServerHello, index, t)
	s.found.ja3s = s.serverHello.AppendJA3S(s.found.ja3s[:0])
	if s.cfg.Results != nil {
		s.raw = s.serverHello.AppendJA3SRaw(s.raw[:0])
	}
	s.reported("ja3s", s.found.ja3s, s.raw)
	s.found.ja4s = s.found.ja4s[:0]
	s.tell(f, 1-side, FactServerHello, index, t)
	if s.cfg.Sink != nil {
		s.sessionEvent(f, side, t)
	}
}

func (s *Sniffer) certificatesSeen(f *flow, side int, message []byte, t fingerprint.Transport) {
	h := &f.half[side]
	// What can be read of a damaged chain is told of.
	s.chain, _ = fingerprint.AppendCertificates(s.chain[:0], message)
	for _, der := range s.chain {
		if h.chain == 0xff {
			break
		}
		// A certificate that does not parse to its end has a hash and what could be read.
		_ = s.certificate.Parse(der)
		h.chain++
		s.fact.Certificate = &s.certificate
		s.describe(f, 1-side, FactCertificate, int(h.chain), t)
		sum := s.certificate.SHA256()
		var text [64]byte
		hex.Encode(text[:], sum[:])
		s.reported("x509", text[:], der)
		s.tell(f, 1-side, FactCertificate, int(h.chain), t)
		if h.chain == 1 && s.cfg.Sink != nil {
			s.certificateEvent(f, side, t)
		}
	}
	clear(s.chain)
}

func (s *Sniffer) sshHelloSeen(f *flow, side int) {
	if !f.sure {
		f.client = int8(sshClient(f, side, &s.ssh))
	}
	client := int(f.client)
	s.fact.SSH, s.fact.FromClient = &s.ssh, side == client
	s.describe(f, client, FactSSHHello, 1, fingerprint.TCP)
	var value [32]byte
	if side == client {
		s.raw = s.ssh.AppendHASSHRaw(s.raw[:0])
		s.reported("hassh", s.ssh.AppendHASSH(value[:0]), s.raw)
	} else {
		s.raw = s.ssh.AppendHASSHServerRaw(s.raw[:0])
		s.reported("hassh_server", s.ssh.AppendHASSHServer(value[:0]), s.raw)
	}
	s.tell(f, client, FactSSHHello, 1, fingerprint.TCP)
}

// sshClient tells which side of an SSH connection that was met half-way is the client:
// some algorithms are only ever offered by one side.
func sshClient(f *flow, side int, h *fingerprint.SSHHello) int {
	for name := range splitList(h.Kex) {
		switch string(name) {
		case "ext-info-c", "kex-strict-c-v00@openssh.com":
			return side
		case "ext-info-s", "kex-strict-s-v00@openssh.com":
			return 1 - side
		}
	}
	return int(f.client)
}

func (s *Sniffer) requestSeen(f *flow, side int, head []byte) {
	if !f.sure {
		f.client = int8(side)
	}
	if h := &f.half[side]; h.requests < 0xffff {
		h.requests++
		s.fact.Request = head
		s.tell(f, side, FactRequest, int(h.requests), fingerprint.TCP)
	}
}

func (s *Sniffer) sshTrafficSeen(f *flow) {
	t := f.ssh
	t.windows++
	s.fact.Traffic = &t.SSHTraffic
	s.tell(f, int(f.client), FactSSHTraffic, t.windows, fingerprint.TCP)
	t.SSHTraffic = SSHTraffic{ClientSizes: t.ClientSizes[:0], ServerSizes: t.ServerSizes[:0]}
}

// splitList yields the names of a list that commas separate.
func splitList(list []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(list) > 0 {
			name := list
			if i := slices.Index(list, ','); i >= 0 {
				name, list = list[:i], list[i+1:]
			} else {
				list = nil
			}
			if !yield(name) {
				return
			}
		}
	}
}

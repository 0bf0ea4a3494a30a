package sniff

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// Service is the service name of the events.
const Service = "sniffer"

// The types of the events.
const (
	typeSYN         = "tcp_syn_fingerprint"
	typeTiming      = "tcp_flow_timing"
	typeClientHello = "tls_client_hello"
	typeSession     = "tls_session"
	typeCertificate = "tls_certificate"
)

// repeat is what makes two events of one source tell the same.
type repeat struct {
	src netip.Addr
	sum uint64 // of type and telling fields
}

// events remembers what was sent.
type events struct {
	seed  maphash.Seed
	last  map[repeat]int64
	sent  []sent // in the order of time, from head on
	head  int
	tells []byte
}

type sent struct {
	repeat
	at int64
}

// forget drops what is older than window, or of another time.
func (e *events) forget(now, window int64) {
	for e.head < len(e.sent) && passed(now, e.sent[e.head].at, window) {
		e.drop()
	}
}

// drop forgets the oldest.
func (e *events) drop() {
	old := e.sent[e.head]
	if e.last[old.repeat] == old.at {
		delete(e.last, old.repeat)
	}
	e.head++
	if e.head == len(e.sent) || e.head >= maxRemembered {
		e.sent = e.sent[:copy(e.sent, e.sent[e.head:])]
		e.head = 0
	}
}

// repeated reports whether an event of that type and source that tells the same was sent
// within the time of Dedup, and remembers this one when not.
func (s *Sniffer) repeated(typ string, src netip.Addr, telling ...string) bool {
	window := int64(s.cfg.Dedup)
	if window < 0 {
		return false
	}
	e := &s.events
	e.tells = append(e.tells[:0], typ...)
	for _, t := range telling {
		e.tells = append(append(e.tells, 0), t...)
	}
	key := repeat{src, maphash.Bytes(e.seed, e.tells)}
	if at, ok := e.last[key]; ok && !passed(s.clock, at, window) {
		s.counted.Repeats++
		return true
	}
	if len(e.sent)-e.head >= maxRemembered { // last has no more than that
		e.drop()
	}
	e.last[key] = s.clock
	e.sent = append(e.sent, sent{key, s.clock})
	return false
}

// emit sends an event about what src did to dst.
func (s *Sniffer) emit(f *flow, typ string, severity decnet.Severity, at int64, src, dst netip.AddrPort, fields []decnet.Field) {
	decky := f.name
	if f.decky < 0 {
		decky = dst.Addr().String()
	}
	s.counted.Events++
	s.cfg.Sink.Emit(decnet.Event{
		Time: time.Unix(0, at).UTC(), Decky: decky, Service: Service, Type: typ,
		Attacker: src.Addr(), Severity: severity, Fields: fields,
	})
}

// fieldsFor begins the fields of an event with its four addresses.
func fieldsFor(src, dst netip.AddrPort, room int) []decnet.Field {
	fields := make([]decnet.Field, 4, 4+room)
	fields[0] = decnet.F("src_ip", src.Addr().String())
	fields[1] = decnet.F("src_port", decimal(int(src.Port())))
	fields[2] = decnet.F("dst_ip", dst.Addr().String())
	fields[3] = decnet.F("dst_port", decimal(int(dst.Port())))
	return fields
}

func decimal(n int) string { return strconv.Itoa(n) }

// synEvent tells of a SYN towards a decky.
func (s *Sniffer) synEvent(f *flow, side int) {
	if s.cfg.Sink == nil || side == int(f.decky) {
		return
	}
	src, dst := f.addrPort(side), f.addrPort(1-side)
	syn := &s.syn
	guess, layout := syn.OS().Name, syn.OptionsSignature()
	if s.repeated(typeSYN, src.Addr(), guess, layout) {
		return
	}
	scale := ""
	if syn.HasScale {
		scale = decimal(int(syn.Scale))
	}
	s.emit(f, typeSYN, decnet.SeverityInfo, s.p.time, src, dst, append(fieldsFor(src, dst, 10),
		decnet.F("ttl", decimal(int(syn.TTL))),
		decnet.F("initial_ttl", decimal(int(syn.InitialTTL()))),
		decnet.F("hop_distance", decimal(syn.HopDistance())),
		decnet.F("window", decimal(int(syn.Window))),
		decnet.F("mss", decimal(int(syn.MSS))),
		decnet.F("wscale", scale),
		decnet.F("options_sig", layout),
		decnet.F("has_sack", strconv.FormatBool(strings.Contains(layout, "S"))),
		decnet.F("has_timestamps", strconv.FormatBool(strings.Contains(layout, "T"))),
		decnet.F("os_guess", guess)))
}

// A flow this short and quiet tells nothing.
const (
	fewPackets = 4
	briefFlow  = int64(time.Second)
)

// flowTiming tells of a TCP flow once, when it ends.
func (s *Sniffer) flowTiming(f *flow) {
	t := &f.timing
	if s.cfg.Sink == nil || f.key.proto != protoTCP || t.reported || t.packets == 0 {
		return
	}
	t.reported = true
	if t.packets < fewPackets && t.retransmits == 0 && t.last-t.first < briefFlow {
		return
	}
	peer := f.peer()
	src, dst := f.addrPort(peer), f.addrPort(1-peer)
	if s.repeated(typeTiming, src.Addr(), dst.Addr().String(), decimal(int(dst.Port()))) {
		return
	}
	mean := 0.0
	if t.packets > 1 {
		mean = float64(t.last-t.first) / float64(t.packets-1)
	}
	ms := func(ns float64) string { return strconv.FormatFloat(ns/1e6, 'f', 2, 64) }
	s.emit(f, typeTiming, decnet.SeverityInfo, t.last, src, dst, append(fieldsFor(src, dst, 7),
		decnet.F("packets", decimal(t.packets)),
		decnet.F("bytes", strconv.FormatInt(t.bytes, 10)),
		decnet.F("duration_s", strconv.FormatFloat(float64(t.last-t.first)/1e9, 'f', 3, 64)),
		decnet.F("mean_iat_ms", ms(mean)),
		decnet.F("min_iat_ms", ms(float64(t.min))),
		decnet.F("max_iat_ms", ms(float64(t.max))),
		decnet.F("retransmits", decimal(t.retransmits))))
}

// helloFields appends what events tell of s.clientHello beside its hashes.
func (s *Sniffer) helloFields(fields []decnet.Field) []decnet.Field {
	h := &s.clientHello
	parts := bytes.SplitN(h.AppendJA3Raw(nil), []byte(","), 4)
	fields = append(fields,
		decnet.F("sni", string(h.ServerName)),
		decnet.F("alpn", strings.Join(h.ALPNProtocols(), ",")),
		decnet.F("raw_ciphers", string(parts[1])),
		decnet.F("raw_extensions", string(parts[2])))
	if ways := h.Resumption(); len(ways) > 0 {
		fields = append(fields, decnet.F("resumption", strings.Join(ways, ",")))
	}
	return fields
}

// ja3WithoutExtensions returns the text of JA3 for s.clientHello without its list of
// extensions, which JA4 covers whatever their order. The two tell kinds of clients apart as
// JA3 and JA4 do, and see one kind where a browser shuffles the extensions of every hello.
func (s *Sniffer) ja3WithoutExtensions() string {
	s.raw = s.clientHello.AppendJA3Raw(s.raw[:0])
	parts := strings.SplitN(string(s.raw), ",", 4)
	return parts[0] + "," + parts[1] + ",," + parts[3]
}

// latencyFields appends the round trip to the client and the TTL of its SYN, when the
// opening of the connection was seen.
func (f *flow) latencyFields(fields []decnet.Field) []decnet.Field {
	if f.roundTrip < 0 || !f.answered || !f.syn {
		return fields
	}
	return append(fields,
		decnet.F("ja4l_rtt_ms", strconv.FormatFloat(float64(f.roundTrip)/1e6, 'f', 2, 64)),
		decnet.F("ja4l_client_ttl", decimal(int(f.synTTL))))
}

// clientHelloEvent tells of a ClientHello towards a decky.
func (s *Sniffer) clientHelloEvent(f *flow, side int) {
	if side == int(f.decky) {
		return
	}
	src, dst := f.addrPort(side), f.addrPort(1-side)
	ja3, ja4 := string(s.found.ja3), string(s.found.ja4)
	if s.repeated(typeClientHello, src.Addr(), ja4, s.ja3WithoutExtensions()) {
		return
	}
	fields := append(fieldsFor(src, dst, 10),
		decnet.F("ja3", ja3), decnet.F("ja4", ja4), decnet.F("tls_version", versionText(clientVersion(&s.clientHello))))
	fields = s.helloFields(fields)
	s.emit(f, typeClientHello, decnet.SeverityInfo, s.p.time, src, dst, f.latencyFields(fields))
}

// sessionEvent tells of a ServerHello from a decky, together with the hello it answers.
func (s *Sniffer) sessionEvent(f *flow, side int, t fingerprint.Transport) {
	if f.decky >= 0 && side != int(f.decky) {
		return
	}
	src, dst := f.addrPort(1-side), f.addrPort(side)
	known := s.recall(f, 1-side, t)
	s.found.ja3, s.found.ja4 = s.found.ja3[:0], s.found.ja4[:0]
	client := ""
	if known {
		s.hashClient(t)
		client = s.ja3WithoutExtensions()
	}
	ja3, ja4, ja3s, ja4s := string(s.found.ja3), string(s.found.ja4), string(s.found.ja3s), string(s.found.ja4s)
	if s.repeated(typeSession, src.Addr(), client, ja3s, ja4, ja4s) {
		return
	}
	version := s.serverHello.SelectedVersion
	if version == 0 {
		version = s.serverHello.Version
	}
	fields := append(fieldsFor(src, dst, 12), decnet.F("ja3s", ja3s))
	if ja4s != "" {
		fields = append(fields, decnet.F("ja4s", ja4s))
	}
	fields = append(fields, decnet.F("tls_version", versionText(version)))
	if known {
		fields = append(fields, decnet.F("ja3", ja3), decnet.F("ja4", ja4))
		fields = s.helloFields(fields)
	}
	s.emit(f, typeSession, decnet.SeverityWarning, s.p.time, src, dst, f.latencyFields(fields))
}

// certificateEvent tells of the certificate that a decky shows.
func (s *Sniffer) certificateEvent(f *flow, side int, t fingerprint.Transport) {
	if f.decky >= 0 && side != int(f.decky) {
		return
	}
	src, dst := f.addrPort(1-side), f.addrPort(side)
	c := &s.certificate
	name, issuer := c.Subject.CommonName(), c.Issuer.String()
	if s.repeated(typeCertificate, src.Addr(), name, issuer) {
		return
	}
	fields := append(fieldsFor(src, dst, 7),
		decnet.F("subject_cn", name),
		decnet.F("issuer", issuer),
		decnet.F("self_signed", strconv.FormatBool(c.SelfSigned())),
		decnet.F("not_before", validity(c.NotBefore)),
		decnet.F("not_after", validity(c.NotAfter)))
	if sans := c.SANs(); len(sans) > 0 {
		fields = append(fields, decnet.F("sans", strings.Join(sans, ",")))
	}
	if s.recall(f, 1-side, t) && len(s.clientHello.ServerName) > 0 {
		fields = append(fields, decnet.F("sni", string(s.clientHello.ServerName)))
	}
	s.emit(f, typeCertificate, decnet.SeverityInfo, s.p.time, src, dst, fields)
}

// clientVersion returns the newest version that the client offers.
func clientVersion(h *fingerprint.ClientHello) uint16 {
	best := uint16(0)
	for l := h.SupportedVersions; len(l) > 1; l = l[2:] {
		v := uint16(l[0])<<8 | uint16(l[1])
		switch {
		case l[0] == l[1] && l[0]&0x0f == 0x0a: // GREASE
		case v>>8 == 0xfe && best>>8 == 0xfe: // versions of DTLS count down
			best = min(best, v)
		default:
			best = max(best, v)
		}
	}
	if best == 0 {
		return h.Version
	}
	return best
}

// versionText names a protocol version.
func versionText(v uint16) string {
	switch v {
	case 0x0200:
		return "SSL 2.0"
	case 0x0300:
		return "SSL 3.0"
	case 0x0301:
		return "TLS 1.0"
	case 0x0302:
		return "TLS 1.1"
	case 0x0303:
		return "TLS 1.2"
	case 0x0304:
		return "TLS 1.3"
	}
	const hexDigits = "0123456789abcdef"
	return string([]byte{'0', 'x', hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15]})
}

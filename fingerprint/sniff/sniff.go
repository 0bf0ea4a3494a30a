package sniff

import (
	"hash/maphash"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// Config says what a Sniffer does with what it finds. The zero value finds everything and
// tells nobody.
type Config struct {
	// Sink receives the events; nil for none.
	Sink decnet.Sink

	// Results receives every fingerprint; nil for none.
	Results func(Result)

	// Deckies tells whether an address is a decky's, and the name of that. It is called
	// for the addresses of each packet that belongs to no known conversation, so it may
	// change while the Sniffer runs, and must be quick. Packets between others are left
	// out. With nil, everything counts, and deckies go by their addresses. See Deckies.
	Deckies func(netip.Addr) (name string, ok bool)

	// Methods make fingerprints beside those that the Sniffer makes by itself.
	Methods []Method

	// Dedup is for how long an event that tells nothing new is held back; 0 means five
	// minutes, and a negative value that all are sent.
	Dedup time.Duration

	// MaxFlows bounds the conversations that are followed at a time, of about 1 KiB each;
	// 0 means 65536. When there are more, half-open ones are dropped first, the longest
	// silent before others.
	MaxFlows int

	// MaxBuffer bounds the bytes that are held for all conversations together, until what
	// is missing comes; 0 means 64 MiB. Each direction holds at most 60 KiB of that.
	MaxBuffer int
}

// Limits of one Sniffer. An idle flow is over; the search for one is made now and then.
const (
	defaultDedup     = 5 * time.Minute
	defaultMaxFlows  = 1 << 16
	defaultMaxBuffer = 64 << 20
	maxStream        = 60 << 10 // held of one direction; 64 KiB with the flow itself
	maxRemembered    = 1 << 16  // events for Dedup
	flowIdle         = 120e9
	idleEvery        = 30e9
	clockStep        = 3600e9
	publishEvery     = 1 << 12
	maxSpare         = 256 // flows and buffers kept for reuse
)

// Counters says how many packets and flows a Sniffer saw, and what it left out, and why.
type Counters struct {
	Packets uint64 // all
	Bytes   uint64 // of them, as captured

	UnknownLink uint64 // of a link type that is not understood
	Cut         uint64 // shorter than their IP header says, mostly by the capture; the rest is used
	Malformed   uint64 // a header that does not fit
	TooDeep     uint64 // more tunnels in tunnels than are looked into
	Other       uint64 // neither TCP nor UDP
	OtherUDP    uint64 // UDP that begins neither QUIC nor DTLS; the later packets of QUIC among it
	Elsewhere   uint64 // between hosts that are no deckies
	Strays      uint64 // RST that belong to no conversation that is known
	Refused     uint64 // RST and SYN in the midst of a connection, which the other side does not take either
	Fragments   uint64 // IP fragments that were kept
	Unkept      uint64 // IP fragments that were not: odd, or too many
	Panics      uint64 // packets that a defect of this package was found with

	Flows       uint64 // conversations
	Evicted     uint64 // dropped because there were too many
	Shed        uint64 // directions given up because too much was held for all of them
	Overflow    uint64 // directions given up because too much was held for one of them
	Gaps        uint64 // places where what is missing was given up
	BadHellos   uint64 // beginnings of TLS, DTLS or SSH that cannot be read
	BadInitials uint64 // Initial packets of QUIC that cannot be decrypted, or hold what may not be there

	Fingerprints uint64 // found
	Events       uint64 // sent
	Repeats      uint64 // events held back by Dedup

	KernelDropped uint64 // live capture: packets that the kernel had no room for
}

// Sniffer turns packets into fingerprints and events. All methods but Counters must be
// called from one goroutine at a time. A Sniffer has no goroutine of its own.
type Sniffer struct {
	cfg Config

	decoder decoder
	p       packet
	clock   int64
	scanned int64

	flows   map[flowKey]*flow
	fresh   list // one side was heard, or the flow is closed
	settled list // both sides were heard
	holding list // flows that hold bytes
	held    int
	spare   []*flow
	buffers [][]byte
	shakes  []*fingerprint.Handshake

	fact        Fact
	syn         fingerprint.SYN
	clientHello fingerprint.ClientHello
	serverHello fingerprint.ServerHello
	certificate fingerprint.Certificate
	ssh         fingerprint.SSHHello
	chain       [][]byte
	quic        quicOpener

	report  func(kind string, value, raw []byte)
	found   found
	raw     []byte
	events  events
	counted Counters

	mu        sync.Mutex
	published Counters
}

// New returns a Sniffer that follows cfg.
func New(cfg Config) *Sniffer {
	if cfg.Dedup == 0 {
		cfg.Dedup = defaultDedup
	}
	if cfg.MaxFlows <= 0 {
		cfg.MaxFlows = defaultMaxFlows
	}
	if cfg.MaxBuffer <= 0 {
		cfg.MaxBuffer = defaultMaxBuffer
	}
	s := &Sniffer{cfg: cfg, flows: make(map[flowKey]*flow)}
	s.fresh.clear()
	s.settled.clear()
	s.holding.clear()
	s.report = s.reported
	s.events.seed = maphash.MakeSeed()
	s.events.last = make(map[repeat]int64)
	return s
}

// Counters returns the counters as they were a short while ago: of a running Sniffer they
// are brought up to date every few thousand packets and every second, and after Read,
// Listen and Flush. It may be called from any goroutine.
func (s *Sniffer) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.published
}

func (s *Sniffer) publish() {
	s.mu.Lock()
	s.published = s.counted
	s.mu.Unlock()
}

// Read takes the packets of a capture file: pcap or pcapng, gzip of either, whatever its
// name says. r may be a pipe. It reads up to the end and returns nil there, decnet.ErrInvalid
// when the file is damaged, and the error of r; what stood before was seen all the same.
// Conversations stay open, so that several files can follow each other, until Flush.
func (s *Sniffer) Read(r io.Reader) error {
	defer s.publish()
	c, err := openCapture(r)
	if err != nil {
		return err
	}
	var p captured
	for {
		switch err := c.next(&p); err {
		case nil:
			s.packet(p.link, p.time, p.data)
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// Packet takes one packet as captured on a link at a time. It keeps nothing of data.
func (s *Sniffer) Packet(link LinkType, at time.Time, data []byte) {
	s.packet(link, at.UnixNano(), data)
}

func (s *Sniffer) packet(link LinkType, at int64, data []byte) {
	defer s.survive()
	s.counted.Packets++
	s.counted.Bytes += uint64(len(data))
	if s.counted.Packets%publishEvery == 0 {
		s.publish()
	}
	s.tick(at)
	p := &s.p
	p.time, p.number = at, int(s.counted.Packets)
	p.cut = false
	v := s.decoder.decode(link, data, p)
	if p.cut {
		s.counted.Cut++
	}
	switch v {
	case decoded:
		if p.proto == protoTCP {
			s.tcp(p)
		} else {
			s.udp(p)
		}
	case other:
		s.counted.Other++
	case malformed:
		s.counted.Malformed++
	case held:
		s.counted.Fragments++
	case tooDeep:
		s.counted.TooDeep++
	case linkless:
		s.counted.UnknownLink++
	case unfragment:
		s.counted.Unkept++
	}
}

// survive keeps a defect that one packet finds, here or in what it is handed to, from
// ending the capture.
func (s *Sniffer) survive() {
	if recover() != nil {
		s.counted.Panics++
	}
}

// tick moves the clock on, which follows the packets, and ends idle flows. A small step
// back is disorder, a great one the beginning of another capture.
func (s *Sniffer) tick(at int64) {
	if at > s.clock || passed(s.clock, at, clockStep) {
		s.clock = at
	}
	if !passed(s.clock, s.scanned, idleEvery) {
		return
	}
	s.scanned = s.clock
	for _, l := range [...]*list{&s.fresh, &s.settled} {
		for f := l.oldest(); f != nil && s.clock-f.touch >= flowIdle; f = l.oldest() {
			s.end(f)
		}
	}
	s.events.forget(s.clock, int64(s.cfg.Dedup))
}

// passed reports whether what happened at a time and counts for life is over. So it is
// when the clock was set back behind it.
func passed(now, at, life int64) bool {
	return at > now || uint64(now)-uint64(at) >= uint64(life) // the difference may be more than an int64 holds
}

// Flush ends all conversations: their tcp_flow_timing events are sent and what was held
// for them is dropped.
func (s *Sniffer) Flush() {
	for _, l := range [...]*list{&s.fresh, &s.settled} {
		for f := l.oldest(); f != nil; f = l.oldest() {
			s.end(f)
		}
	}
	s.publish()
}

// end reports the flow and forgets it.
func (s *Sniffer) end(f *flow) {
	s.finish(f)
	delete(s.flows, f.key)
	s.listOf(f).remove(&f.age)
	if len(s.spare) < maxSpare {
		*f = flow{}
		s.spare = append(s.spare, f)
	}
}

// finish reports what is known only at the end of a flow, and drops what it holds.
func (s *Sniffer) finish(f *flow) {
	s.sshEnd(f)
	s.flowTiming(f)
	s.release(f)
}

// listOf returns the list that the flow is in.
func (s *Sniffer) listOf(f *flow) *list {
	if f.seen == 3 && !f.closed {
		return &s.settled
	}
	return &s.fresh
}

// flow returns the flow of p and the side that sent it; nil when p is not wanted. open
// says whether a new one may begin with p.
func (s *Sniffer) flow(p *packet, open bool) (*flow, int) {
	key, side := keyOf(p)
	if f := s.flows[key]; f != nil {
		l := s.listOf(f)
		f.seen |= 1 << side
		if now := s.listOf(f); now != l {
			l.remove(&f.age)
			now.pushFront(&f.age)
		} else if !f.closed {
			l.moveToFront(&f.age)
		}
		if !f.closed { // those keep their place
			f.touch = s.clock
		}
		return f, side
	}
	name, decky, wanted := s.wanted(p, side)
	if !wanted {
		s.counted.Elsewhere++
		return nil, 0
	}
	if !open {
		s.counted.Strays++
		return nil, 0
	}
	if len(s.flows) >= s.cfg.MaxFlows {
		f := s.fresh.oldest()
		if f == nil {
			f = s.settled.oldest()
		}
		s.counted.Evicted++
		s.end(f)
	}
	f := s.newFlow()
	f.key, f.name, f.decky, f.seen, f.touch = key, name, decky, 1<<side, s.clock
	s.begin(f, p, side)
	s.flows[key] = f
	s.fresh.pushFront(&f.age)
	return f, side
}

func (s *Sniffer) newFlow() *flow {
	s.counted.Flows++
	var f *flow
	if n := len(s.spare); n > 0 {
		f, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		f = new(flow)
	}
	f.age.flow, f.hold.flow = f, f
	return f
}

// begin guesses which side is the client, as long as neither was seen to open the
// conversation: not the decky, else not the one with the lower port.
func (s *Sniffer) begin(f *flow, p *packet, side int) {
	f.client, f.sure = int8(side), false
	switch {
	case p.proto == protoTCP && p.flags&flagSYN != 0:
		if f.sure = true; p.flags&flagACK != 0 {
			f.client = int8(1 - side)
		}
	case f.decky >= 0:
		f.client = 1 - f.decky
	case p.srcPort < p.dstPort:
		f.client = int8(1 - side)
	}
}

// wanted tells whether one side of p is a decky, and which; the receiver before the
// sender.
func (s *Sniffer) wanted(p *packet, side int) (name string, decky int8, ok bool) {
	if s.cfg.Deckies == nil {
		return "", -1, true
	}
	if name, ok := s.cfg.Deckies(p.dst.addr(p.v6)); ok {
		return name, int8(1 - side), true
	}
	if name, ok := s.cfg.Deckies(p.src.addr(p.v6)); ok {
		return name, int8(side), true
	}
	return "", -1, false
}

// restart makes f the flow of a new connection between the same ports.
func (s *Sniffer) restart(f *flow, p *packet, side int) {
	s.finish(f)
	s.listOf(f).remove(&f.age)
	*f = flow{key: f.key, name: f.name, decky: f.decky, seen: 1 << side, touch: s.clock}
	f.age.flow, f.hold.flow = f, f
	s.counted.Flows++
	s.begin(f, p, side)
	s.fresh.pushFront(&f.age)
}

// tcp follows one TCP segment.
func (s *Sniffer) tcp(p *packet) {
	f, side := s.flow(p, p.flags&flagRST == 0)
	if f == nil {
		return
	}
	if p.flags&flagSYN != 0 {
		if s.opening(f, p, side) {
			return
		}
	} else if p.flags&flagRST != 0 && !f.takesRST(p, side) {
		s.counted.Refused++
		return
	}
	if p.flags&flagACK != 0 {
		f.half[1-side].acknowledge(p.ack)
	}
	f.timing.add(p, side == f.peer())
	if f.synAck && !f.answered && side == int(f.client) && p.flags&(flagACK|flagSYN|flagRST) == flagACK {
		s.answer(f, p)
	}
	if h := &f.half[side]; len(p.payload) > 0 {
		if h.mode == modeDone {
			h.follow(p)
		} else {
			s.segment(f, side, p)
		}
	}
	if f.ssh != nil {
		s.sshPacket(f, p, side)
	} else if p.flags == flagACK && len(p.payload) == 0 && f.acks[side] < 0xff {
		f.acks[side]++
	}
	if p.flags&(flagFIN|flagRST) != 0 {
		s.closing(f, p, side)
	}
}

// takesRST reports whether the other side lets an RST end the connection. While that is
// open, it must have the very number that is expected (RFC 5961 section 3.2).
func (f *flow) takesRST(p *packet, side int) bool {
	h := &f.half[side]
	ahead := p.seq - h.expected()
	return !f.open() || ahead == 0 || ahead == 1 && f.fin>>side&1 != 0
}

// opening follows a SYN or SYN-ACK. It reports whether that is all there is to do.
//
// A SYN into an open connection is not taken by the other side (RFC 5961 section 4), and
// does not make a Sniffer drop what it holds, until the other side answers it: then the
// connection was over, and that was not captured.
func (s *Sniffer) opening(f *flow, p *packet, side int) bool {
	holding := f.held > 0 && f.open()
	if p.flags&flagACK == 0 {
		switch again := f.syn && side == int(f.client) && p.seq == f.isn; {
		case again && !f.closed:
			f.timing.add(p, true)
			return true
		case holding:
			s.counted.Refused++
			h := &f.half[side]
			h.doubt, h.doubted = p.seq, true
			return true
		case f.syn || f.synAck || f.timing.packets > 0:
			s.restart(f, p, side)
		}
		f.syn, f.client, f.sure = true, int8(side), true
		f.isn, f.synTime, f.synTTL = p.seq, p.time, p.ttl
		s.start(&f.half[side], p.seq+1)
		if s.syn.Parse(p.ip) == nil {
			f.clientMSS = s.syn.MSS
			s.synSeen(f, p)
		}
		return false
	}
	switch other := &f.half[1-side]; {
	case other.doubted && p.ack == other.doubt+1:
		s.restart(f, p, side)
	case f.synAck || f.sure && side == int(f.client):
		return false
	case holding:
		s.counted.Refused++
		return true
	}
	f.synAck, f.client, f.sure = true, int8(1-side), true
	f.synAckTime = p.time
	s.start(&f.half[side], p.seq+1)
	if !f.half[1-side].started {
		s.start(&f.half[1-side], p.ack)
	}
	if s.syn.Parse(p.ip) == nil {
		s.synAckSeen(f, p)
	}
	return false
}

func (s *Sniffer) start(h *half, next uint32) { h.started, h.next = true, next }

// answer follows the client's first packet after the SYN-ACK.
func (s *Sniffer) answer(f *flow, p *packet) {
	f.answered, f.roundTrip = true, p.time-f.synAckTime
	if f.syn && f.roundTrip >= 0 {
		s.latency(f, FactClientLatency, f.synAckTime, f.synTTL, fingerprint.TCP)
	}
}

// closing follows FIN and RST. A flow is told of at the first; what it holds is dropped
// when no more can come.
func (s *Sniffer) closing(f *flow, p *packet, side int) {
	if p.flags&flagFIN != 0 {
		f.fin |= 1 << side
	}
	s.flowTiming(f)
	if f.closed || p.flags&flagRST == 0 && f.fin != 3 {
		return
	}
	l := s.listOf(f)
	f.closed = true
	s.sshEnd(f)
	if len(f.half[0].late.list)+len(f.half[1].late.list) == 0 {
		s.release(f)
	}
	if l != &s.fresh {
		l.remove(&f.age)
		s.fresh.pushFront(&f.age)
	}
}

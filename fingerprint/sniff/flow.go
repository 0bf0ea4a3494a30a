package sniff

import (
	"bytes"
	"net/netip"

	"github.com/decnet/decnet/fingerprint"
)

// flowKey names a conversation, whichever side a packet comes from.
type flowKey struct {
	addr  [2]address // the lower one first
	port  [2]uint16
	proto uint8
	v6    bool
}

// keyOf returns the key of a packet's flow, and the side that sent it.
func keyOf(p *packet) (key flowKey, side int) {
	c := bytes.Compare(p.src[:], p.dst[:])
	if c > 0 || c == 0 && p.srcPort > p.dstPort {
		side = 1
	}
	key.addr[side], key.addr[1-side] = p.src, p.dst
	key.port[side], key.port[1-side] = p.srcPort, p.dstPort
	key.proto, key.v6 = p.proto, p.v6
	return key, side
}

// flow is one conversation. Its sides are numbered like those of its key.
type flow struct {
	key   flowKey
	age   link // in Sniffer.fresh or Sniffer.settled, most recent first
	hold  link // in Sniffer.holding while it holds bytes
	touch int64

	half   [2]half
	client int8  // side
	sure   bool  // client was seen to open the conversation
	decky  int8  // side, -1 when neither is one
	seen   uint8 // sides that sent something, one bit each
	closed bool  // ended by RST, or by FIN from both sides

	isn        uint32 // of the client's SYN
	syn        bool
	synAck     bool
	answered   bool // the client answered the SYN-ACK
	fin        uint8
	synTTL     uint8
	clientMSS  uint16
	synTime    int64
	synAckTime int64
	roundTrip  int64 // SYN-ACK to the client's answer

	timing timing
	acks   [2]uint8 // packets that only acknowledge, before SSH was recognised
	ssh    *sshTraffic
	quic   *quic
	dtls   *[2]fingerprint.DTLSHandshake

	name string // of the decky
	held int    // bytes held for reassembly, all in all
}

// half is one direction of a flow.
type half struct {
	mode     mode
	started  bool
	next     uint32 // sequence number of the byte at offset pos
	acked    uint32 // what the other side expects next, as it says
	doubt    uint32 // sequence number of a SYN that was not believed
	answered bool   // acked is known
	doubted  bool   // doubt is
	pos      int64  // bytes of the stream that were passed on
	since    int64  // offset from which the search counts
	skip     int64  // bytes of a body to pass over
	buf      []byte // passed on, but not yet understood
	late     pieces // came before its turn
	tls      *fingerprint.Handshake
	taken    int    // bytes that went into an unfinished message
	joining  int    // memory for messages that come in parts, at most
	hello    []byte // the last ClientHello of the client's half
	dtls     bool   // hello is in the form of DTLS
	hellos   uint8
	chain    uint8 // certificates
	requests uint16
}

// open reports whether each side is known to have answered the other, and the connection
// is not over.
func (f *flow) open() bool { return f.half[0].answered && f.half[1].answered && !f.closed }

// expected returns the sequence number that the other side expects next, if it has all
// that was captured: what it acknowledges counts where the capture has less.
func (h *half) expected() uint32 {
	if h.answered && (!h.started || int32(h.acked-h.next) > 0) {
		return h.acked
	}
	return h.next
}

// acknowledge notes what the other side expects.
func (h *half) acknowledge(next uint32) {
	if !h.answered || int32(next-h.acked) > 0 {
		h.acked, h.answered = next, true
	}
}

// follow moves next past a segment that nobody looks into.
func (h *half) follow(p *packet) {
	from, end := h.expected(), p.seq+uint32(len(p.payload))
	if int32(p.seq-from) <= 0 && int32(end-from) > 0 {
		h.next, h.started = end, true
	}
}

func (f *flow) addrPort(side int) netip.AddrPort {
	return netip.AddrPortFrom(f.key.addr[side].addr(f.key.v6), f.key.port[side])
}

// peer returns the side that faces the decky, or the client where no decky is known.
func (f *flow) peer() int {
	if f.decky >= 0 {
		return 1 - int(f.decky)
	}
	return int(f.client)
}

// link is a place in a list of flows.
type link struct {
	prev, next *link
	flow       *flow
}

// list is a doubly linked list; the zero value must be set up with clear.
type list struct {
	root link
	len  int
}

func (l *list) clear() { l.root.prev, l.root.next, l.len = &l.root, &l.root, 0 }

func (l *list) pushFront(e *link) {
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
	l.len++
}

func (l *list) remove(e *link) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
	l.len--
}

func (l *list) moveToFront(e *link) {
	if l.root.next == e {
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
}

// oldest returns the flow at the end of the list, nil when the list is empty.
func (l *list) oldest() *flow {
	if l.len == 0 {
		return nil
	}
	return l.root.prev.flow
}

// timing is what tcp_flow_timing tells of a flow.
type timing struct {
	packets     int
	bytes       int64
	first, last int64
	min, max    int64 // time between two packets
	retransmits int
	reported    bool

	next    uint32 // of the client's half: where new data begins
	started bool
	gaps    []span // below next, not seen yet
}

type span struct{ from, to uint32 }

// maxGaps bounds the gaps that are remembered of a flow.
const maxGaps = 8

// add counts a packet; forward is one from the client.
func (t *timing) add(p *packet, forward bool) {
	if t.packets == 0 {
		t.first = p.time
	} else {
		gap := max(0, p.time-t.last)
		if t.packets == 1 || gap < t.min {
			t.min = gap
		}
		t.max = max(t.max, gap)
	}
	t.last = max(t.last, p.time)
	t.packets++
	t.bytes += int64(len(p.payload))
	if forward && (len(p.payload) > 0 || p.flags&flagSYN != 0) {
		t.sequence(p)
	}
}

// sequence tells data that is sent again from data that fills a gap.
func (t *timing) sequence(p *packet) {
	from := p.seq
	if p.flags&flagSYN != 0 {
		if !t.started {
			t.next, t.started = from+1, true
		}
		from++
	}
	to := from + uint32(len(p.payload))
	if from == to {
		return
	}
	if !t.started {
		t.next, t.started = to, true
		return
	}
	if ahead := int32(from - t.next); ahead >= 0 {
		if ahead > 0 {
			if len(t.gaps) == maxGaps {
				t.gaps = append(t.gaps[:0], t.gaps[1:]...)
			}
			t.gaps = append(t.gaps, span{t.next, from})
		}
		t.next = to
		return
	}
	for i, g := range t.gaps {
		if int32(from-g.from) >= 0 && int32(g.to-from) > 0 {
			t.fill(i, from, to)
			return
		}
	}
	t.retransmits++
	if int32(to-t.next) > 0 {
		t.next = to
	}
}

// fill takes the span from from to to out of gap i.
func (t *timing) fill(i int, from, to uint32) {
	g := t.gaps[i]
	t.gaps = append(t.gaps[:i], t.gaps[i+1:]...)
	if from != g.from {
		t.gaps = append(t.gaps, span{g.from, from})
	}
	if int32(g.to-to) > 0 && len(t.gaps) < maxGaps {
		t.gaps = append(t.gaps, span{to, g.to})
	}
}

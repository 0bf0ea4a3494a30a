package sniff

import "github.com/decnet/decnet/fingerprint"

// mode says what is looked for in one direction of a flow.
type mode uint8

const (
	modeSearch mode = iota // the beginning of something, at the start of a segment
	modeTLS
	modeSSH
	modeHTTP
	modeDone    // nothing more comes of it
	modePartial // of recognize only: too short to tell
)

// maxSearch is how many bytes are searched for a beginning before a direction is done.
const maxSearch = 64 << 10

// segment puts the payload of a TCP segment in its place. Bytes that came before win over
// what comes again.
func (s *Sniffer) segment(f *flow, side int, p *packet) {
	h := &f.half[side]
	seq := p.seq
	if p.flags&flagSYN != 0 {
		seq++
	}
	if !h.started {
		s.start(h, seq)
	}
	kept := false
	for !kept && h.mode != modeDone {
		b, ahead := p.payload, int64(int32(seq-h.next))
		if ahead < 0 {
			if -ahead >= int64(len(b)) {
				break
			}
			b, ahead = b[-ahead:], 0
		}
		if ahead == 0 && (len(h.late.list) == 0 || h.pos+int64(len(b)) <= h.late.list[0].at) {
			s.deliver(f, side, b)
			kept = true
		} else if kept = h.late.insert(h.pos+ahead, b, maxStream-f.weight(side)+h.late.cost); !kept {
			s.overflow(h)
		}
		s.deliverLate(f, side)
	}
	if f.held > 0 || f.weight(side) > 0 {
		s.hold(f, side)
	}
}

// deliverLate passes on what came before its turn, as far as its turn has come.
func (s *Sniffer) deliverLate(f *flow, side int) {
	h := &f.half[side]
	for h.mode != modeDone && len(h.late.list) > 0 {
		b, ok := h.late.take(h.pos)
		if !ok {
			break
		}
		s.deliver(f, side, b)
	}
}

// overflow gives up what is missing: a search goes on behind it, anything else is over.
func (s *Sniffer) overflow(h *half) {
	if h.mode != modeSearch || len(h.buf) > 0 || len(h.late.list) == 0 || h.late.list[0].at <= h.pos {
		s.counted.Overflow++
		s.done(h)
		return
	}
	s.counted.Gaps++
	gap := h.late.list[0].at - h.pos
	h.pos += gap
	h.next += uint32(gap)
	h.since = h.pos
}

// deliver passes on the next bytes of a direction.
func (s *Sniffer) deliver(f *flow, side int, b []byte) {
	h := &f.half[side]
	h.pos += int64(len(b))
	h.next += uint32(len(b))
	if h.skip > 0 {
		n := min(h.skip, int64(len(b)))
		h.skip -= n
		h.since += n
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
	all := b
	if len(h.buf) > 0 {
		if len(h.buf)+len(b) > maxStream {
			s.counted.Overflow++
			s.done(h)
			return
		}
		h.buf = append(h.buf, b...)
		all = h.buf
	}
	rest := s.understand(f, side, all, len(b))
	switch {
	case h.mode == modeDone:
		s.done(h)
	case len(rest) == 0:
		s.putBuffer(h.buf)
		h.buf = nil
	case len(h.buf) > 0:
		h.buf = h.buf[:copy(h.buf, rest)]
	default:
		h.buf = append(s.takeBuffer(), rest...)
	}
}

// understand makes what it can of b, of which the last fresh bytes are one segment, and
// returns what must wait for more.
func (s *Sniffer) understand(f *flow, side int, b []byte, fresh int) []byte {
	h := &f.half[side]
	for len(b) > 0 {
		ok := true
		switch h.mode {
		case modeSearch:
			switch m, skip := s.recognize(b, h.pos-h.since <= maxGreeting); m {
			case modePartial:
				return b
			case modeSearch:
				ok = false
			default:
				h.mode = m
				b = b[skip:]
				fresh = min(fresh, len(b))
			}
		case modeTLS:
			if b, ok = s.tls(f, side, b); ok {
				return b
			}
		case modeSSH:
			if b, ok = s.sshHello(f, side, b); ok {
				return b
			}
		case modeHTTP:
			var more bool
			if b, more, ok = s.request(f, side, b); more {
				return b
			}
			fresh = min(fresh, len(b))
		case modeDone:
			return nil
		}
		if ok {
			continue
		}
		// Not what it looked like. When the last segment is only a part of that, it may
		// begin something itself.
		if h.mode == modeDone {
			return nil
		}
		h.mode = modeSearch
		if len(b) <= fresh {
			break
		}
		b = b[len(b)-fresh:]
	}
	if h.mode == modeSearch && h.pos-h.since > maxSearch {
		h.mode = modeDone
	}
	return nil
}

// forgetHello frees the ClientHello that is kept of a direction.
func (s *Sniffer) forgetHello(h *half) {
	s.putBuffer(h.hello)
	h.hello = nil
}

// done ends the search of one direction and frees what it holds. The ClientHello stays.
func (s *Sniffer) done(h *half) {
	h.mode = modeDone
	s.drop(h)
}

// drop frees what a direction holds of its stream.
func (s *Sniffer) drop(h *half) {
	s.putBuffer(h.buf)
	h.buf, h.late = nil, pieces{}
	s.putHandshake(h)
}

// release frees all that a flow holds.
func (s *Sniffer) release(f *flow) {
	for i := range f.half {
		s.drop(&f.half[i])
		s.forgetHello(&f.half[i])
	}
	f.quic, f.dtls = nil, nil
	s.weigh(f)
}

// weight is what a direction holds, in bytes.
func (f *flow) weight(side int) int {
	h := &f.half[side]
	n := cap(h.buf) + h.late.cost + cap(h.hello) + h.joining
	if q := f.quic; q != nil {
		n += q.crypto[side].cost
		if q.keys[side] != nil {
			n += quicCost
		}
	}
	return n
}

// hold sees to it that a direction to which something came holds no more than it may, and
// all flows together neither.
func (s *Sniffer) hold(f *flow, side int) {
	h := &f.half[side]
	if f.weight(side) > maxStream {
		s.counted.Overflow++
		s.done(h)
		if f.quic != nil {
			f.quic.finish(side)
		}
		if f.dtls != nil {
			f.dtls[side] = fingerprint.DTLSHandshake{}
		}
	}
	if f.weight(side) > maxStream {
		s.forgetHello(h)
	}
	s.weigh(f)
	s.relieve()
}

// weigh brings up to date what a flow holds.
func (s *Sniffer) weigh(f *flow) {
	n := f.weight(0) + f.weight(1)
	switch {
	case f.held == 0 && n > 0:
		s.holding.pushFront(&f.hold)
	case f.held > 0 && n == 0:
		s.holding.remove(&f.hold)
	case n > f.held:
		s.holding.moveToFront(&f.hold)
	}
	s.held += n - f.held
	f.held = n
}

// relieve lets go of what was held longest without growing while too much is held.
func (s *Sniffer) relieve() {
	for s.held > s.cfg.MaxBuffer {
		old := s.holding.oldest()
		s.counted.Shed++
		old.half[0].mode, old.half[1].mode = modeDone, modeDone
		s.release(old)
	}
}

// Limits of what is kept for reuse. The memory of a Handshake cannot be seen, so that one
// that may have some is not.
const (
	maxSpareBuffer  = 16 << 10
	maxSpareJoining = 1 << 10
)

// takeBuffer returns an empty buffer that was used before, or nil.
func (s *Sniffer) takeBuffer() []byte {
	if n := len(s.buffers); n > 0 {
		b := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		return b[:0]
	}
	return nil
}

func (s *Sniffer) putBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= maxSpareBuffer && len(s.buffers) < maxSpare {
		s.buffers = append(s.buffers, b)
	}
}

// putHandshake ends the reading of TLS records in a direction.
func (s *Sniffer) putHandshake(h *half) {
	if h.tls != nil && len(s.shakes) < maxSpare && h.joining <= maxSpareJoining {
		h.tls.Reset()
		s.shakes = append(s.shakes, h.tls)
	}
	h.tls, h.taken, h.joining = nil, 0, 0
}

func (s *Sniffer) takeHandshake() *fingerprint.Handshake {
	if n := len(s.shakes); n > 0 {
		h := s.shakes[n-1]
		s.shakes = s.shakes[:n-1]
		return h
	}
	return new(fingerprint.Handshake)
}

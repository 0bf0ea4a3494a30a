package ja4plus

import (
	"slices"
	"strconv"
)

// ja4sshPackets is the number of packets with payload that one JA4SSH describes.
const ja4sshPackets = 200

// SSHWindow collects the packets of one SSH connection for its JA4SSH values. The zero
// value stands at the start of a connection. It is not safe for concurrent use.
type SSHWindow struct {
	client, server sshSide
}

type sshSide struct {
	sizes []uint16 // of the packets with payload
	acks  int      // packets that only acknowledge
}

// Add counts one TCP packet of the connection. A packet with payload counts by its size;
// one without counts if it is a bare ACK, with no other flag set. After the 200th packet
// with payload Add returns the JA4SSH and starts anew; otherwise it returns "".
func (w *SSHWindow) Add(fromClient bool, payload int, bareACK bool) string {
	side := &w.server
	if fromClient {
		side = &w.client
	}
	switch {
	case payload > 0:
		side.sizes = append(side.sizes, uint16(min(payload, 1<<16-1)))
	case bareACK:
		side.acks++
	}
	if len(w.client.sizes)+len(w.server.sizes) < ja4sshPackets {
		return ""
	}
	return w.Flush()
}

// Flush returns the JA4SSH of the packets since the last one, "" if none had payload, and
// starts anew: for the end of a connection, at its first FIN or RST.
func (w *SSHWindow) Flush() string {
	text := ""
	if len(w.client.sizes)+len(w.server.sizes) > 0 {
		dst := append(make([]byte, 0, 48), 'c')
		number := func(n int, next string) {
			dst = append(strconv.AppendInt(dst, int64(n), 10), next...)
		}
		number(w.client.mode(), "s")
		number(w.server.mode(), "_c")
		number(len(w.client.sizes), "s")
		number(len(w.server.sizes), "_c")
		number(w.client.acks, "s")
		number(w.server.acks, "")
		text = string(dst)
	}
	w.client.reset()
	w.server.reset()
	return text
}

func (s *sshSide) reset() { *s = sshSide{sizes: s.sizes[:0]} }

// mode returns the most frequent size, the smallest of several, 0 without packets.
func (s *sshSide) mode() int {
	slices.Sort(s.sizes)
	best, most := 0, 0
	for i, run := 0, 0; i < len(s.sizes); i++ {
		if i > 0 && s.sizes[i] != s.sizes[i-1] {
			run = 0
		}
		if run++; run > most {
			best, most = int(s.sizes[i]), run
		}
	}
	return best
}

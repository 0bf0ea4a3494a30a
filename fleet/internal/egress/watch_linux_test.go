package egress

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// message makes a netlink message.
func message(kind uint16, body ...[]byte) []byte {
	b := slices.Concat(body...)
	m := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(b)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, make([]byte, 10)...)
	return append(m, b...)
}

func TestLoggedPackets(t *testing.T) {
	t.Parallel()
	head := []byte{unix.AF_INET, 0, 0, logGroup}
	buf := slices.Concat(
		message(logPacket, head, attribute(1, []byte{8, 0, 3, 0}), attribute(packetPayload, []byte("first"))),
		message(logConfig, head, attribute(packetPayload, []byte("not a packet"))),
		message(logPacket, head, attribute(packetPayload, []byte("second"))),
		message(logPacket, head[:3]),
		message(logPacket, head, attribute(packetPayload, []byte("cut")))[:22],
	)
	var got [][]byte
	for p := range loggedPackets(buf) {
		got = append(got, p)
	}
	if !slices.EqualFunc(got, [][]byte{[]byte("first"), []byte("second")}, bytes.Equal) {
		t.Errorf("%q", got)
	}
}

func FuzzLoggedPackets(f *testing.F) {
	f.Add(message(logPacket, []byte{2, 0, 0, 1}, attribute(packetPayload, []byte("packet"))))
	f.Add(message(logPacket, []byte{2, 0, 0, 1}, attribute(1, nil), []byte{3, 0, 9, 0}))
	f.Fuzz(func(t *testing.T, buf []byte) {
		total := 0
		for p := range loggedPackets(buf) {
			total += len(p)
		}
		if total > len(buf) {
			t.Errorf("%d bytes of packets in %d", total, len(buf))
		}
	})
}

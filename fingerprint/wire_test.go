package fingerprint_test

import (
	"encoding/binary"
	"slices"
)

// vec8, vec16 and vec24 put a length in front of the joined parts.
func vec8(parts ...[]byte) []byte { return vec(1, parts) }

func vec16(parts ...[]byte) []byte { return vec(2, parts) }

func vec24(parts ...[]byte) []byte { return vec(3, parts) }

func vec(size int, parts [][]byte) []byte {
	body := slices.Concat(parts...)
	length := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	return append(length[4-size:], body...)
}

func u16s(values ...uint16) []byte {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// ext is an extension.
func ext(typ uint16, body ...[]byte) []byte { return slices.Concat(u16s(typ), vec16(body...)) }

func serverNameExt(name string) []byte { return ext(0, vec16([]byte{0}, vec16([]byte(name)))) }

func alpnExt(names ...string) []byte {
	var list []byte
	for _, n := range names {
		list = append(list, vec8([]byte(n))...)
	}
	return ext(16, vec16(list))
}

func groupsExt(groups ...uint16) []byte { return ext(10, vec16(u16s(groups...))) }

func pointsExt(formats ...byte) []byte { return ext(11, vec8(formats)) }

func sigAlgsExt(algs ...uint16) []byte { return ext(13, vec16(u16s(algs...))) }

func versionsExt(versions ...uint16) []byte { return ext(43, vec8(u16s(versions...))) }

// clientMessage makes a ClientHello message without its extensions block if that is nil.
func clientMessage(version uint16, ciphers []uint16, extensions [][]byte) []byte {
	body := slices.Concat(u16s(version), make([]byte, 32), vec8(make([]byte, 32)), vec16(u16s(ciphers...)), vec8([]byte{0}))
	if extensions != nil {
		body = append(body, vec16(extensions...)...)
	}
	return slices.Concat([]byte{1}, vec24(body))
}

func serverMessage(version, cipher uint16, extensions [][]byte) []byte {
	body := slices.Concat(u16s(version), make([]byte, 32), vec8(), u16s(cipher), []byte{0})
	if extensions != nil {
		body = append(body, vec16(extensions...)...)
	}
	return slices.Concat([]byte{2}, vec24(body))
}

// records cuts a message into handshake records of at most size bytes.
func records(message []byte, size int) []byte {
	var out []byte
	for part := range slices.Chunk(message, size) {
		out = slices.Concat(out, []byte{22, 3, 1}, vec16(part))
	}
	return out
}

// browserHello is the hello behind the example of JA3 and JA4 that their authors publish
// as tls12.pcap: the lists are theirs, the other contents are of the usual size.
func browserHello() []byte {
	return clientMessage(0x0303,
		[]uint16{4865, 4867, 4866, 49195, 49199, 52393, 52392, 49196, 49200, 49162, 49161, 49171, 49172, 156, 157, 47, 53},
		[][]byte{
			serverNameExt("www.example.org"), ext(23), ext(0xff01, vec8()), groupsExt(29, 23, 24, 25, 256, 257),
			pointsExt(0), ext(35), alpnExt("h2", "http/1.1"), ext(5, []byte{1, 0, 0, 0, 0}),
			ext(34, vec16(u16s(0x0403, 0x0503, 0x0603, 0x0203))),
			ext(51, vec16(u16s(29), vec16(make([]byte, 32)), u16s(23), vec16(make([]byte, 65)))),
			versionsExt(0x0304, 0x0303),
			sigAlgsExt(0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201),
			ext(45, vec8([]byte{1})), ext(28, u16s(16385)), ext(21, make([]byte, 150)),
		})
}

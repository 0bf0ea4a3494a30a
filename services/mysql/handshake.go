package mysql

import "encoding/binary"

// Capability flags of the protocol.
const (
	capLongPassword    = 1 << 0
	capConnectWithDB   = 1 << 3
	capProtocol41      = 1 << 9
	capSSL             = 1 << 11
	capSecure          = 1 << 15
	capMultiStatements = 1 << 16
	capPluginAuth      = 1 << 19
	capConnectAttrs    = 1 << 20
	capLenencAuth      = 1 << 21
	capDeprecateEOF    = 1 << 24
	capQueryAttrs      = 1 << 27
	// Capabilities of MariaDB.
	extraMetadata = 1 << 3 // column definitions have a type more
	extraCache    = 1 << 4 // the count of columns says that definitions follow

	statusAutocommit = 0x0002
)

// The authentication plugins.
const (
	pluginNative = "mysql_native_password"
	pluginSHA2   = "caching_sha2_password"
	pluginClear  = "mysql_clear_password"
)

// greeting is the first packet: protocol 10.
func (f *flavor) greeting(version string, id uint32, scramble []byte, plugin string) []byte {
	b := append([]byte{10}, f.prefix...)
	b = append(b, version...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = append(b, scramble[:8]...)
	b = append(b, 0, byte(f.caps), byte(f.caps>>8), f.charset)
	b = append(b, statusAutocommit, 0, byte(f.caps>>16), byte(f.caps>>24), 21)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, f.extra)
	b = append(b, scramble[8:]...)
	b = append(b, 0)
	b = append(b, plugin...)
	return append(b, 0)
}

// response is what a client says about itself.
type response struct {
	caps      uint32
	maxPacket uint32
	charset   byte
	user      string
	auth      []byte
	database  string
	plugin    string
	attrs     []attr
	extra     uint32 // MariaDB's own capabilities
}

type attr struct{ name, value string }

// wantsTLS reports whether a payload is an SSLRequest: the beginning of a response.
func wantsTLS(b []byte) bool {
	return len(b) == 32 && binary.LittleEndian.Uint32(b)&(capSSL|capProtocol41) == capSSL|capProtocol41
}

// parseResponse takes a HandshakeResponse apart. It reports false for a bad handshake,
// with what was understood.
func parseResponse(b []byte) (response, bool) {
	var res response
	r := reader{b: b}
	if len(b) < 2 {
		return res, false
	}
	if binary.LittleEndian.Uint16(b)&capProtocol41 == 0 {
		return parseResponse320(b)
	}
	res.caps = uint32(r.uint(4))
	res.maxPacket = uint32(r.uint(4))
	res.charset = byte(r.uint(1))
	r.bytes(19)
	if extra := uint32(r.uint(4)); res.caps&capLongPassword == 0 {
		res.extra = extra // clients of MariaDB leave this flag out to say that they mean it
	}
	if r.broken {
		return res, false
	}
	res.user = r.text()
	switch {
	case res.caps&capLenencAuth != 0:
		res.auth = r.lenencBytes()
	case res.caps&capSecure != 0:
		res.auth = r.bytes(int(r.uint(1)))
	default:
		res.auth = []byte(r.text())
	}
	if res.caps&capConnectWithDB != 0 {
		res.database = r.text()
	}
	if res.caps&capPluginAuth != 0 {
		res.plugin = r.text()
	}
	if r.broken {
		return res, false
	}
	if res.caps&capConnectAttrs != 0 {
		all := reader{b: r.lenencBytes()}
		for len(all.b) > 0 && len(res.attrs) < 64 {
			name, value := all.lenencBytes(), all.lenencBytes()
			if all.broken {
				break
			}
			res.attrs = append(res.attrs, attr{string(name), string(value)})
		}
	}
	return res, true
}

// parseResponse320 is the form from before MySQL 4.1.
func parseResponse320(b []byte) (response, bool) {
	r := reader{b: b}
	res := response{caps: uint32(r.uint(2)), maxPacket: uint32(r.uint(3))}
	if r.broken {
		return res, false
	}
	res.user = r.text()
	res.auth = []byte(r.text())
	if res.caps&capConnectWithDB != 0 {
		res.database = r.text()
	}
	return res, true
}

// authSwitch asks the client to answer again by another plugin.
func authSwitch(plugin string, scramble []byte) []byte {
	b := append([]byte{0xfe}, plugin...)
	b = append(b, 0)
	b = append(b, scramble...)
	return append(b, 0)
}

// Package look gives the packets of a network namespace what kernel parameters cannot: the
// order of TCP options, the first window and the identifiers of IP packets that the
// systems of an OS family send. Scanners tell systems apart by these.
//
//	err := look.Wear("windows") // on a thread in the namespace, as root
//
// It changes packets on their way out, with nftables. None becomes longer or shorter, and
// no value is larger than what the kernel would take back: connections work as before.
package look

// look is what an OS family differs in from the Linux kernel that is below.
type look struct {
	window uint16 // that a connection begins with; 0: as the kernel has it
	mss    uint16 // that a connection begins with; 0: as the kernel has it
	order  order
	scale  byte // of windows, where the order is not that of Linux
	id     identifiers
	noDF   bool // routers may break packets in pieces
	plain  bool // resets have any acknowledgement number, and echo replies the code 0
}

// order is that of the TCP options in the answer to a SYN.
type order uint8

const (
	orderLinux   order = iota // MSS, SACK, timestamps, scale
	orderWindows              // MSS, scale, SACK, timestamps
	orderBSD                  // the same, with another padding
)

// identifiers is how those of IP packets are made.
type identifiers uint8

const (
	idLinux  identifiers = iota // 0 where packets are not to be broken in pieces
	idCount                     // one after the other
	idRandom                    // any
)

// looks is keyed by OS family. One that is missing looks as the kernel does.
var looks = map[string]look{
	"windows":        {window: 65535, order: orderWindows, scale: 8, id: idCount, plain: true},
	"windows_server": {window: 65535, order: orderWindows, scale: 8, id: idCount, plain: true},
	"bsd":            {window: 65535, order: orderBSD, scale: 6, id: idCount},
	"embedded":       {window: 8192, id: idCount, noDF: true},
	"cisco":          {window: 4128, mss: 536, id: idRandom, noDF: true},
}

// ReceiveMemory returns the value of net.ipv4.tcp_rmem for an OS family. The kernel makes the
// scale of windows of the last number: 7, as Linux has had it for long, or at least what the
// family has.
func ReceiveMemory(family string) string {
	if looks[family].scale > 7 {
		return "4096 131072 8388608"
	}
	return "4096 131072 6291456"
}

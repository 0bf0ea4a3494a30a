// Package pot is what runs in the containers of a decky: one that holds its network, locked
// against reaching out, and one for each honeypot. A program is
//
//	func main() {
//		registry, err := all.Registry()
//		if err != nil {
//			panic(err)
//		}
//		os.Exit(pot.Main(registry, "1.0"))
//	}
//
// so that cmd/decnet-pot is little more than that, and one with honeypots of your own is too.
// The containers, the commands and their one environment variable are those of
// fleet.Persona and package fleet/compose.
//
// # The lock comes first
//
// The holder locks the network namespace of the decky before it does anything else, and
// fails when it cannot. Then it gives the packets of the decky the look of its OS family,
// which no kernel parameter can. A honeypot begins only when it sees that the lock is in force: the
// holder has a socket with an abstract name (unix(7)) in the namespace, which all containers
// of the decky share. Without the lock within a minute the honeypot fails, and its
// container is started again.
//
// The connection stays open. When the holder ends, its honeypots end too, five seconds
// later: the engine has taken the addresses away, and gives them to the namespace of the
// holder that it starts next, where honeypots must be started as well. The old namespace
// stays locked until the last process in it has ended.
//
// # Events
//
// Events are lines on standard output (see package rfc5424), logs are lines of the same kind
// on standard error. A honeypot never waits for its output: what a reader who is stuck has
// not taken is kept up to 4 MiB, what comes then is dropped, counted, and told by an event
// events_dropped. After SIGTERM a program ends within two seconds, and what has not been
// taken by then is lost; the count of dropped events is in the last line of the log.
//
// # Images
//
// [NewImage] makes the image of the containers of an executable: it needs no other file.
package pot

//go:build !linux

package services

import "net"

// Other kernels do not keep the first packet of a connection.
func saveSYN(net.Listener) {}

func savedSYN(net.Conn) []byte { return nil }

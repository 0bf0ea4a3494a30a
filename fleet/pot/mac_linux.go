package pot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// wearMAC gives the interface that has the address of p the hardware address of p, which not
// every way to make a container gives it.
func wearMAC(p fleet.Persona) error {
	if p.MAC == "" {
		return nil
	}
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return fmt.Errorf("%w: %w", err, decnet.ErrInvalid)
	}
	link, err := linkOf(p.Addr)
	if err != nil || bytes.Equal(link.HardwareAddr, mac) {
		return err
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	attribute, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.IFLA_ADDRESS, Data: mac}})
	if err != nil {
		return err
	}
	head := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(head[4:], uint32(link.Index))
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_NEWLINK, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(head, attribute...),
	})
	return err
}

// linkOf returns the interface that has an address.
func linkOf(addr netip.Addr) (net.Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, err
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			return net.Interface{}, err
		}
		if slices.ContainsFunc(addrs, func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Addr().Unmap() == addr
		}) {
			return l, nil
		}
	}
	return net.Interface{}, fmt.Errorf("no interface has the address %s: %w", addr, decnet.ErrNotFound)
}

//go:build !linux

package docker

import "github.com/decnet/decnet"

// hostLink is nothing: only Linux has interfaces that containers can be on.
type hostLink struct{}

func newHostLink(string, decnet.Fleet) (*hostLink, error) { return nil, nil }

func (*hostLink) stands() (yes bool, name string, err error) { return true, "", nil }

func (*hostLink) make() error { return nil }

func removeHostLinks(string) error { return nil }

func hostLinkNames(string) ([]string, error) { return nil, nil }

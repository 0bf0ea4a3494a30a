//go:build !linux

package main

// Other systems have no LAN runtime, and nothing to drop.
func dropPrivileges() error { return nil }

func checkOwner(string) error { return nil }

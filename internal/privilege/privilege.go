// Package privilege gives up what a process has been given and no longer needs.
//
//	err := privilege.Keep(unix.CAP_NET_ADMIN)
package privilege

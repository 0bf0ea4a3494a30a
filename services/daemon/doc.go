// Package daemon runs a real daemon as a honeypot: OpenSSH's sshd, or telnetd with login(1),
// in a container of its own.
//
//	func (Service) Container(cfg services.Config) (services.Container, error) {
//		return daemon.Container("ssh", cfg)
//	}
//
// Container describes the container, and New is what runs in it, in the process that
// cmd/decnet-init is: the first one of the container, which looks like the systemd of any
// machine. It accepts the connections itself, as a service manager does with activation by
// sockets, and gives each to a daemon of its own. So it knows the address behind every
// process, and there is no listener that an intruder could kill.
//
// What it learns, and from where:
//
//   - log-ins with passwords from PAM, whose stack runs the same executable once more. For a
//     name that is not known here sshd would give PAM a password that it makes up; so the
//     process answers for the name service cache, and sshd finds every name;
//   - log-ins with keys, hellos, terminals, tunnels and transferred files from the log
//     of the daemon, which the process receives as the machine's log service;
//   - commands from a hook of bash, which runs the executable for each and waits for it.
//     What other shells run is seen from the host, by collector/capture.
//
// Whoever tells something is known from the kernel. Its ancestors, or the log-in that the
// kernel says it is of, lead to the daemon of a connection, so that root in the container
// cannot report an address that is not connected, or a command in the name of another
// connection. Neither can it write to the standard output of the first process, which is what the
// container's log has: the process is not dumpable, and /proc shows nothing of it.
//
// The root of the container is read-only. What a machine changes is in memory, filled at
// each start from the image, within the limits of [Container]; it is gone with a restart.
package daemon

// Package capture keeps the files that intruders leave in containers: it watches from the
// host, where root in a container neither sees it nor gets at what it has kept.
//
//	files, err := quarantine.New("/var/lib/decnet/artifacts", quarantine.Options{})
//	watch := capture.New(containers, files, coll, capture.Options{})
//	err = watch.Run(ctx) // beside coll.Run(ctx), as root
//
// The caller says which containers there are, by [Containers]: with an engine, those that
// the fleet's labels mark, each with the process that the engine calls its first. coll is the
// collector.Collector, a decnet.Sink: what Run finds joins the lines of the containers
// there. The kernel hands over every file that was written in a container, open, so that one
// which is removed at once is kept all the same (fanotify(7), Linux 5.1 and later).
//
// Each file gives an event of its decky and service: file_captured with stored_as, sha256,
// size, orig_path, src_ip, src_port, ssh_user, ssh_pid, attribution, writer_pid, writer_comm,
// writer_uid, mtime and meta_json_b64, those that are not known left out; or file_skipped with
// size, orig_path and reason (oversize, quota, overflow, error). Process IDs are those of the
// host. In meta_json_b64, ss_snapshot lists who is connected: src_ip, src_port and, from about
// half a second after the log-in on, the pid that serves them. attribution says how src_ip was found:
//
//	pid-chain     an ancestor of the writer is the daemon of one connection
//	ss-only       the container has one connection, or had when it last had any, seconds ago
//	ss-ambiguous  it has several, or had, and the first is given
//	utmp-only     it has none, and utmp names who has logged in
//	unknown       nobody was found
//
// Of the container of a real daemon, ssh or telnet, each program that is started inside gives
// an event as well. The kernel lets it start when the event has been answered, so who starts
// it is known for certain, and so are its arguments, which are read from the memory of the
// one who asks; nothing of this can be seen or forged inside. The event is exec, with command
// (the arguments as a shell would be given them), argv (a JSON list), exe, by (the program that
// started it), pwd, uid, pid, src_ip, src_port, ssh_user, ssh_pid and attribution. It is
// command, with shell, where a shell that does not report what it is given started it (sh,
// zsh, busybox, bash without its start-up file, …), and where sshd has such a shell run one
// line. exec_skipped, with count and reason (overflow), tells of starts beyond
// [Options].Programs. What runs without a file of the container (memfd_create(2)) is not
// seen, and neither is what a shell does by itself, such as cd and echo.
package capture

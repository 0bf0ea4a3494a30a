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
// host. attribution says how src_ip was found:
//
//	pid-chain     an ancestor of the writer is the daemon of one connection
//	ss-only       the container has one connection, or had when it last had any, seconds ago
//	ss-ambiguous  it has several, or had, and the first is given
//	utmp-only     it has none, and utmp names who has logged in
//	unknown       nobody was found
package capture

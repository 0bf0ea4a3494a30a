// Package dockerlogs collects what the containers of a fleet print: each line once, whatever
// is restarted meanwhile.
//
//	c, err := collector.New("decnet.log", collector.Options{})
//	err = c.Run(ctx, dockerlogs.New(dockerlogs.Options{Fleet: "lab"}))
//
// # Which containers
//
// Those that have the label fleet.LabelFleet, whoever created them and whenever they start.
// While the engine does not answer, the logs of those that are known are read on.
//
// # How lines are not lost and not repeated
//
// The logs are read from the files of the engine's json-file driver, and not from its log
// endpoint: a file and an offset say exactly what was read, while the endpoint knows times
// only, which several lines may share and which go backwards with the clock, and following
// it passes over lines when the log is rotated meanwhile. Files are held open from the
// moment they appear, so that what the engine rotates away can still be read. The position
// in the log of a container is kept in one step with its lines (see collector.Spool). The
// process must therefore run on the engine's machine and be allowed to read its files.
//
// What nobody can read any more is told by an event log_gap of the service collector, with
// the fields service, container, reason, and since and until, the times of the lines before
// and after it. It says that lines may be missing, not that they are: a log that was
// rotated away up to the very end of what was read looks the same. A container whose log
// driver is another one gets such an event too.
//
// # What containers cannot do
//
// Who a container is follows from its labels. A line that says otherwise is put right: its
// decky and service become those of the container, a time that is off by more than five
// minutes becomes that of the engine, and what was claimed is kept in the fields
// claimed_decky, claimed_service and claimed_time. Prose of the daemons of ssh and telnet
// is translated by package native; that of other programs becomes an event log. What is
// no event becomes unparsed_line with the fields line (its first 4 KiB) and size.
//
// Lines are put together up to Options.MaxLine and cut beyond; what is unfinished may take
// Options.Memory in all. The engine itself replaces bytes that are not UTF-8. Standard error
// is no source of events: it goes to Options.Log, a line perhaps twice after a restart.
//
// # Cost
//
// Three goroutines, one connection to the engine and one file watch serve all containers; each
// costs an open file, more while its log is rotated.
package dockerlogs

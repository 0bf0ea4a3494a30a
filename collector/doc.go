// Package collector brings the events of all deckies into one place: it takes them from
// honeypots in this process and from lines of others, suppresses floods of connection
// events, and writes the spool, from which package collector/ingest fills the store.
//
//	c, err := collector.New("decnet.log", collector.Options{})
//	env := services.Env{Decky: "decky-01", Sink: c}
//	err = c.Run(ctx, collector.Reader(os.Stdin))
//
// # The spool
//
// The spool is two files: the raw RFC 5424 lines in <base>.log, which is the forensic
// record and gets every line, and the JSON records of those that are well formed and not
// suppressed in <base>.json (see rfc5424.AppendJSON). One process at a time writes a
// spool, which a lock on <base>.lock makes sure of.
//
// A file that has reached its size is renamed to <file>.<eight digits>, counting up.
// The ingester renames a rotated .json to <file>.<eight digits>.done when all of it is
// in the store. Only done files are removed in the ordinary course of things. When
// nobody ingests, the oldest unread file is given up at the limit of
// Options.KeepUnread, and an event records_discarded with the fields file and bytes says so.
// Rotation and truncation by other programs are noticed too.
//
// # Sources that come back
//
// A [Source] hands over its position with its lines, and both are kept in one step: before
// the spool is written, an entry in one of two files <base>.journal0 and <base>.journal1 says
// what will be appended where, and the next process carries out what is missing of it.
// Positions that a source has not told for a while are in <base>.positions, which is written
// after the spool has been brought to the disk.
//
// # When the disk is full
//
// Events then wait in memory, up to Options.Memory; sources of lines are not read any
// further; and what honeypots emit beyond that is dropped and counted, and reported as an
// event events_dropped with the field count at most once a second. [Collector.Status] says why.
package collector

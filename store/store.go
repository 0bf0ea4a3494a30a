// Package store says what DECNET keeps and how it is asked for: the [Repository] and the
// small roles that it is made of. Consumers ask for the role that they use; store/sqlite
// implements them all, and store/storetest proves that an implementation is right.
//
//	db, err := sqlite.Open(ctx, "decnet.db", sqlite.Config{})
//	rows, err := db.Records(ctx, store.Filter{Search: "service:ssh event:auth_attempt", Limit: 50})
//
// Every method is safe for concurrent use and honours its context: when the context ends,
// no transaction is left open. Times are stored in UTC with microseconds, and text as the
// bytes that it is: NUL and invalid UTF-8 come back as they were. Addresses are kept in their
// canonical form, IPv4-mapped IPv6 addresses as IPv4. A negative limit or offset, or a search
// of more than [MaxSearch] bytes, gives [decnet.ErrInvalid].
package store

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
)

// Record is an event as it is stored, with the line that it came from.
type Record struct {
	ID int64 // assigned by the store, ascending in the order of ingestion
	decnet.Event
	Raw string // the RFC 5424 line
}

// Batch is what one flush of the ingester writes, all or nothing.
type Batch struct {
	Records  []Record
	Bounties []decnet.Bounty
	Rejected []Rejected
	Cursor   Cursor // where the reader of this source stands after the batch
}

// Rejected is a line that could not be understood. It is set aside, so that it neither
// stops what follows nor is lost.
type Rejected struct {
	Source string
	Offset int64
	Line   []byte // the store keeps at most 64 KiB of it
	Reason string
}

// Cursor is a reader's position in a source of lines.
type Cursor struct {
	Source     string // names the source, for example the path of the spool
	Generation string // identifies the file behind the source, which rotation changes
	Offset     int64  // bytes of the generation that have been ingested
}

// Filter selects records. The zero value selects all of them.
type Filter struct {
	Start, End time.Time // inclusive; zero: open
	// Search holds tokens that must all match, separated by spaces and quoted as in a
	// shell where they contain some; when a quote is not closed, quotes mean nothing.
	// decky:x, service:x, event:x and attacker:x (or attacker_ip:x) match that column
	// exactly, and attacker: alone those without an address; key:x matches any field with
	// that key exactly, when key is [A-Za-z_][A-Za-z0-9_]*. Any other token, an IPv6
	// address, a URL or a time among them, matches a part of the raw line, the decky, the
	// service or the attacker's address, ASCII letters in either case. [ParseSearch]
	// reads this language and [Filter.Matcher] applies it without a store.
	Search string
	// AfterID, unless 0, selects the records with a greater ID, in ascending order of
	// ID; -1 starts at the first.
	AfterID int64
	// Before, unless zero, goes on with the records that follow this place in the list of
	// the newest first: the Mark of the last record of a page gives the next one, at the
	// same cost however deep it is and whatever comes in meanwhile. It cannot be combined
	// with AfterID, which does the same for the other order.
	Before Mark
	Limit  int // 0: 50
	Offset int // of what Before leaves
	// Bytes, unless 0, ends a page of Records early: with the record with which their raw
	// lines have as many bytes together.
	Bytes int
	// Most, unless 0, is where CountRecords stops when it has to look at the records one by
	// one. What a store keeps figures of it may tell to the end.
	Most int
}

// Mark is a place in a list of what is newest first: that of an entry with this time and ID.
type Mark struct {
	Time time.Time
	ID   int64
}

// Mark returns the place of r in the list of the newest first.
func (r *Record) Mark() Mark { return Mark{r.Time, r.ID} }

// BountyMark returns the place of b in the list of bounties.
func BountyMark(b decnet.Bounty) Mark { return Mark{b.LastSeen, b.ID} }

// Bucket is one bar of a histogram.
type Bucket struct {
	Time  time.Time // start
	Count int
}

// Records is the role of keeping events.
type Records interface {
	// Ingest writes b in one transaction. It returns the ID of the last record written,
	// 0 when b has none. What can never be stored, such as a bounty whose payload is not
	// JSON, gives decnet.ErrInvalid; after any other error it is worth trying again. A
	// cursor without Source is not written.
	Ingest(ctx context.Context, b Batch) (int64, error)
	// Cursor returns the position saved for source; decnet.ErrNotFound when there is none.
	Cursor(ctx context.Context, source string) (Cursor, error)
	// Records returns the newest first (by time, then ID), or with AfterID in ascending
	// order of ID. With AfterID and Before it gives decnet.ErrInvalid.
	Records(ctx context.Context, f Filter) ([]Record, error)
	// CountRecords ignores Before, Limit and Offset, and so does Histogram. The stores of
	// this module tell it from kept figures for all records, those of one decky, one service
	// or one event, and those of one event of one service.
	CountRecords(ctx context.Context, f Filter) (int, error)
	// MaxRecordID returns the ID of the record ingested last, even if it was purged since;
	// 0 when there never was one. IDs are not used again.
	MaxRecordID(ctx context.Context) (int64, error)
	// Histogram counts the records that f selects by steps of at least a second, which
	// are multiples of step since the Unix epoch, in ascending order. Empty buckets are
	// left out. A shorter step gives decnet.ErrInvalid.
	Histogram(ctx context.Context, f Filter, step time.Duration) ([]Bucket, error)
	// Rejected returns the lines set aside, newest first; limit 0 means 50.
	Rejected(ctx context.Context, limit int) ([]Rejected, error)
}

// BountyFilter selects bounties. The zero value selects all of them.
type BountyFilter struct {
	Type     string     // exact
	Attacker netip.Addr // exact
	Search   string     // part of decky, service, attacker or payload
	Before   Mark       // goes on after this place, which BountyMark gives; zero: at the first
	Limit    int        // 0: 50
	Offset   int        // of what Before leaves
	Bytes    int        // unless 0: a page ends with the bounty with which the payloads have as many bytes together
}

// Bounties is the role of keeping what was extracted from events. Bounties are written
// by Records.Ingest, which tells them apart by the SHA-256 of the payload without white space
// and with sorted keys; the payload first seen is the one that is kept.
type Bounties interface {
	// Bounties returns those seen last first; ties are broken by ID, the greatest first.
	Bounties(ctx context.Context, f BountyFilter) ([]decnet.Bounty, error)
	// CountBounties ignores Before, Limit and Offset.
	CountBounties(ctx context.Context, f BountyFilter) (int, error)
}

// AttackerSort orders a list of attackers.
type AttackerSort string

// The orders of attackers; ties are broken by the time last seen, then by the text of the
// address. Any other order gives decnet.ErrInvalid; "" is SortRecent.
const (
	SortRecent     AttackerSort = "recent"     // last seen first
	SortActive     AttackerSort = "active"     // most events first
	SortTraversals AttackerSort = "traversals" // those who touched most deckies first
)

// AttackerFilter selects attackers. The zero value selects all, last seen first.
type AttackerFilter struct {
	Search  string // part of the address
	Service string // exact name of a service that was touched
	Sort    AttackerSort
	After   AttackerMark // goes on after this place, which Sort.Mark gives; zero: at the first
	Limit   int          // 0: 50
	Offset  int          // of what After leaves
}

// AttackerMark is a place in a list of attackers.
type AttackerMark struct {
	Rank     int // what is sorted by before the time last seen; 0 with SortRecent
	LastSeen time.Time
	Addr     netip.Addr
}

// Mark returns the place of a in the list that s orders. It moves when the attacker comes back,
// always to the front.
func (s AttackerSort) Mark(a decnet.Attacker) AttackerMark {
	m := AttackerMark{LastSeen: a.LastSeen, Addr: a.Addr}
	switch s {
	case SortActive:
		m.Rank = a.Events
	case SortTraversals:
		m.Rank = len(a.Deckies)
	}
	return m
}

// CommandFilter selects the commands of one attacker, newest first.
type CommandFilter struct {
	Service string
	Limit   int // 0: 50
	Offset  int
}

// Profile is an attacker's aggregates together with what the profiler needs to fold
// further records into them.
type Profile struct {
	// Attacker.Commands and Fingerprints hold only what is new since the last fold.
	// Bounties and Credentials are the store's own and ignored when folding.
	decnet.Attacker
	State json.RawMessage // the profiler's own, opaque to the store
}

// Attackers is the role of keeping one profile per source address.
type Attackers interface {
	// Attackers returns profiles without their commands and fingerprints. Bounties and
	// Credentials are those of the address at this moment.
	Attackers(ctx context.Context, f AttackerFilter) ([]decnet.Attacker, error)
	// CountAttackers ignores After, Limit and Offset.
	CountAttackers(ctx context.Context, f AttackerFilter) (int, error)
	// Attacker returns one profile with its fingerprints, of each kind the 32 that were new
	// last, in the order in which they were, and without its commands;
	// decnet.ErrNotFound when there is none.
	Attacker(ctx context.Context, uuid string) (decnet.Attacker, error)
	// Commands returns one page of an attacker's commands and their total number;
	// decnet.ErrNotFound when there is no such attacker.
	Commands(ctx context.Context, uuid string, f CommandFilter) ([]decnet.Command, int, error)
	// ArtifactRecords returns the file_captured records of an attacker, newest first, at
	// most 200; decnet.ErrNotFound when there is no such attacker.
	ArtifactRecords(ctx context.Context, uuid string) ([]Record, error)
	// Profiles returns what FoldProfiles last wrote for those of addrs that are known.
	Profiles(ctx context.Context, addrs []netip.Addr) (map[netip.Addr]Profile, error)
	// FoldProfiles writes profiles and the ID of the last record folded into any
	// profile, in one transaction. A new profile gets its UUID, of version 4, here; a
	// known one keeps it. Commands are added, and fingerprints once for each kind and
	// value. It gives decnet.ErrConflict, and writes nothing, unless the stored ID is
	// from; decnet.ErrInvalid when through is less or a profile has no address.
	FoldProfiles(ctx context.Context, profiles []Profile, from, through int64) error
	// ProfiledThrough returns the ID of the last record that was folded, 0 at first.
	ProfiledThrough(ctx context.Context) (int64, error)
}

// The roles of users.
const (
	RoleAdmin  = "admin"
	RoleViewer = "viewer"
)

// User is an account of the API.
type User struct {
	UUID               string
	Username           string
	PasswordHash       string
	Role               string // RoleAdmin or RoleViewer
	MustChangePassword bool
}

// Users is the role of keeping accounts and revoked tokens.
type Users interface {
	// CreateUser assigns and returns the UUID; Role "" is RoleViewer. decnet.ErrConflict
	// when the name is taken, ErrInvalid when it is empty, ErrSemantic for another role.
	CreateUser(ctx context.Context, u User) (User, error)
	// User and UserByName give decnet.ErrNotFound when there is none.
	User(ctx context.Context, uuid string) (User, error)
	UserByName(ctx context.Context, name string) (User, error)
	// Users returns all, sorted by name.
	Users(ctx context.Context) ([]User, error)
	// SetPassword gives decnet.ErrNotFound when there is no such user.
	SetPassword(ctx context.Context, uuid, hash string, mustChange bool) error
	// SetRole gives decnet.ErrNotFound when there is no such user, ErrSemantic for a role
	// that does not exist.
	SetRole(ctx context.Context, uuid, role string) error
	// DeleteUser gives decnet.ErrNotFound when there is no such user.
	DeleteUser(ctx context.Context, uuid string) error
	// RevokeToken voids one token; the store may forget it after expires.
	RevokeToken(ctx context.Context, id string, expires time.Time) error
	TokenRevoked(ctx context.Context, id string) (bool, error)
}

// State is the role of keeping small JSON documents, such as the fleet.
type State interface {
	// State gives decnet.ErrNotFound when key was never set.
	State(ctx context.Context, key string) (json.RawMessage, error)
	// SetState gives decnet.ErrInvalid when value is not JSON.
	SetState(ctx context.Context, key string, value json.RawMessage) error
	// SwapState is SetState for those who share a document: it gives decnet.ErrConflict,
	// and writes nothing, unless the document is old, byte for byte; nil: it was never set.
	SwapState(ctx context.Context, key string, old, value json.RawMessage) error
}

// FleetKey is the State key of the fleet document (decnet.Fleet as JSON, to which package
// fleet/deployment adds): the one deployment state, which all parts of the system read.
const FleetKey = "fleet"

// Totals are the figures that overviews show. They are kept, not counted.
type Totals struct {
	Records   int
	Attackers int // distinct known addresses, without those that only sensors reported
	Bounties  int
}

// Stats is the role of answering overviews.
type Stats interface {
	Totals(ctx context.Context) (Totals, error)
}

// Purged says how much was deleted.
type Purged struct{ Records, Bounties, Attackers int }

// Retention is the role of giving up what is old, so that a store does not grow for ever.
// Both ways of deleting go forward in time, in transactions so small that ingest goes on
// between them, and delete more than ingest adds meanwhile. When one fails or the context
// ends, what was deleted stays deleted, the figures that are kept agree with what is left,
// and Purged counts it beside the error.
// Users, state, cursors and record IDs stay.
type Retention interface {
	// Purge deletes what is older than before: records, commands and rejected lines by
	// their own time, bounties, and attackers with all that belongs to them, by the time
	// they were last seen. An attacker who comes back is a new one.
	Purge(ctx context.Context, before time.Time) (Purged, error)
	// PurgeOldest deletes the n oldest records, and of the rest what Purge deletes for the
	// time of the last of these. It gives decnet.ErrInvalid when n is negative.
	PurgeOldest(ctx context.Context, n int) (Purged, error)
	// Size returns how many bytes of storage are in use. What was deleted may count until
	// the database has cleaned up behind it.
	Size(ctx context.Context) (int64, error)
}

// Repository is a whole store.
type Repository interface {
	Records
	Bounties
	Attackers
	Users
	State
	Stats
	Retention
	// Ping says whether the store can be reached.
	Ping(ctx context.Context) error
	// Close waits for running operations and releases everything. Afterwards every
	// method but Close gives an error.
	Close() error
}

// Migration is one step of the schema of a database.
type Migration struct {
	Version int64
	Name    string
	Applied time.Time // zero: pending
}

// Schema is where the schema of a database stands.
type Schema struct {
	Version    int64 // the last migration applied; 0: none
	Latest     int64 // the last one that this version of the program knows
	Migrations []Migration
}

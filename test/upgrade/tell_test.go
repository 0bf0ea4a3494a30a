package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// What the databases hold beside records and all that comes of them.
var (
	stateKeys = []string{store.FleetKey, "config_limits", "config_globals", "x\x00\xff"}
	sources   = []string{"spool", "spool\xff"}
	tokens    = []string{"token-1", "token\x00\xff", "never"}
)

// tell writes everything that a store says through its roles, a line for each thing.
func tell(ctx context.Context, db store.Repository, w io.Writer) error {
	totals, err := db.Totals(ctx)
	if err != nil {
		return err
	}
	last, err := db.MaxRecordID(ctx)
	if err != nil {
		return err
	}
	through, err := db.ProfiledThrough(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "totals %d %d %d, last record %d, profiled through %d\n", totals.Records, totals.Attackers, totals.Bounties, last, through)
	steps := []func(context.Context, store.Repository, io.Writer) error{tellRecords, tellLists, tellAttackers, tellAccounts}
	for _, step := range steps {
		if err := step(ctx, db, w); err != nil {
			return err
		}
	}
	return nil
}

func at(t time.Time) int64 { return t.UnixMicro() }

func tellRecord(w io.Writer, r *store.Record) {
	fmt.Fprintf(w, "record %d %d %q %q %q %q %d %q %q %q %q\n", r.ID, at(r.Time), r.Decky, r.Service, r.Type, store.AddrText(r.Attacker), r.Severity,
		r.Msg, r.Trace.TraceID, r.Trace.SpanID, r.Raw)
	for _, f := range r.Fields {
		fmt.Fprintf(w, "  %q %q\n", f.Key, f.Value)
	}
}

func tellRecords(ctx context.Context, db store.Repository, w io.Writer) error {
	for after := int64(-1); ; {
		page, err := db.Records(ctx, store.Filter{AfterID: after, Limit: 100})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			tellRecord(w, &page[i])
		}
		after = page[len(page)-1].ID
	}
	for _, search := range []string{"", "service:ssh", "event:file_captured", "attacker:", "decky:decky-02 password:p7", "héllo", "2001:db8::7"} {
		n, err := db.CountRecords(ctx, store.Filter{Search: search})
		if err != nil {
			return err
		}
		bars, err := db.Histogram(ctx, store.Filter{Search: search}, time.Hour)
		if err != nil {
			return err
		}
		newest, err := db.Records(ctx, store.Filter{Search: search, Limit: 3})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "search %q %d\n", search, n)
		for _, b := range bars {
			fmt.Fprintf(w, "  bar %d %d\n", at(b.Time), b.Count)
		}
		for _, r := range newest {
			fmt.Fprintf(w, "  newest %d\n", r.ID)
		}
	}
	return nil
}

func tellLists(ctx context.Context, db store.Repository, w io.Writer) error {
	bounties, err := db.Bounties(ctx, store.BountyFilter{Limit: 1000})
	if err != nil {
		return err
	}
	for _, b := range bounties {
		fmt.Fprintf(w, "bounty %d %d %d %d %q %q %q %q %s\n", b.ID, at(b.Time), at(b.LastSeen), b.Count, b.Decky, b.Service, store.AddrText(b.Attacker), b.Type, b.Payload)
	}
	credentials, err := db.CountBounties(ctx, store.BountyFilter{Type: "credential"})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "credentials %d\n", credentials)
	rejected, err := db.Rejected(ctx, 1000)
	if err != nil {
		return err
	}
	for _, r := range rejected {
		fmt.Fprintf(w, "rejected %q %d %q %q\n", r.Source, r.Offset, r.Line, r.Reason)
	}
	for _, source := range append(sources, "never") {
		c, err := db.Cursor(ctx, source)
		if err != nil && !errors.Is(err, decnet.ErrNotFound) {
			return err
		}
		fmt.Fprintf(w, "cursor %q %q %d, unknown %v\n", source, c.Generation, c.Offset, err != nil)
	}
	return nil
}

func tellAttackers(ctx context.Context, db store.Repository, w io.Writer) error {
	for _, order := range []store.AttackerSort{store.SortRecent, store.SortActive, store.SortTraversals} {
		list, err := db.Attackers(ctx, store.AttackerFilter{Sort: order, Limit: 1000})
		if err != nil {
			return err
		}
		for _, a := range list {
			fmt.Fprintf(w, "%s %s\n", order, a.Addr)
		}
	}
	list, err := db.Attackers(ctx, store.AttackerFilter{Limit: 1000})
	if err != nil {
		return err
	}
	for _, short := range list {
		a, err := db.Attacker(ctx, short.UUID)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "attacker %s %s %d %d %d %q %q %q %d %d %d\n", a.UUID, a.Addr, at(a.FirstSeen), at(a.LastSeen), a.Events, a.Services, a.Deckies,
			a.Traversal, a.Bounties, a.Credentials, at(a.UpdatedAt))
		if b := a.Behavior; b != nil {
			fmt.Fprintf(w, "  behavior %q %d %d %q %d %g %q %s %s %s\n", b.OSGuess, b.HopDistance, b.Retransmits, b.Class, b.BeaconInterval, b.BeaconJitterPct,
				b.ToolGuesses, b.TCP, b.Timing, b.Phases)
		}
		for _, f := range a.Fingerprints {
			fmt.Fprintf(w, "  fingerprint %q %q %q\n", f.Kind, f.Value, f.Raw)
		}
		commands, total, err := db.Commands(ctx, a.UUID, store.CommandFilter{Limit: 1000})
		if err != nil {
			return err
		}
		for _, c := range commands {
			fmt.Fprintf(w, "  command %d %q %q %q, of %d\n", at(c.Time), c.Decky, c.Service, c.Text, total)
		}
		artifacts, err := db.ArtifactRecords(ctx, a.UUID)
		if err != nil {
			return err
		}
		for _, r := range artifacts {
			fmt.Fprintf(w, "  artifact %d\n", r.ID)
		}
		profiles, err := db.Profiles(ctx, []netip.Addr{a.Addr})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  state %s\n", profiles[a.Addr].State)
	}
	return nil
}

func tellAccounts(ctx context.Context, db store.Repository, w io.Writer) error {
	users, err := db.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		fmt.Fprintf(w, "user %s %q %q %q %v\n", u.UUID, u.Username, u.PasswordHash, u.Role, u.MustChangePassword)
	}
	for _, id := range tokens {
		revoked, err := db.TokenRevoked(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "token %q revoked %v\n", id, revoked)
	}
	for _, key := range slices.Concat(stateKeys, []string{"never"}) {
		value, err := db.State(ctx, key)
		if err != nil && !errors.Is(err, decnet.ErrNotFound) {
			return err
		}
		fmt.Fprintf(w, "state %q %s, valid %v\n", key, value, json.Valid(value))
	}
	return nil
}

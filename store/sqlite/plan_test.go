package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// TestPlans: what pages ask for is served by an index, in the order of the page, so that the
// cost does not grow with the history.
func TestPlans(t *testing.T) {
	t.Parallel()
	p, err := open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.writer.Close()
	defer p.reader.Close()

	type plan struct {
		name, text string
		args       []any
		uses       string
	}
	var plans []plan
	at := time.Unix(1, 0)
	mark := store.Mark{Time: at, ID: 7}
	for _, c := range []struct {
		name string
		f    store.Filter
		uses string
	}{
		{"newest", store.Filter{}, "SCAN records USING INDEX records_time"},
		{"time range", store.Filter{Start: at, End: at}, "SEARCH records USING INDEX records_time (time>? AND time<?)"},
		{"service", store.Filter{Search: "service:ssh"}, "SEARCH records USING INDEX records_service (service=?)"},
		{"decky in a time range", store.Filter{Search: "decky:d", Start: at}, "SEARCH records USING INDEX records_decky (decky=? AND time>?)"},
		{"event", store.Filter{Search: "event:x"}, "SEARCH records USING INDEX records_type (type=?)"},
		{"attacker and a field", store.Filter{Search: "attacker:::1 username:root"}, "SEARCH records USING INDEX records_attacker (attacker=?)"},
		{"text", store.Filter{Search: "hunter2"}, "SCAN records USING INDEX records_time"},
		{"after a mark", store.Filter{Before: mark}, "SEARCH records USING INDEX records_time (time<?)"},
		{"after a mark, of a service", store.Filter{Before: mark, Search: "service:ssh"}, "SEARCH records USING INDEX records_service (service=? AND time<?)"},
		{"after an ID", store.Filter{AfterID: 7}, "SEARCH records USING INTEGER PRIMARY KEY (rowid>?)"},
		{"after an ID, of a service", store.Filter{AfterID: 7, Search: "service:ssh"}, "SEARCH records USING INTEGER PRIMARY KEY (rowid>?)"},
	} {
		c.f.Limit = 50
		text, args, err := sqlrepo.RecordsQuery(dialect{}, c.f)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan{c.name, text, args, c.uses})
	}
	for _, c := range []struct {
		name string
		f    store.Filter
		uses string
	}{
		{"count of all", store.Filter{}, "SCAN totals"},
		{"count of a service", store.Filter{Search: "service:ssh"}, "SEARCH tallies USING PRIMARY KEY"},
		{"count of an event of a service", store.Filter{Search: "service:ssh event:x"}, "SEARCH tallies USING PRIMARY KEY"},
		{"count of an attacker", store.Filter{Search: "attacker:::1"}, "USING COVERING INDEX records_attacker (attacker=?)"},
		{"count of a time range", store.Filter{Start: at}, "SEARCH records USING COVERING INDEX records_time (time>? AND time<?)\nUNION ALL\n" +
			"SEARCH tallies USING PRIMARY KEY (kind=? AND value=? AND second=? AND span=? AND start>? AND start<?)\nUNION ALL\n" +
			"SEARCH tallies USING PRIMARY KEY (kind=? AND value=? AND second=? AND span=? AND start>?)"},
	} {
		text, args, err := sqlrepo.CountQuery(dialect{}, c.f)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan{c.name, text, args, c.uses})
	}
	for _, c := range []struct {
		name string
		f    store.AttackerFilter
		uses string
	}{
		{"attackers", store.AttackerFilter{}, "SCAN a USING INDEX attackers_recent"},
		{"active attackers", store.AttackerFilter{Sort: store.SortActive}, "SCAN a USING INDEX attackers_active"},
		{"traversals", store.AttackerFilter{Sort: store.SortTraversals}, "SCAN a USING INDEX attackers_traversals"},
		{"attackers after a mark", store.AttackerFilter{After: store.AttackerMark{LastSeen: at}}, "SEARCH a USING INDEX attackers_recent (last_seen<?)"},
		{"active attackers after a mark", store.AttackerFilter{Sort: store.SortActive, After: store.AttackerMark{Rank: 1, LastSeen: at}},
			"SEARCH a USING INDEX attackers_active (events<?)"},
		{"attackers by service", store.AttackerFilter{Service: "ssh"}, "SCAN a USING INDEX attackers_recent"},
	} {
		text, args, _ := sqlrepo.AttackersQuery(dialect{}, c.f)
		plans = append(plans, plan{c.name, text, args, c.uses})
	}
	for _, c := range []struct {
		name string
		f    store.BountyFilter
		uses string
	}{
		{"bounties", store.BountyFilter{}, "SCAN bounties USING INDEX bounties_seen"},
		{"bounties after a mark", store.BountyFilter{Before: mark}, "SEARCH bounties USING INDEX bounties_seen (last_seen<?)"},
		{"bounties of a type", store.BountyFilter{Type: "artifact"}, "SCAN bounties USING INDEX bounties_seen"},
	} {
		text, args := sqlrepo.BountiesQuery(dialect{}, c.f)
		plans = append(plans, plan{c.name, text, args, c.uses})
	}
	page, total, args := sqlrepo.CommandsQuery(1, store.CommandFilter{})
	plans = append(plans, plan{"commands", page, args, "USING INDEX commands_attacker (attacker_id=?)"},
		plan{"number of commands", total, args[:1], "USING COVERING INDEX commands_"})
	page, total, args = sqlrepo.CommandsQuery(1, store.CommandFilter{Service: "ssh"})
	plans = append(plans, plan{"commands of a service", page, args, "USING INDEX commands_service (attacker_id=? AND service=?)"},
		plan{"number of commands of a service", total, args[:2], "USING COVERING INDEX commands_service"},
		plan{"artifacts", sqlrepo.ArtifactsQuery, []any{"::1", 200}, "USING INDEX records_artifact (attacker=?)"})
	histogram, args, err := sqlrepo.HistogramQuery(dialect{}, store.Filter{Start: at}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}

	explained := func(text string, args []any) string {
		rows, err := p.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer rows.Close()
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps = append(steps, step)
		}
		return strings.Join(steps, "\n")
	}
	for _, c := range plans {
		got := explained(c.text, c.args)
		if !strings.Contains(got, c.uses) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%s: want %q and no sorting, got\n%s", c.name, c.uses, got)
		}
	}
	if got := explained(histogram, args); !strings.Contains(got, "SEARCH records USING COVERING INDEX records_time (time>? AND time<?)") ||
		!strings.Contains(got, "SEARCH tallies USING PRIMARY KEY (kind=? AND value=? AND second=? AND span=? AND start>?)") {
		t.Errorf("histogram: %s", got)
	}
}

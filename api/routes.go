package api

import (
	"fmt"
	"net/http"

	"github.com/decnet/decnet/store"
)

// access says who may make a request.
type access int

const (
	anybody  access = iota
	holder          // whoever is logged in, even when the password must be changed first
	viewer          // every role
	admin           // administrators
	ticketed        // every role, by header or by a ticket in the URL
)

// String names the access as the OpenAPI document does, in x-access.
func (a access) String() string {
	switch a {
	case anybody:
		return "anybody"
	case holder:
		return "logged-in"
	case admin:
		return "admin"
	default:
		return "viewer"
	}
}

// route is one operation: how it is reached, who may use it, what it takes and gives. The
// OpenAPI document is made of the same rows.
type route struct {
	method, path string
	access       access
	group        string // tag
	title        string
	query        []parameter
	hints        []parameter // headers that change how it is answered, never whether
	body         any         // a value of the type that the body must have; nil: none
	gives        map[int]any // by status, a value of the type of the answer
	fails        []int       // statuses beyond those that access, query and body bring
	lasts        bool        // takes as long as it takes
	own          bool        // only where accounts are those of the store
	handle       handler
}

// ok are the answers of a route that gives v.
func ok(v any) map[int]any { return map[int]any{http.StatusOK: v} }

// The parameters of the queries.
var (
	limit        = parameter{name: "limit", kind: integer, min: 1, max: 1000, absent: 50, doc: "rows on a page"}
	fullPage     = parameter{name: "limit", kind: integer, min: 1, max: 1000, absent: 50, doc: "rows on a page, which has fewer when they are large: it ends with the row that completes 4 MiB of what was sent to deckies, and the next begins behind that row"}
	shortLimit   = parameter{name: "limit", kind: integer, min: 1, max: 200, absent: 50, doc: "rows on a page"}
	offset       = parameter{name: "offset", kind: integer, max: 1<<31 - 1, doc: "rows to pass over"}
	search       = parameter{name: "search", kind: text, max: 512, doc: fmt.Sprintf("at most %d tokens that must all match: decky:x, service:x, event:x, attacker:x, field:x or a part of the line", store.MaxTerms)}
	partOfBounty = parameter{name: "search", kind: text, max: 512, doc: "part of decky, service, attacker or payload"}
	partOfIP     = parameter{name: "search", kind: text, max: 512, doc: "part of the address"}
	beforeTime   = parameter{name: "before_time", kind: moment, doc: "timestamp of the last row of a page: what follows that page, at the same cost however deep that is; offset counts from there"}
	beforeID     = parameter{name: "before_id", kind: integer, max: 1<<63 - 1, doc: "id of that row"}
	startTime    = parameter{name: "start_time", kind: moment, doc: "nothing earlier"}
	endTime      = parameter{name: "end_time", kind: moment, doc: "nothing later"}
	interval     = parameter{name: "interval_minutes", kind: integer, min: 1, max: 525600, absent: 15, doc: "width of a bar"}
	bountyType   = parameter{name: "bounty_type", kind: text, max: 64, doc: "credential, fingerprint or artifact"}
	service      = parameter{name: "service", kind: text, max: 64, doc: "name of a service"}
	sortBy       = parameter{name: "sort_by", kind: choice, choices: []string{"recent", "active", "traversals"}, doc: "what comes first"}
	lastEventID  = parameter{name: "lastEventId", kind: integer, max: 1<<63 - 1, doc: "ID of the last record seen; the header Last-Event-ID wins"}
	lastEvent    = parameter{name: "Last-Event-ID", kind: text, max: 20, doc: "ID of the last event seen, as browsers send it"}
	prefer       = parameter{name: "Prefer", kind: text, max: 64, doc: "wait: answer when the job has ended; wait=10: or after ten seconds, if that is sooner (RFC 7240)"}
	maxOutput    = parameter{name: "maxOutput", kind: integer, max: 1<<31 - 1, doc: "events after which the stream ends; 0: it goes on"}
	ticketParam  = parameter{name: "token", kind: text, max: 64, doc: "ticket, for those who cannot set the header Authorization, which wins"}
)

// routes lists the operations that s has.
func (s *server) routes() []route {
	const (
		tooMany  = http.StatusTooManyRequests
		notFound = http.StatusNotFound
		denied   = http.StatusForbidden
		bad      = http.StatusBadRequest
		conflict = http.StatusConflict
		wrong    = http.StatusUnauthorized
		away     = http.StatusServiceUnavailable
	)
	list := []route{
		{method: "POST", path: "/auth/login", access: anybody, own: true, group: "auth", title: "Log in",
			body: loginRequest{}, gives: ok(loginAnswer{}), fails: []int{wrong, tooMany}, handle: s.login},
		{method: "POST", path: "/auth/logout", access: holder, own: true, group: "auth", title: "Void the token of this request",
			gives: ok(message{}), handle: s.logout},
		{method: "POST", path: "/auth/change-password", access: holder, own: true, group: "auth", title: "Change one's password, which voids all tokens",
			body: passwordRequest{}, gives: ok(message{}), fails: []int{tooMany}, handle: s.changePassword},

		{method: "GET", path: "/logs", access: viewer, group: "events", title: "Events, newest first",
			query: []parameter{fullPage, offset, beforeTime, beforeID, search, startTime, endTime}, gives: ok(page[logRow]{}), handle: s.logs},
		{method: "GET", path: "/logs/histogram", access: viewer, group: "events", title: "Number of events by time",
			query: []parameter{search, startTime, endTime, interval}, gives: ok([]bar{}), handle: s.histogram},
		{method: "GET", path: "/bounty", access: viewer, group: "events", title: "Credentials, fingerprints and artifacts, last seen first",
			query: []parameter{fullPage, offset, bountyType, partOfBounty}, gives: ok(page[bountyRow]{}), handle: s.bounties},
		{method: "GET", path: "/stats", access: viewer, group: "events", title: "Totals",
			gives: ok(totals{}), handle: s.stats},
		{method: "POST", path: "/stream/ticket", access: viewer, group: "stream", title: "A ticket that opens one stream within a minute",
			gives: ok(ticketAnswer{}), fails: []int{tooMany}, handle: s.ticket},
		{method: "GET", path: "/stream", access: ticketed, group: "stream", title: "Server-sent events: what comes in, totals and a histogram",
			query: s.streamQuery(), hints: []parameter{lastEvent}, gives: ok(eventStream{}),
			fails: []int{notFound, tooMany}, lasts: true, handle: s.stream},

		{method: "GET", path: "/deckies", access: viewer, group: "fleet", title: "What is deployed",
			gives: ok([]deckyRow{}), handle: s.deckies},
		{method: "POST", path: "/deckies/deploy", access: admin, group: "fleet", title: "Deploy the deckies of an INI document; Prefer: wait answers when it is done",
			hints: []parameter{prefer}, body: deployRequest{}, gives: map[int]any{200: message{}, 202: jobAnswer{}}, fails: []int{conflict, tooMany, away}, lasts: true, handle: s.deploy},
		{method: "POST", path: "/deckies/{name}/mutate", access: admin, group: "fleet", title: "Give a decky other services; Prefer: wait answers when it is done",
			hints: []parameter{prefer}, gives: map[int]any{200: message{}, 202: jobAnswer{}}, fails: []int{notFound, conflict, tooMany, away}, lasts: true, handle: s.mutate},
		{method: "PUT", path: "/deckies/{name}/mutate-interval", access: admin, group: "fleet", title: "Set how often a decky changes",
			body: intervalRequest{}, gives: ok(message{}), fails: []int{notFound, away}, handle: s.setInterval},
		{method: "GET", path: "/jobs", access: viewer, group: "fleet", title: "Deployments and mutations that were asked for, newest first",
			gives: ok([]jobRow{}), handle: s.jobs},
		{method: "GET", path: "/jobs/{id}", access: viewer, group: "fleet", title: "One of them",
			gives: ok(jobRow{}), fails: []int{notFound}, handle: s.job},

		{method: "GET", path: "/attackers", access: viewer, group: "attackers", title: "Profiles without their commands and fingerprints",
			query: []parameter{limit, offset, partOfIP, sortBy, service}, gives: ok(page[attackerRow]{}), handle: s.attackers},
		{method: "GET", path: "/attackers/{uuid}", access: viewer, group: "attackers", title: "One profile with its fingerprints and newest commands",
			gives: ok(attackerDetail{}), fails: []int{notFound}, handle: s.attacker},
		{method: "GET", path: "/attackers/{uuid}/commands", access: viewer, group: "attackers", title: "Commands of one attacker, newest first",
			query: []parameter{shortLimit, offset, service}, gives: ok(page[commandRow]{}), fails: []int{notFound}, handle: s.commands},
		{method: "GET", path: "/attackers/{uuid}/artifacts", access: viewer, group: "attackers", title: "Events of the files that one attacker left, newest first, at most 200",
			gives: ok(artifactRows{}), fails: []int{notFound}, handle: s.attackerArtifacts},
		{method: "GET", path: "/artifacts/{decky}/{stored_as}", access: admin, group: "attackers", title: "A captured file",
			gives: ok(download{}), fails: []int{bad, notFound}, lasts: true, handle: s.artifact},

		{method: "GET", path: "/config", access: viewer, group: "config", title: "Settings, and for administrators the accounts",
			gives: ok(configAnswer{}), handle: s.config},
		{method: "PUT", path: "/config/deployment-limit", access: admin, group: "config", title: "Set how many deckies may be deployed through this interface",
			body: limitRequest{}, gives: ok(message{}), handle: s.setDeploymentLimit},
		{method: "PUT", path: "/config/global-mutation-interval", access: admin, group: "config", title: "Set how often deckies change that have no interval of their own, whoever deployed them",
			body: globalIntervalRequest{}, gives: ok(message{}), handle: s.setGlobalInterval},
		{method: "POST", path: "/config/users", access: admin, own: true, group: "config", title: "Make an account, whose password must be changed first",
			body: newUserRequest{}, gives: ok(userRow{}), fails: []int{conflict, tooMany}, handle: s.createUser},
		{method: "DELETE", path: "/config/users/{uuid}", access: admin, own: true, group: "config", title: "Delete an account",
			gives: ok(message{}), fails: []int{notFound}, handle: s.deleteUser},
		{method: "PUT", path: "/config/users/{uuid}/role", access: admin, own: true, group: "config", title: "Change a role",
			body: roleRequest{}, gives: ok(message{}), fails: []int{notFound}, handle: s.setRole},
		{method: "PUT", path: "/config/users/{uuid}/reset-password", access: admin, own: true, group: "config", title: "Set a password, which must be changed first",
			body: resetRequest{}, gives: ok(message{}), fails: []int{notFound, tooMany}, handle: s.resetPassword},
		{method: "DELETE", path: "/config/reinit", access: admin, group: "config", title: "Delete all that was collected, in developer mode",
			gives: ok(reinitAnswer{}), fails: []int{denied}, lasts: true, handle: s.reinit},

		{method: "GET", path: "/health", access: viewer, group: "health", title: "State of the parts that run",
			gives: map[int]any{http.StatusOK: healthAnswer{}, http.StatusServiceUnavailable: healthAnswer{}}, handle: s.health},
		{method: "GET", path: "/openapi.json", access: s.documentAccess(), group: "health", title: "This document",
			gives: ok(openAPI{}), handle: s.openAPI},
		{method: "GET", path: "/docs", access: s.documentAccess(), group: "health", title: "This document for people",
			gives: ok(webPage{}), handle: s.docs},
	}
	if s.Auth == nil {
		return list
	}
	var rest []route
	for _, r := range list {
		if !r.own {
			rest = append(rest, r)
		}
	}
	return rest
}

func (s *server) streamQuery() []parameter {
	list := []parameter{lastEventID, search, startTime, endTime, ticketParam}
	if s.Developer {
		list = append(list, maxOutput)
	}
	return list
}

func (s *server) documentAccess() access {
	if s.Developer {
		return anybody
	}
	return viewer
}

// pattern is the path as net/http writes it. The name of an artifact is whatever follows,
// so that one with a slash in it is refused as a name and not as a path.
func (r route) pattern() string {
	if r.path == "/artifacts/{decky}/{stored_as}" {
		return "/artifacts/{decky}/{stored_as...}"
	}
	return r.path
}

package smtp

import (
	"fmt"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// systemUsers have a mailbox on a Debian machine with Postfix, among them the alias
// postmaster, which every server has.
var systemUsers = strings.Fields("root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody " +
	"systemd-network messagebus sshd postfix postmaster")

// mailboxes returns the local parts that get mail.
func mailboxes(id services.Identity, list string, users map[string]string) map[string]bool {
	local := make(map[string]bool)
	for _, u := range systemUsers {
		local[u] = true
	}
	for u := range users {
		u, _, _ = strings.Cut(u, "@")
		local[strings.ToLower(u)] = true
	}
	if list == "" {
		r := id.Rand("smtp mailboxes")
		people := strings.Fields("admin info sales support office john anna mark julia peter michael sarah thomas maria webmaster accounts hr")
		for range 3 + r.IntN(4) {
			local[people[r.IntN(len(people))]] = true
		}
	}
	for u := range strings.SplitSeq(list, ",") {
		if u = strings.ToLower(strings.TrimSpace(u)); u != "" {
			local[u] = true
		}
	}
	return local
}

// localDomains returns Postfix's mydestination as Debian's installation sets it.
func localDomains(id services.Identity, mta string) map[string]bool {
	domains := map[string]bool{"localhost": true, "localhost.localdomain": true}
	for _, d := range []string{mta, id.FQDN(), id.Hostname, id.Domain} {
		if d != "" {
			domains[strings.ToLower(d)] = true
		}
	}
	return domains
}

// parseUsers reads a comma list of user:password.
func parseUsers(list string) (map[string]string, error) {
	users := make(map[string]string)
	if list == "" {
		return users, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		user, password, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || user == "" {
			return nil, fmt.Errorf("%q is not user:password: %w", part, decnet.ErrSemantic)
		}
		users[user] = password
	}
	return users, nil
}

// parseMechanisms reads the mechanisms that are offered. "none" is an empty list.
func parseMechanisms(list string) ([]string, error) {
	var names []string
	for _, m := range strings.Fields(strings.ToUpper(list)) {
		switch m {
		case "NONE":
			return nil, nil
		case "PLAIN", "LOGIN", "CRAM-MD5":
			names = append(names, m)
		default:
			return nil, fmt.Errorf("%q is not one of PLAIN, LOGIN, CRAM-MD5, none: %w", m, decnet.ErrSemantic)
		}
	}
	return names, nil
}

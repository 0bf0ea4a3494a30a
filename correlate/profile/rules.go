package profile

import (
	"math"
	"slices"
	"strings"
)

// The classes of behaviour.
const (
	ClassUnknown     = "unknown"
	ClassSlowScan    = "slow_scan"
	ClassScanning    = "scanning"
	ClassBruteForce  = "brute_force"
	ClassBeaconing   = "beaconing"
	ClassInteractive = "interactive"
	ClassMixed       = "mixed"
)

// Classify returns the class of behaviour of an attacker who touched the given number of
// distinct services with the timing t. The first rule that fits decides.
func Classify(services int, t Timing) string {
	n := t.Events
	if n < 3 || t.Mean == nil {
		return ClassUnknown
	}
	m := *t.Mean
	cv := math.NaN() // compares false with everything
	if t.CV != nil {
		cv = *t.CV
	}
	switch {
	case services >= 2 && m >= 10 && n >= 4:
		return ClassSlowScan
	case services >= 3 && m < 10, services >= 2 && m < 2:
		return ClassScanning
	case services == 1 && n >= 8 && m < 5 && cv < 0.6:
		return ClassBruteForce
	case cv < 0.35 && m >= 5 && n >= 4:
		return ClassBeaconing
	case cv >= 0.5 && m < 5 && n >= 6:
		return ClassInteractive
	}
	return ClassMixed
}

// beacons lists how often tools call home by default, in seconds, with what jitter.
var beacons = [...]struct {
	tool                string
	interval, interval2 float64 // the interval and how far it may be off
	jitter, jitter2     float64 // the coefficient of variation and how far it may be off
}{
	{"cobalt_strike", 60, 8, 0.20, 0.05},
	{"sliver", 60, 10, 0.30, 0.08},
	{"havoc", 45, 8, 0.10, 0.03},
	{"mythic", 30, 6, 0.15, 0.03},
}

// BeaconTools returns every tool whose usual interval and jitter are those of t.
func BeaconTools(t Timing) []string {
	if t.Mean == nil || t.CV == nil {
		return nil
	}
	// Half of the last published digit keeps the bounds themselves inside.
	const tiny = 0.00005
	var tools []string
	for _, b := range beacons {
		if math.Abs(*t.Mean-b.interval) <= b.interval2+tiny && math.Abs(*t.CV-b.jitter) <= b.jitter2+tiny {
			tools = append(tools, b.tool)
		}
	}
	return tools
}

// headerTools lists what gives tools away in the headers of a request. A pattern that
// starts with ^ must stand at the start of the value, any other anywhere in it.
var headerTools = [...]struct{ tool, header, pattern string }{
	{"nmap", "user-agent", "nmap scripting engine"},
	{"gophish", "x-mailer", "gophish"},
	{"nikto", "user-agent", "nikto"},
	{"sqlmap", "user-agent", "sqlmap"},
	{"nuclei", "user-agent", "nuclei"},
	{"masscan", "user-agent", "masscan"},
	{"zgrab", "user-agent", "zgrab"},
	{"metasploit", "user-agent", "metasploit"},
	{"curl", "user-agent", "^curl/"},
	{"python_requests", "user-agent", "python-requests"},
	{"gobuster", "user-agent", "gobuster"},
	{"dirbuster", "user-agent", "dirbuster"},
	{"hydra", "user-agent", "hydra"},
	{"wfuzz", "user-agent", "wfuzz"},
}

// HeaderTools returns every tool that the headers of a request give away. The names of
// headers are lower-case.
func HeaderTools(headers map[string]string) []string {
	var tools []string
	for _, h := range headerTools {
		value := strings.ToLower(headers[h.header])
		if start, ok := strings.CutPrefix(h.pattern, "^"); ok && strings.HasPrefix(value, start) || !ok && strings.Contains(value, h.pattern) {
			tools = append(tools, h.tool)
		}
	}
	return tools
}

// reconTypes are the events of looking around and trying to get in.
var reconTypes = []string{
	"scan", "connection", "connect", "banner", "probe", "session", "request", "login_attempt", "auth",
	"auth_attempt", "auth_failure",
}

// actionTypes are the events of making use of a machine.
var actionTypes = []string{
	"download", "upload", "file_transfer", "data_exfil", "command", "exec", "query", "shell_input",
	"file_captured", "download_attempt", "forward_request", "message_accepted",
}

// commandTypes are the events that hold something typed, and commandKeys the fields that
// hold it, most telling first.
var (
	commandTypes = []string{"command", "exec", "query", "input", "shell_input", "execute", "run", "sql_query", "redis_command"}
	commandKeys  = []string{"command", "query", "input", "line", "sql", "cmd"}
)

// addTools appends those of more that tools lacks.
func addTools(tools []string, more ...string) []string {
	for _, t := range more {
		if !slices.Contains(tools, t) {
			tools = append(tools, t)
		}
	}
	return tools
}

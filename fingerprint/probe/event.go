package probe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// The names that the events of a Worker bear.
const (
	Host    = "decnet-prober" // decnet.Event.Decky
	Service = "prober"        // decnet.Event.Service
)

func (w *Worker) emit(typ string, sev decnet.Severity, msg string, fields ...decnet.Field) {
	w.sink.Emit(decnet.Event{
		Time: w.cfg.Now(), Decky: Host, Service: Service, Type: typ, Severity: sev,
		Attacker: decnet.AttackerOf(fields), Fields: fields, Msg: msg,
	})
}

// jarmFields returns nil for a server that answered no hello.
func jarmFields(r *JARMResult) []decnet.Field {
	if strings.Trim(r.Hash, "0") == "" {
		return nil
	}
	return []decnet.Field{decnet.F("jarm_hash", r.Hash)}
}

func hasshFields(r *HASSHResult) []decnet.Field {
	return []decnet.Field{
		decnet.F("hassh_server_hash", r.Hash),
		decnet.F("ssh_banner", string(r.Hello.Banner)),
		decnet.F("kex_algorithms", string(r.Hello.Kex)),
		decnet.F("encryption_s2c", string(r.Hello.CipherS2C)),
		decnet.F("mac_s2c", string(r.Hello.MACS2C)),
		decnet.F("compression_s2c", string(r.Hello.CompS2C)),
	}
}

func tcpFields(r *TCPResult) []decnet.Field {
	a := &r.SYNACK
	number := func(key string, v int) decnet.Field { return decnet.F(key, strconv.Itoa(v)) }
	return []decnet.Field{
		decnet.F("tcpfp_hash", r.Hash),
		decnet.F("tcpfp_raw", r.Raw),
		number("ttl", int(a.TTL)),
		number("window_size", int(a.Window)),
		number("df_bit", bit(r.df())),
		number("mss", int(a.MSS)),
		number("window_scale", r.scale()),
		number("sack_ok", bit(a.SACKPermitted)),
		number("timestamp", bit(a.HasTimestamps)),
		decnet.F("options_order", a.OptionsSignature()),
	}
}

// portList returns the ports of plan, each once, in ascending order.
func portList(plan []step) string {
	var ports []int
	for _, s := range plan {
		ports = append(ports, int(s.port))
	}
	slices.Sort(ports)
	var text []string
	for _, p := range slices.Compact(ports) {
		text = append(text, strconv.Itoa(p))
	}
	return strings.Join(text, ",")
}

package ingest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// The types of bounties.
const (
	Credential  = "credential"
	Fingerprint = "fingerprint"
	Artifact    = "artifact"
)

// extractors find what is valuable in an event. Each returns the payload of one bounty,
// nil when there is none.
var extractors = [...]struct {
	typ     string
	payload func(*decnet.Event) payload
}{
	{Credential, credential},
	{Fingerprint, userAgent},
	{Fingerprint, clientVersion},
	{Fingerprint, clientBanner},
	{Fingerprint, hassh},
	{Fingerprint, clientHello},
	{Fingerprint, latency},
	{Fingerprint, resumption},
	{Fingerprint, certificate},
	{Fingerprint, jarm},
	{Fingerprint, hasshServer},
	{Fingerprint, tcpStack},
	{Artifact, artifact},
}

// Extract returns the bounties in e. Payloads are JSON objects whose keys are in a fixed
// order, fingerprint_type first in those of fingerprints; values are strings, or null
// where the event lacks a field that the kind always has.
func Extract(e *decnet.Event) []decnet.Bounty {
	var list []decnet.Bounty
	for _, x := range extractors {
		p := x.payload(e)
		if p == nil {
			continue
		}
		b := decnet.Bounty{
			Time: e.Time, LastSeen: e.Time, Count: 1,
			Decky: e.Decky, Service: e.Service, Attacker: e.Attacker,
			Type: x.typ, Payload: json.RawMessage(append(p, '}')),
		}
		if e.Service == "prober" {
			target, _ := netip.ParseAddr(e.Value("target_ip"))
			b.Attacker = target.Unmap()
		}
		list = append(list, b)
	}
	return list
}

// credential finds log-ins. A user name without a secret is none; an empty password is
// one when there is a user name, and an empty user name when there is a password.
func credential(e *decnet.Event) payload {
	username, hasUsername := e.Field("username")
	password, hasPassword := e.Field("password")
	secret := e.Value("secret")
	var p payload
	switch {
	case secret != "":
		return p.some(e, "username", "username_b64", "secret_kind", "secret", "secret_b64", "challenge", "challenge_b64", "hashcat")
	case !hasPassword || username == "" && password == "":
		return nil
	case hasUsername:
		p = p.some(e, "username", "username_b64")
	}
	return p.some(e, "password", "password_b64")
}

func userAgent(e *decnet.Event) payload {
	agent := e.Value("user_agent")
	if agent == "" {
		agent = headerUserAgent(e.Value("headers"))
	}
	if agent == "" {
		return nil
	}
	return fingerprint("http_useragent").set("value", agent).all(e, "method", "path")
}

// headerUserAgent finds User-Agent in a JSON object of headers, whose values are strings
// or lists of strings.
func headerUserAgent(headers string) string {
	if headers == "" {
		return ""
	}
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(headers), &m) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !strings.EqualFold(name, "User-Agent") {
			continue
		}
		value := m[name]
		var one string
		var many []string
		if json.Unmarshal(value, &one) == nil {
			return one
		}
		if json.Unmarshal(value, &many) == nil && len(many) > 0 {
			return many[0]
		}
	}
	return ""
}

func clientVersion(e *decnet.Event) payload {
	version := e.Value("client_version")
	switch {
	case version == "":
		return nil
	case e.Type == "version", e.Type == "session" && e.Service == "vnc":
		return fingerprint("vnc_client_version").set("value", version)
	case e.Type == "session":
		return fingerprint("client_version").set("value", version)
	}
	return nil
}

func clientBanner(e *decnet.Event) payload {
	banner := e.Value("client_banner")
	switch {
	case banner == "":
		return nil
	case e.Service == "ssh":
		return fingerprint("ssh_client_banner").set("value", banner)
	}
	return fingerprint("client_banner").set("value", banner)
}

func hassh(e *decnet.Event) payload {
	if e.Value("hassh") == "" {
		return nil
	}
	return fingerprint("hassh").rename(e, "hash", "hassh").rename(e, "raw", "hassh_raw").rename(e, "ssh_banner", "client_banner")
}

func clientHello(e *decnet.Event) payload {
	if e.Value("ja3") == "" && e.Value("ja4") == "" {
		return nil
	}
	return fingerprint("ja3").all(e, "ja3", "ja3s", "ja4", "ja4s", "tls_version").
		filled(e, "sni", "alpn").all(e, "dst_port", "raw_ciphers", "raw_extensions")
}

func latency(e *decnet.Event) payload {
	if e.Service != "sniffer" || e.Value("ja4l_rtt_ms") == "" {
		return nil
	}
	return fingerprint("ja4l").rename(e, "rtt_ms", "ja4l_rtt_ms").rename(e, "client_ttl", "ja4l_client_ttl")
}

func resumption(e *decnet.Event) payload {
	if e.Service != "sniffer" || e.Value("resumption") == "" {
		return nil
	}
	return fingerprint("tls_resumption").rename(e, "mechanisms", "resumption")
}

func certificate(e *decnet.Event) payload {
	if e.Service != "sniffer" || e.Value("subject_cn") == "" {
		return nil
	}
	return fingerprint("tls_certificate").all(e, "subject_cn", "issuer", "self_signed", "not_before", "not_after", "sans").filled(e, "sni")
}

func jarm(e *decnet.Event) payload {
	if e.Service != "prober" || e.Value("jarm_hash") == "" {
		return nil
	}
	return fingerprint("jarm").rename(e, "hash", "jarm_hash").all(e, "target_ip", "target_port")
}

func hasshServer(e *decnet.Event) payload {
	if e.Service != "prober" || e.Value("hassh_server_hash") == "" {
		return nil
	}
	return fingerprint("hassh_server").rename(e, "hash", "hassh_server_hash").
		all(e, "target_ip", "target_port", "ssh_banner", "kex_algorithms", "encryption_s2c", "mac_s2c", "compression_s2c")
}

func tcpStack(e *decnet.Event) payload {
	if e.Service != "prober" || e.Value("tcpfp_hash") == "" {
		return nil
	}
	return fingerprint("tcpfp").rename(e, "hash", "tcpfp_hash").rename(e, "raw", "tcpfp_raw").
		all(e, "target_ip", "target_port", "ttl", "window_size", "df_bit", "mss", "window_scale", "sack_ok", "timestamp", "options_order")
}

func artifact(e *decnet.Event) payload {
	if e.Type != "file_captured" {
		return nil
	}
	return payload(nil).all(e, "sha256", "size", "orig_path", "stored_as")
}

// payload is a JSON object without its closing brace.
type payload []byte

func fingerprint(typ string) payload { return payload(nil).set("fingerprint_type", typ) }

func (p payload) key(key string) payload {
	if p == nil {
		p = payload{'{'}
	} else {
		p = append(p, ',')
	}
	return append(append(append(p, '"'), key...), '"', ':')
}

// set adds a value. One that is no text gets a lossless twin <key>_b64.
func (p payload) set(key, value string) payload {
	text, _ := json.Marshal(value) // a string always can be
	p = append(p.key(key), text...)
	if !utf8.ValidString(value) {
		p = p.set(key+"_b64", base64.StdEncoding.EncodeToString([]byte(value)))
	}
	return p
}

// rename adds the field of e called from, null when there is none.
func (p payload) rename(e *decnet.Event, key, from string) payload {
	if value, ok := e.Field(from); ok {
		return p.set(key, value)
	}
	return append(p.key(key), "null"...)
}

// all adds fields of e, null for those that it lacks.
func (p payload) all(e *decnet.Event, keys ...string) payload {
	for _, key := range keys {
		p = p.rename(e, key, key)
	}
	return p
}

// filled adds fields of e, null for those that it lacks or that are empty.
func (p payload) filled(e *decnet.Event, keys ...string) payload {
	for _, key := range keys {
		if value := e.Value(key); value != "" {
			p = p.set(key, value)
		} else {
			p = append(p.key(key), "null"...)
		}
	}
	return p
}

// some adds those fields that e has. The twin of a value that set has added is not
// added again.
func (p payload) some(e *decnet.Event, keys ...string) payload {
	for _, key := range keys {
		value, ok := e.Field(key)
		plain, twin := strings.CutSuffix(key, "_b64")
		if ok && !(twin && !utf8.ValidString(e.Value(plain))) {
			p = p.set(key, value)
		}
	}
	return p
}

package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/decnet/decnet"
)

// authorization reports the credentials of the Authorization field.
func (x *exchange) authorization() {
	for i := range x.request.fields {
		f := &x.request.fields[i]
		if !sameName(f.name, "Authorization") && !sameName(f.name, "Proxy-Authorization") {
			continue
		}
		scheme, rest, _ := strings.Cut(f.value, " ")
		rest = strings.TrimLeft(rest, " ")
		switch strings.ToLower(scheme) {
		case "basic":
			user, password := basicCredentials(rest)
			x.attempt("basic", decnet.F("username", user), decnet.F("password", password))
		case "digest":
			d := parseDigest(rest)
			x.attempt("digest", d.fields(x.request.method)...)
		case "bearer":
			x.attempt("bearer", decnet.F("secret_kind", "http_bearer"), decnet.F("secret", rest))
		case "ntlm", "negotiate":
			x.ntlm(scheme, rest)
		default:
			x.attempt("other", decnet.F("secret_kind", "http_authorization"), decnet.F("secret", f.value))
		}
	}
}

// attempt reports a log-in that failed, as all do.
func (x *exchange) attempt(method string, fields ...decnet.Field) {
	x.conn.session.Emit("auth_attempt", append(fields,
		decnet.F("method", method), decnet.F("path", x.request.target), decnet.F("outcome", "failure"))...)
}

// basicCredentials decodes the credentials of RFC 7617. What is no base64 is returned as
// the user name.
func basicCredentials(s string) (user, password string) {
	s = strings.TrimSpace(s)
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=")); err != nil {
			return s, ""
		}
	}
	user, password, _ = strings.Cut(string(raw), ":")
	return user, password
}

// digest holds the parameters of a Digest response (RFC 7616).
type digest map[string]string

// parseDigest reads name=value pairs, with or without quotes.
func parseDigest(s string) digest {
	d := make(digest)
	for len(d) < 30 {
		s = strings.TrimLeft(s, " \t,")
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		name = strings.ToLower(strings.TrimSpace(name))
		rest = strings.TrimLeft(rest, " \t")
		var value string
		if strings.HasPrefix(rest, `"`) {
			var b strings.Builder
			i := 1
			for ; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				b.WriteByte(rest[i])
			}
			value = b.String()
			s = rest[min(i+1, len(rest)):]
		} else {
			value, s, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		if _, again := d[name]; !again {
			d[name] = value
		}
	}
	return d
}

func (d digest) fields(method string) []decnet.Field {
	f := []decnet.Field{
		decnet.F("username", d["username"]), decnet.F("realm", d["realm"]),
		decnet.F("secret_kind", "http_digest"), decnet.F("secret", d["response"]), decnet.F("challenge", d["nonce"]),
	}
	if line := d.hashcat(method); line != "" {
		f = append(f, decnet.F("hashcat", line))
	}
	return f
}

// hashcat returns the line for hashcat mode 11400, which computes the same MD5 digest for
// SIP; "" when the response cannot be written so.
func (d digest) hashcat(method string) string {
	algorithm := strings.ToUpper(d["algorithm"])
	if algorithm != "" && algorithm != "MD5" || len(d["response"]) != 32 || d["username"] == "" || d["nonce"] == "" {
		return ""
	}
	parts := []string{
		"", "", d["username"], d["realm"], method, "", d["uri"], "",
		d["nonce"], d["cnonce"], d["nc"], d["qop"], "MD5", strings.ToLower(d["response"]),
	}
	for _, p := range parts {
		if strings.ContainsAny(p, "*\r\n\x00") {
			return ""
		}
	}
	return "$sip$*" + strings.Join(parts, "*")
}

// userNames and passwordNames are the usual names of the two inputs of a log-in form, in
// lower case.
var (
	userNames = names("log user username user_name userid user_id uname usr login login_name loginname email mail e-mail " +
		"account admin pma_username j_username user_login name uid nick identifier")
	passwordNames = names("pwd pass password passwd passphrase pw psw user_pass user_password userpassword pma_password j_password " +
		"login_password loginpassword pin pass1")
)

func names(list string) map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(list) {
		m[name] = true
	}
	return m
}

// formName returns the last part of a nested name such as user[login] or data.password.
func formName(name string) string {
	name = strings.TrimRight(strings.ToLower(name), "]")
	if i := strings.LastIndexAny(name, "[.:"); i >= 0 {
		name = name[i+1:]
	}
	return name
}

// formCredentials reports a form that has a password in it.
func (x *exchange) formCredentials(mediaType string) {
	var user, password string
	found := false
	for _, f := range x.content.form {
		switch name := formName(f.name); {
		case passwordNames[name] && !found:
			password, found = f.value, true
		case userNames[name] && user == "":
			user = f.value
		}
	}
	if !found || user == "" && password == "" {
		return
	}
	method := "form"
	switch {
	case mediaType == "query":
		method = "query"
	case strings.HasSuffix(mediaType, "json"):
		method = "json"
	}
	x.attempt(method, decnet.F("username", user), decnet.F("password", password))
}

// urlFields decodes application/x-www-form-urlencoded text. Malformed escapes stay as
// they are.
func urlFields(s string) []field {
	var form []field
	for pair := range strings.SplitSeq(s, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		if len(form) == maxFields {
			break
		}
		form = append(form, field{queryUnescape(name), queryUnescape(value[:min(len(value), 3*valueSize)])})
	}
	return form
}

func queryUnescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// jsonFields returns the members of the JSON objects in text whose values are strings or
// numbers, whatever their depth, in their order. It stops at the first error.
func jsonFields(text []byte) []field {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var form []field
	var objects []bool // open objects and arrays, the innermost last
	name, haveName := "", false
	for len(form) < maxFields && len(objects) < 32 {
		t, err := dec.Token()
		if err != nil {
			return form
		}
		inObject := len(objects) > 0 && objects[len(objects)-1]
		switch v := t.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				objects = append(objects, v == '{')
			default:
				objects = objects[:len(objects)-1]
			}
			haveName = false
		case string:
			if inObject && !haveName {
				name, haveName = v, true
				continue
			}
			if inObject {
				form = append(form, field{name, v[:min(len(v), valueSize)]})
			}
			haveName = false
		case json.Number:
			if inObject {
				form = append(form, field{name, v.String()})
			}
			haveName = false
		default:
			haveName = false
		}
	}
	return form
}

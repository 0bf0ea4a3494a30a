package smtp

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// The ends that an authentication can have, in Postfix's words with Cyrus's.
const (
	authFailure = "535 5.7.8 Error: authentication failed: authentication failure"
	authStep    = "535 5.7.8 Error: authentication failed: another step is needed in authentication"
	authCancel  = "535 5.7.8 Error: authentication failed: bad protocol / cancel"
	authNoMech  = "535 5.7.8 Error: authentication failed: no mechanism available"
	authGeneric = "454 4.7.0 Temporary authentication failure: generic failure"
	authAborted = "501 5.7.0 Authentication aborted"
	authSuccess = "235 2.7.0 Authentication successful"
)

func (c *session) random(p []byte) { _, _ = io.ReadFull(c.srv.env.Rand, p) }

// auth answers AUTH (RFC 4954).
func (c *session) auth(argv []string) error {
	switch {
	case c.mail.open:
		return c.fail("503 5.5.1 Error: MAIL transaction in progress")
	case c.authUser != "":
		return c.fail("503 5.5.1 Error: already authenticated")
	case len(argv) < 2 || len(argv) > 3:
		return c.fail("501 5.5.4 Syntax: AUTH mechanism")
	}
	mechanism := strings.ToUpper(argv[1])
	if !slices.Contains(c.srv.mechanisms, mechanism) {
		return c.fail(authNoMech)
	}
	answer, err := "", error(nil)
	switch initial := argv[2:]; mechanism {
	case "PLAIN":
		answer, err = c.plain(initial)
	case "LOGIN":
		answer, err = c.login(initial)
	case "CRAM-MD5":
		answer, err = c.cramMD5(initial)
	}
	if err != nil {
		return err
	}
	if answer == authSuccess {
		c.reply(answer)
		return nil
	}
	return c.fail(answer)
}

// ask sends a challenge and returns what the client answers, or the refusal when it is
// not base64 or cancels.
func (c *session) ask(challenge string) (response []byte, refusal string, err error) {
	c.reply("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
	line, err := c.readLine(saslLimit)
	if err != nil {
		return nil, "", err
	}
	if line == "*" {
		return nil, authAborted, nil
	}
	response, refusal = decodeResponse(line)
	return response, refusal, nil
}

// decodeResponse decodes a SASL response as Cyrus does: four characters at a time, and
// what is left over waits for more.
func decodeResponse(text string) (response []byte, refusal string) {
	whole := len(text) / 4 * 4
	response, err := base64.StdEncoding.DecodeString(text[:whole])
	switch {
	case err != nil || strings.ContainsAny(text[:whole], "\r\n"):
		return nil, authCancel
	case whole < len(text):
		return nil, authStep
	}
	return response, ""
}

// first returns the initial response, or asks for it.
func (c *session) first(initial []string, challenge string) (response []byte, refusal string, err error) {
	if len(initial) == 0 {
		return c.ask(challenge)
	}
	response, refusal = decodeResponse(initial[0])
	return response, refusal, nil
}

// plain runs PLAIN (RFC 4616).
func (c *session) plain(initial []string) (answer string, err error) {
	response, refusal, err := c.first(initial, "")
	if err != nil || refusal != "" {
		return refusal, err
	}
	authzid, user, password, ok := parsePlain(response)
	if !ok {
		c.attempt("PLAIN", "failure", decnet.F("secret_kind", "sasl_plain_malformed"), decnet.F("secret", string(response)))
		return authCancel, nil
	}
	extra := []decnet.Field{decnet.F("username", user), decnet.F("password", password)}
	if authzid != "" {
		extra = append(extra, decnet.F("authzid", authzid))
	}
	return c.judge("PLAIN", user, password, extra), nil
}

// parsePlain splits the message of PLAIN.
func parsePlain(message []byte) (authzid, user, password string, ok bool) {
	parts := strings.Split(string(message), "\x00")
	if len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// login runs LOGIN.
func (c *session) login(initial []string) (answer string, err error) {
	user, refusal, err := c.first(initial, "Username:")
	if err != nil || refusal != "" {
		return refusal, err
	}
	password, refusal, err := c.ask("Password:")
	if err != nil {
		return "", err
	}
	if refusal != "" {
		c.attempt("LOGIN", "failure", decnet.F("username", string(user)))
		return refusal, nil
	}
	return c.judge("LOGIN", string(user), string(password),
		[]decnet.Field{decnet.F("username", string(user)), decnet.F("password", string(password))}), nil
}

// judge decides on a user and password, reports the attempt and returns the answer.
func (c *session) judge(method, user, password string, fields []decnet.Field) string {
	if strings.TrimSpace(user) == "" {
		c.attempt(method, "failure", fields...)
		return authGeneric
	}
	want, known := c.srv.users[user]
	if c.srv.accept == "any" || c.srv.accept == "list" && known && hmac.Equal([]byte(want), []byte(password)) {
		c.authUser = user
		c.attempt(method, "success", fields...)
		return authSuccess
	}
	c.attempt(method, "failure", fields...)
	return authFailure
}

func (c *session) attempt(method, outcome string, fields ...decnet.Field) {
	c.Emit("auth_attempt", append(fields, decnet.F("method", method), decnet.F("outcome", outcome))...)
}

// cramMD5 runs CRAM-MD5 (RFC 2195).
func (c *session) cramMD5(initial []string) (answer string, err error) {
	if len(initial) > 0 {
		return authCancel, nil
	}
	var raw [4]byte
	c.random(raw[:])
	challenge := fmt.Sprintf("<%d.%d@%s>", binary.BigEndian.Uint32(raw[:]), c.srv.env.Now().Unix(), c.srv.myhostname)
	response, refusal, err := c.ask(challenge)
	if err != nil || refusal != "" {
		return refusal, err
	}
	user, digest, ok := parseCRAM(response)
	if !ok {
		return authCancel, nil
	}
	fields := []decnet.Field{
		decnet.F("username", user),
		decnet.F("secret_kind", "cram_md5"),
		decnet.F("secret", digest),
		decnet.F("challenge", challenge),
	}
	if raw, err := hex.DecodeString(digest); err == nil && len(raw) == md5.Size {
		fields = append(fields, decnet.F("hashcat", hashcatCRAM(challenge, response)))
	}
	mac := hmac.New(md5.New, []byte(c.srv.users[user]))
	mac.Write([]byte(challenge))
	_, known := c.srv.users[user]
	right := known && hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(strings.ToLower(digest)))
	if c.srv.accept == "any" || c.srv.accept == "list" && right {
		c.authUser = user
		c.attempt("CRAM-MD5", "success", fields...)
		return authSuccess, nil
	}
	c.attempt("CRAM-MD5", "failure", fields...)
	return authFailure, nil
}

// parseCRAM splits the response of CRAM-MD5 into the user and the digest.
func parseCRAM(response []byte) (user, digest string, ok bool) {
	text := string(response)
	i := strings.LastIndexByte(text, ' ')
	if i <= 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

// hashcatCRAM returns the line for hashcat's mode 10200 (CRAM-MD5).
func hashcatCRAM(challenge string, response []byte) string {
	enc := base64.StdEncoding
	return "$cram_md5$" + enc.EncodeToString([]byte(challenge)) + "$" + enc.EncodeToString(response)
}

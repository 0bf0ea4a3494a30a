package ssh

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
)

// errAsked says that a key would be taken and that the client has been told so.
var errAsked = errors.New("ssh: asked for a signature")

// keyAlgorithms are those that sshd takes from a client.
var keyAlgorithms = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
}

// publicKey handles an attempt with a key (RFC 4252 section 7). The only keys that get in
// are those that the attacker has added to authorized_keys. p is the whole request.
func (a *authentication) publicKey(m *authRequest, p []byte) (bool, error) {
	var k struct {
		Signed    bool
		Algorithm string
		Blob      []byte
		Rest      []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(m.Payload, &k) != nil {
		return false, errMessage
	}
	key := a.authorized(k.Algorithm, k.Blob)
	if key != nil && !k.Signed {
		if err := a.t.WritePacket(ssh.Marshal(&struct {
			Algorithm string `sshtype:"60"`
			Blob      []byte
		}{k.Algorithm, k.Blob})); err != nil {
			return false, err
		}
		return false, errAsked
	}
	ok := key != nil && a.signed(key, k.Algorithm, k.Rest, p, m.Method == hostBound)
	sum := sha256.Sum256(k.Blob)
	a.report("publickey", ok,
		decnet.F("secret_kind", "ssh_publickey"),
		decnet.F("secret", "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:])),
		decnet.F("key_type", k.Algorithm),
		decnet.F("public_key", base64.StdEncoding.EncodeToString(k.Blob)))
	return ok, nil
}

// hostBound is the method with which a client signs the host key too (OpenSSH PROTOCOL).
const hostBound = "publickey-hostbound-v00@openssh.com"

// authorized returns the key of blob if the attacker may log in with it, else nil.
func (a *authentication) authorized(algorithm string, blob []byte) ssh.PublicKey {
	if a.srv.policy.Closed() || !slices.Contains(keyAlgorithms, algorithm) {
		return nil
	}
	list := a.srv.machine.AuthorizedKeys(a.session.Attacker.Addr(), a.user)
	if list == nil {
		return nil
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || algorithm != key.Type() && (key.Type() != ssh.KeyAlgoRSA || algorithm != ssh.KeyAlgoRSASHA256 && algorithm != ssh.KeyAlgoRSASHA512) {
		return nil
	}
	for line := range bytes.Lines(list) {
		if k, _, _, _, err := ssh.ParseAuthorizedKey(line); err == nil && bytes.Equal(k.Marshal(), blob) {
			return key
		}
	}
	return nil
}

// signed verifies the signature at the end of a request, which covers the session and all
// of the request before it.
func (a *authentication) signed(key ssh.PublicKey, algorithm string, rest, p []byte, bound bool) bool {
	var s struct{ Signature []byte }
	var h struct{ HostKey, Signature []byte }
	if bound {
		if ssh.Unmarshal(rest, &h) != nil {
			return false
		}
		s.Signature = h.Signature
	} else if ssh.Unmarshal(rest, &s) != nil {
		return false
	}
	var sig ssh.Signature
	if ssh.Unmarshal(s.Signature, &sig) != nil || sig.Format != algorithm {
		return false
	}
	id := a.t.SessionID()
	data := binary.BigEndian.AppendUint32(nil, uint32(len(id)))
	data = append(append(data, id...), p[:len(p)-4-len(s.Signature)]...)
	return key.Verify(data, &sig) == nil
}

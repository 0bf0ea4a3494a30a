package ssh

import (
	"crypto/rand"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
)

// Everything that would lead from here to elsewhere is recorded and refused, as an sshd
// does whose administrator has turned forwarding off. Nothing is resolved or dialled.

func number(key string, n uint32) decnet.Field {
	return decnet.F(key, strconv.FormatUint(uint64(n), 10))
}

func (u *user) reportForward(kind string, fields ...decnet.Field) {
	u.session.Emit("forward_request", append([]decnet.Field{decnet.F("kind", kind)}, fields...)...)
}

// refuseChannel answers the channels that are not sessions.
func (u *user) refuseChannel(open ssh.NewChannel) {
	kind := open.ChannelType()
	reason := ssh.ConnectionFailed
	switch kind {
	case "direct-tcpip":
		var m struct {
			Host     string
			Port     uint32
			From     string
			FromPort uint32
		}
		if ssh.Unmarshal(open.ExtraData(), &m) == nil {
			u.reportForward(kind, decnet.F("dst_host", m.Host), number("dst_port", m.Port),
				decnet.F("origin_host", m.From), number("origin_port", m.FromPort))
		}
		reason = ssh.Prohibited
	case "direct-streamlocal@openssh.com":
		var m struct {
			Path     string
			Reserved string
			Port     uint32
		}
		if ssh.Unmarshal(open.ExtraData(), &m) == nil {
			u.reportForward(kind, decnet.F("dst_path", m.Path))
		}
	default:
		u.reportForward(kind)
	}
	_ = open.Reject(reason, "open failed")
}

// answer answers a request that concerns the whole connection.
func (u *user) answer(r *ssh.Request) {
	ok, payload := u.globalRequest(r)
	_ = r.Reply(ok, payload)
}

func (u *user) globalRequest(r *ssh.Request) (bool, []byte) {
	switch r.Type {
	case "tcpip-forward", "cancel-tcpip-forward":
		var m struct {
			Host string
			Port uint32
		}
		if ssh.Unmarshal(r.Payload, &m) == nil {
			u.reportForward(r.Type, decnet.F("dst_host", m.Host), number("dst_port", m.Port))
		}
		if r.Type == "tcpip-forward" {
			_ = u.t.SendDebug("Server has disabled port forwarding.")
		}
	case "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com":
		var m struct{ Path string }
		if ssh.Unmarshal(r.Payload, &m) == nil {
			u.reportForward(strings.TrimSuffix(r.Type, "@openssh.com"), decnet.F("dst_path", m.Path))
		}
		if r.Type == "streamlocal-forward@openssh.com" {
			_ = u.t.SendDebug("Server has disabled streamlocal forwarding.")
		}
	case "no-more-sessions@openssh.com":
		return true, nil
	case hostKeysProve:
		return u.proveKeys(r.Payload)
	}
	return false, nil
}

// The requests by which OpenSSH tells clients of host keys that they have not seen yet
// (OpenSSH PROTOCOL section 2.5).
const (
	hostKeysAnnounce = "hostkeys-00@openssh.com"
	hostKeysProve    = "hostkeys-prove-00@openssh.com"
	msgGlobalRequest = 80
)

func (u *user) announceKeys() error {
	if !u.openSSH {
		return nil
	}
	p := ssh.Marshal(&struct {
		Name      string `sshtype:"80"`
		WantReply bool
	}{Name: hostKeysAnnounce})
	for _, k := range u.srv.keys.all() {
		p = append(p, ssh.Marshal(&struct{ Blob []byte }{k.PublicKey().Marshal()})...)
	}
	return u.t.WritePacket(p)
}

// proveKeys signs for the keys that the client names, each of which must be ours.
func (u *user) proveKeys(payload []byte) (bool, []byte) {
	var out []byte
	for len(payload) > 0 {
		var m struct {
			Blob []byte
			Rest []byte `ssh:"rest"`
		}
		if ssh.Unmarshal(payload, &m) != nil {
			return false, nil
		}
		payload = m.Rest
		sig := u.proveKey(m.Blob)
		if sig == nil {
			return false, nil
		}
		out = append(out, ssh.Marshal(&struct{ Signature []byte }{sig})...)
		if len(out) > maxProof {
			return false, nil
		}
	}
	return true, out
}

// maxProof bounds the signatures that one request may ask for.
const maxProof = 4 << 10

func (u *user) proveKey(blob []byte) []byte {
	for _, k := range u.srv.keys.all() {
		if string(k.PublicKey().Marshal()) != string(blob) {
			continue
		}
		algorithm := k.PublicKey().Type()
		if algorithm == ssh.KeyAlgoRSA {
			algorithm = rsa512
			if u.t.Agreement().HostKey == rsa256 {
				algorithm = rsa256
			}
		}
		sig, err := k.SignWithAlgorithm(rand.Reader, ssh.Marshal(&struct {
			Name    string
			Session []byte
			Blob    []byte
		}{hostKeysProve, u.t.SessionID(), blob}), algorithm)
		if err != nil {
			return nil
		}
		return ssh.Marshal(sig)
	}
	return nil
}

package transport

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

const (
	strictServer = "kex-strict-s-v00@openssh.com"
	strictClient = "kex-strict-c-v00@openssh.com"
)

// Agreement is what a key exchange agreed on.
type Agreement struct {
	Kex, HostKey                   string
	CipherC2S, CipherS2C           string
	MACC2S, MACS2C                 string // "" with a cipher that authenticates by itself
	CompressionC2S, CompressionS2C string
}

// kexInit is a KEXINIT message: its payload and what it says.
type kexInit struct {
	payload      []byte
	lists        [10][]string // in the order of RFC 4253 section 7.1
	guessFollows bool
}

// The indices of kexInit.lists.
const (
	listKex = iota
	listHostKey
	listCipherC2S
	listCipherS2C
	listMACC2S
	listMACS2C
	listCompC2S
	listCompS2C
	listLangC2S
	listLangS2C
)

// parseKexInit takes a KEXINIT apart; payload is kept.
func parseKexInit(payload []byte) (*kexInit, error) {
	const cookie = 16
	k := &kexInit{payload: payload}
	f := wire.Read(payload)
	f.Bytes(1 + cookie)
	for i := range k.lists {
		if s := f.ByteString(); len(s) > 0 {
			k.lists[i] = strings.Split(string(s), ",")
		}
	}
	k.guessFollows = f.Bool()
	f.Uint32()
	if !f.OK() {
		return nil, errCorrupt
	}
	return k, nil
}

func (t *Transport) sendKexInit() (*kexInit, error) {
	c := t.cfg
	keys := make([]string, len(c.HostKeys))
	for i := range c.HostKeys {
		keys[i] = c.HostKeys[i].Algorithm
	}
	ours := &kexInit{lists: [10][]string{
		c.Kex, keys, c.Ciphers, c.Ciphers, c.MACs, c.MACs, c.Compression, c.Compression, nil, nil,
	}}
	p := make([]byte, 17, 1200)
	p[0] = msgKexInit
	if _, err := io.ReadFull(c.Rand, p[1:]); err != nil {
		return nil, err
	}
	for _, l := range ours.lists {
		p = appendList(p, l)
	}
	ours.payload = append(p, 0, 0, 0, 0, 0)
	return ours, t.write(ours.payload)
}

// beginKex keeps other writers out until the function that it returns is called.
func (t *Transport) beginKex() func() {
	t.mu.Lock()
	t.inKex = true
	return func() {
		t.inKex = false
		t.mu.Unlock()
	}
}

// rekey carries out a key exchange that the client asked for.
func (t *Transport) rekey(theirs []byte) error {
	defer t.beginKex()()
	ours, err := t.sendKexInit()
	if err != nil {
		return err
	}
	return t.exchange(theirs, ours, false)
}

// awaitKex returns the next packet, which must be of the given type. Others are answered
// as sshd answers them in this phase.
func (t *Transport) awaitKex(want byte) ([]byte, error) {
	for {
		p, err := t.read()
		if err != nil {
			return nil, err
		}
		if p[0] == want {
			return p, nil
		}
		if t.strict && t.sessionID == nil && p[0] != msgDisconnect {
			return nil, t.disconnect(fmt.Sprintf("strict KEX violation: unexpected packet type %d (seqnr %d)", p[0], t.lastSeq))
		}
		switch {
		case p[0] == msgIgnore, p[0] == msgDebug, p[0] == msgUnimplemented:
		case p[0] == msgDisconnect:
			return nil, disconnected(p)
		case p[0] < 50:
			if err := t.write(wire.AppendUint32([]byte{msgUnimplemented}, t.lastSeq)); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: message %d during key exchange", ErrProtocol, p[0])
		}
	}
}

// exchange agrees on algorithms, runs the method agreed on and changes keys (RFC 4253
// sections 7 to 7.3).
func (t *Transport) exchange(theirPayload []byte, ours *kexInit, first bool) error {
	theirs, err := parseKexInit(theirPayload)
	if err != nil {
		return err
	}
	if first {
		t.wantsExtInfo = slices.Contains(theirs.lists[listKex], "ext-info-c")
		t.strict = slices.Contains(ours.lists[listKex], strictServer) && slices.Contains(theirs.lists[listKex], strictClient)
		if t.strict && t.lastSeq != 0 {
			return t.disconnect("strict KEX violation: KEXINIT was not the first packet")
		}
	}
	a, err := agree(theirs, ours)
	if err != nil {
		return err
	}
	if theirs.guessFollows && guessedWrong(theirs, ours) {
		if _, err := t.read(); err != nil {
			return err
		}
	}
	result, err := t.runMethod(a, theirs, ours)
	if err != nil {
		return err
	}
	if t.sessionID == nil {
		t.sessionID = result.h
	}
	t.agreed = a
	return t.changeKeys(result, first)
}

// guessedWrong reports whether the packet that the client sent ahead must be skipped.
func guessedWrong(theirs, ours *kexInit) bool {
	differ := func(list int) bool {
		return len(theirs.lists[list]) == 0 || theirs.lists[list][0] != ours.lists[list][0]
	}
	return differ(listKex) || differ(listHostKey)
}

// agree picks the client's first choice of each list that the server has too.
func agree(theirs, ours *kexInit) (Agreement, error) {
	var a Agreement
	for _, item := range []struct {
		list int
		name *string
		skip func() bool
	}{
		{listKex, &a.Kex, nil},
		{listHostKey, &a.HostKey, nil},
		{listCipherC2S, &a.CipherC2S, nil},
		{listCipherS2C, &a.CipherS2C, nil},
		{listMACC2S, &a.MACC2S, func() bool { return isAEAD(a.CipherC2S) }},
		{listMACS2C, &a.MACS2C, func() bool { return isAEAD(a.CipherS2C) }},
		{listCompC2S, &a.CompressionC2S, nil},
		{listCompS2C, &a.CompressionS2C, nil},
	} {
		if item.skip != nil && item.skip() {
			continue
		}
		for _, name := range theirs.lists[item.list] {
			if slices.Contains(ours.lists[item.list], name) && !isMarker(name) {
				*item.name = name
				break
			}
		}
		if *item.name == "" {
			return a, fmt.Errorf("%w: no common algorithm, list %d", ErrProtocol, item.list)
		}
	}
	return a, nil
}

// isMarker reports whether a name in the list of key exchange methods is not a method.
func isMarker(name string) bool {
	return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
}

// kexResult is the outcome of a key exchange method: the exchange hash, and the shared
// secret as it is fed to the hash.
type kexResult struct {
	h, k []byte
	hash crypto.Hash
}

// changeKeys sends and awaits NEWKEYS and takes the new keys into use.
func (t *Transport) changeKeys(r *kexResult, first bool) error {
	out, err := newPackets(t.agreed.CipherS2C, t.agreed.MACS2C, false, r.material("BDF", t.sessionID))
	if err != nil {
		return err
	}
	in, err := newPackets(t.agreed.CipherC2S, t.agreed.MACC2S, true, r.material("ACE", t.sessionID))
	if err != nil {
		return err
	}
	if err := t.write([]byte{msgNewKeys}); err != nil {
		return err
	}
	t.out = out
	if t.strict {
		t.outSeq = 0
	}
	if first && t.wantsExtInfo && len(t.cfg.ExtInfo) > 0 {
		if err := t.write(t.cfg.extInfo()); err != nil {
			return err
		}
	}
	if _, err := t.awaitKex(msgNewKeys); err != nil {
		return err
	}
	t.in = in
	if t.strict {
		t.inSeq = 0
	}
	t.resetCompression()
	return nil
}

func (c *Config) extInfo() []byte {
	p := wire.AppendUint32([]byte{msgExtInfo}, uint32(len(c.ExtInfo)))
	for _, e := range c.ExtInfo {
		p = wire.AppendString(wire.AppendString(p, e.Name), e.Value)
	}
	return p
}

// material returns the derivation of RFC 4253 section 7.2 for the three letters of one
// direction.
func (r *kexResult) material(letters string, sessionID []byte) func(kind, n int) []byte {
	return func(kind, n int) []byte {
		var out []byte
		for len(out) < n {
			h := r.hash.New()
			h.Write(r.k)
			h.Write(r.h)
			if len(out) == 0 {
				h.Write([]byte{letters[kind]})
				h.Write(sessionID)
			} else {
				h.Write(out)
			}
			out = h.Sum(out)
		}
		return out[:n]
	}
}

// transcript collects what the exchange hash covers.
type transcript struct{ bytes.Buffer }

func (t *Transport) newTranscript(theirs, ours *kexInit, hostKey []byte) *transcript {
	var x transcript
	x.string(t.clientVersion)
	x.string([]byte("SSH-2.0-" + t.cfg.Version))
	x.string(theirs.payload)
	x.string(ours.payload)
	x.string(hostKey)
	return &x
}

func (x *transcript) string(b []byte) {
	x.Write(wire.AppendUint32(x.AvailableBuffer(), uint32(len(b))))
	x.Write(b)
}

// sign returns the exchange hash over x and k, and the host key's signature of it.
func (x *transcript) sign(method kexMethod, k []byte, key ssh.AlgorithmSigner, algorithm string) (*kexResult, []byte, error) {
	x.Write(k)
	h := method.hash.New()
	h.Write(x.Bytes())
	r := &kexResult{h: h.Sum(nil), k: k, hash: method.hash}
	sig, err := key.SignWithAlgorithm(rand.Reader, r.h, algorithm)
	if err != nil {
		return nil, nil, err
	}
	return r, ssh.Marshal(sig), nil
}

func (t *Transport) runMethod(a Agreement, theirs, ours *kexInit) (*kexResult, error) {
	method, ok := kexMethods[a.Kex]
	if !ok {
		return nil, fmt.Errorf("ssh: no key exchange method %q", a.Kex)
	}
	i := slices.IndexFunc(t.cfg.HostKeys, func(k HostKey) bool { return k.Algorithm == a.HostKey })
	key := t.cfg.HostKeys[i].Signer()
	blob := key.PublicKey().Marshal()
	x := t.newTranscript(theirs, ours, blob)
	answer, public, k, err := method.run(t, method, x)
	if err != nil {
		return nil, err
	}
	result, sig, err := x.sign(method, k, key, a.HostKey)
	if err != nil {
		return nil, err
	}
	reply := wire.AppendString([]byte{answer}, blob)
	reply = append(reply, public...)
	return result, t.write(wire.AppendString(reply, sig))
}

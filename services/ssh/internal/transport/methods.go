package transport

import (
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	_ "crypto/sha1"   // registers crypto.SHA1
	_ "crypto/sha256" // registers crypto.SHA256
	_ "crypto/sha512" // registers crypto.SHA384 and SHA512
	"fmt"
	"math/big"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// Message numbers of the key exchange methods (RFC 4253 section 8, RFC 4419, RFC 5656).
const (
	msgKexInitial = 30 // KEXDH_INIT, KEX_ECDH_INIT
	msgKexReply   = 31
	msgGexGroup   = 31
	msgGexInit    = 32
	msgGexReply   = 33
	msgGexRequest = 34
)

// kexMethod is one key exchange method. run reads the client's part, completes the
// transcript up to the shared secret, and returns the number of the reply, the server's
// public part as the reply has it, and the shared secret as the hash takes it.
type kexMethod struct {
	hash  crypto.Hash
	curve ecdh.Curve
	group func() *big.Int
	run   func(t *Transport, m kexMethod, x *transcript) (reply byte, public, k []byte, err error)
}

var kexMethods = map[string]kexMethod{
	"mlkem768x25519-sha256":                {hash: crypto.SHA256, curve: ecdh.X25519(), run: runMLKEM},
	"sntrup761x25519-sha512":               {hash: crypto.SHA512, curve: ecdh.X25519(), run: runSNTRUP},
	"sntrup761x25519-sha512@openssh.com":   {hash: crypto.SHA512, curve: ecdh.X25519(), run: runSNTRUP},
	"curve25519-sha256":                    {hash: crypto.SHA256, curve: ecdh.X25519(), run: runECDH},
	"curve25519-sha256@libssh.org":         {hash: crypto.SHA256, curve: ecdh.X25519(), run: runECDH},
	"ecdh-sha2-nistp256":                   {hash: crypto.SHA256, curve: ecdh.P256(), run: runECDH},
	"ecdh-sha2-nistp384":                   {hash: crypto.SHA384, curve: ecdh.P384(), run: runECDH},
	"ecdh-sha2-nistp521":                   {hash: crypto.SHA512, curve: ecdh.P521(), run: runECDH},
	"diffie-hellman-group1-sha1":           {hash: crypto.SHA1, group: group1, run: runDH},
	"diffie-hellman-group14-sha1":          {hash: crypto.SHA1, group: group14, run: runDH},
	"diffie-hellman-group14-sha256":        {hash: crypto.SHA256, group: group14, run: runDH},
	"diffie-hellman-group16-sha512":        {hash: crypto.SHA512, group: group16, run: runDH},
	"diffie-hellman-group18-sha512":        {hash: crypto.SHA512, group: group18, run: runDH},
	"diffie-hellman-group-exchange-sha1":   {hash: crypto.SHA1, run: runGEX},
	"diffie-hellman-group-exchange-sha256": {hash: crypto.SHA256, run: runGEX},
}

var errKexValue = fmt.Errorf("%w: bad value in key exchange", ErrProtocol)

// clientString reads the one string of the client's first message.
func (t *Transport) clientString() ([]byte, error) {
	p, err := t.awaitKex(msgKexInitial)
	if err != nil {
		return nil, err
	}
	f := wire.Read(p[1:])
	s := f.ByteString()
	if !f.End() {
		return nil, errKexValue
	}
	return s, nil
}

// agreeOnCurve returns our public key and the shared secret with theirs.
func agreeOnCurve(curve ecdh.Curve, theirs []byte) (public, shared []byte, err error) {
	peer, err := curve.NewPublicKey(theirs)
	if err != nil {
		return nil, nil, errKexValue
	}
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if shared, err = key.ECDH(peer); err != nil {
		return nil, nil, errKexValue
	}
	return key.PublicKey().Bytes(), shared, nil
}

// runECDH is RFC 5656 section 4 and RFC 8731.
func runECDH(t *Transport, m kexMethod, x *transcript) (byte, []byte, []byte, error) {
	theirs, err := t.clientString()
	if err != nil {
		return 0, nil, nil, err
	}
	ours, shared, err := agreeOnCurve(m.curve, theirs)
	if err != nil {
		return 0, nil, nil, err
	}
	x.string(theirs)
	x.string(ours)
	return msgKexReply, wire.AppendString(nil, ours), wire.AppendMPInt(nil, shared), nil
}

// runHybrid combines a key encapsulation with X25519: both public parts are joined, and
// the secret is a hash of both secrets.
func runHybrid(t *Transport, m kexMethod, x *transcript, keySize int, encapsulate func(key []byte) (shared, ciphertext []byte, err error)) (byte, []byte, []byte, error) {
	theirs, err := t.clientString()
	if err != nil {
		return 0, nil, nil, err
	}
	if len(theirs) != keySize+32 {
		return 0, nil, nil, errKexValue
	}
	secret, ciphertext, err := encapsulate(theirs[:keySize])
	if err != nil {
		return 0, nil, nil, errKexValue
	}
	public, shared, err := agreeOnCurve(m.curve, theirs[keySize:])
	if err != nil {
		return 0, nil, nil, err
	}
	ours := append(ciphertext, public...)
	h := m.hash.New()
	h.Write(secret)
	h.Write(shared)
	x.string(theirs)
	x.string(ours)
	return msgKexReply, wire.AppendString(nil, ours), wire.AppendString(nil, h.Sum(nil)), nil
}

// runMLKEM is draft-ietf-sshm-mlkem-hybrid-kex.
func runMLKEM(t *Transport, m kexMethod, x *transcript) (byte, []byte, []byte, error) {
	return runHybrid(t, m, x, mlkem.EncapsulationKeySize768, func(key []byte) ([]byte, []byte, error) {
		k, err := mlkem.NewEncapsulationKey768(key)
		if err != nil {
			return nil, nil, err
		}
		shared, ciphertext := k.Encapsulate()
		return shared, ciphertext, nil
	})
}

// runSNTRUP is draft-ietf-sshm-ntruprime-ssh.
func runSNTRUP(t *Transport, m kexMethod, x *transcript) (byte, []byte, []byte, error) {
	return runHybrid(t, m, x, sntrupKeySize, func(key []byte) ([]byte, []byte, error) {
		return sntrupEncapsulate(key, rand.Reader)
	})
}

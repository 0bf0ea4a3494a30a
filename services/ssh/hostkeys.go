package ssh

import (
	"crypto/rsa"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/keys"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

// rsaBits is what ssh-keygen -A makes.
const rsaBits = 3072

// hostKeys holds a decky's host keys. The RSA key takes a second or more to find, so the
// search starts with the first client that asks for it or, being OpenSSH, will be told of
// it when it is in; most bots need it never.
type hostKeys struct {
	rsa, ecdsa, ed25519 func() ssh.AlgorithmSigner
	searching           sync.WaitGroup
	started             sync.Once
}

func newHostKeys(id services.Identity) *hostKeys {
	return &hostKeys{
		rsa:     sync.OnceValue(func() ssh.AlgorithmSigner { return signer(searchRSA(id)) }),
		ecdsa:   sync.OnceValue(func() ssh.AlgorithmSigner { return signer(keys.ECDSA(id, "ssh")) }),
		ed25519: sync.OnceValue(func() ssh.AlgorithmSigner { return signer(keys.Ed25519(id, "ssh")) }),
	}
}

func searchRSA(id services.Identity) *rsa.PrivateKey { return keys.RSA(id, "ssh", rsaBits) }

// signer wraps one of our own keys, which x/crypto/ssh always takes.
func signer(key any) ssh.AlgorithmSigner {
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return s.(ssh.AlgorithmSigner)
}

// prepare starts the search for the RSA key if it has not begun.
func (k *hostKeys) prepare() {
	k.started.Do(func() { k.searching.Go(func() { k.rsa() }) })
}

// offer returns the keys under the names of the signature algorithms.
func (k *hostKeys) offer(names []string) []transport.HostKey {
	list := make([]transport.HostKey, len(names))
	for i, name := range names {
		list[i] = transport.HostKey{Algorithm: name, Signer: k.rsa}
		switch name {
		case ecdsa256:
			list[i].Signer = k.ecdsa
		case ed25519:
			list[i].Signer = k.ed25519
		}
	}
	return list
}

// all returns the keys in the order in which sshd announces them.
func (k *hostKeys) all() []ssh.AlgorithmSigner {
	return []ssh.AlgorithmSigner{k.rsa(), k.ecdsa(), k.ed25519()}
}

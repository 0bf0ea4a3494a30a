package transport

import (
	"crypto/rand"
	"math/big"
	"sync"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// The Diffie-Hellman groups of RFC 2409 section 6.2 and RFC 3526. Each prime is
// 2^n - 2^(n-64) - 1 + 2^64*(floor(2^(n-130)*pi) + k), which makes n and k the whole table.
var (
	group1  = modp(1024, 129093)
	group14 = modp(2048, 124476)
	group15 = modp(3072, 1690314)
	group16 = modp(4096, 240904)
	group17 = modp(6144, 929484)
	group18 = modp(8192, 4743158)
)

func modp(n uint, k int64) func() *big.Int {
	return sync.OnceValue(func() *big.Int {
		one := big.NewInt(1)
		p := new(big.Int).Lsh(one, n)
		p.Sub(p, new(big.Int).Lsh(one, n-64))
		p.Sub(p, one)
		middle := pi(n - 130)
		middle.Add(middle, big.NewInt(k))
		return p.Add(p, middle.Lsh(middle, 64))
	})
}

// pi returns floor(2^bits * pi) by Machin's formula, computed with some bits to spare.
func pi(bits uint) *big.Int {
	const spare = 64
	unit := new(big.Int).Lsh(big.NewInt(1), bits+spare)
	a := arccot(5, unit)
	a.Mul(a, big.NewInt(16))
	b := arccot(239, unit)
	a.Sub(a, b.Mul(b, big.NewInt(4)))
	return a.Rsh(a, spare)
}

// arccot returns unit*arctan(1/x).
func arccot(x int64, unit *big.Int) *big.Int {
	square := big.NewInt(x * x)
	power := new(big.Int).Div(unit, big.NewInt(x))
	sum := new(big.Int)
	term := new(big.Int)
	for n := int64(1); power.Sign() != 0; n += 2 {
		term.Div(power, big.NewInt(n))
		if n%4 == 1 {
			sum.Add(sum, term)
		} else {
			sum.Sub(sum, term)
		}
		power.Div(power, square)
	}
	return sum
}

var two = big.NewInt(2)

// exponentBits is the length of our private exponents: twice the strongest key derived.
const exponentBits = 512

// agreeInGroup returns our public value and the secret shared with theirs.
func agreeInGroup(p, theirs *big.Int) (public, shared *big.Int, err error) {
	if theirs.Cmp(two) < 0 || theirs.Cmp(new(big.Int).Sub(p, two)) > 0 {
		return nil, nil, errKexValue
	}
	y, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), exponentBits))
	if err != nil {
		return nil, nil, err
	}
	y.Add(y, two)
	return new(big.Int).Exp(two, y, p), new(big.Int).Exp(theirs, y, p), nil
}

// clientInteger reads the one integer of a client's message.
func (t *Transport) clientInteger(message byte) (*big.Int, error) {
	p, err := t.awaitKex(message)
	if err != nil {
		return nil, err
	}
	f := wire.Read(p[1:])
	n := f.MPInt()
	if !f.End() {
		return nil, errKexValue
	}
	return n, nil
}

// runDH is RFC 4253 section 8.
func runDH(t *Transport, m kexMethod, x *transcript) (byte, []byte, []byte, error) {
	theirs, err := t.clientInteger(msgKexInitial)
	if err != nil {
		return 0, nil, nil, err
	}
	ours, shared, err := agreeInGroup(m.group(), theirs)
	if err != nil {
		return 0, nil, nil, err
	}
	x.Write(appendBigInt(nil, theirs))
	x.Write(appendBigInt(nil, ours))
	return msgKexReply, appendBigInt(nil, ours), appendBigInt(nil, shared), nil
}

// The sizes of groups that OpenSSH hands out (DH_GRP_MIN, DH_GRP_MAX).
const gexMin, gexMax = 2048, 8192

// runGEX is RFC 4419: the client says how large a group it wants, the server picks one.
func runGEX(t *Transport, _ kexMethod, x *transcript) (byte, []byte, []byte, error) {
	p, err := t.awaitKex(msgGexRequest)
	if err != nil {
		return 0, nil, nil, err
	}
	f := wire.Read(p[1:])
	low, want, high := f.Uint32(), f.Uint32(), f.Uint32()
	if !f.End() || high < low || want < low || high < want || high < gexMin {
		return 0, nil, nil, errKexValue
	}
	prime := gexGroup(want, high)
	if err := t.write(appendBigInt(appendBigInt([]byte{msgGexGroup}, prime), two)); err != nil {
		return 0, nil, nil, err
	}
	theirs, err := t.clientInteger(msgGexInit)
	if err != nil {
		return 0, nil, nil, err
	}
	ours, shared, err := agreeInGroup(prime, theirs)
	if err != nil {
		return 0, nil, nil, err
	}
	for _, n := range []uint32{low, want, high} {
		x.Write(wire.AppendUint32(nil, n))
	}
	for _, n := range []*big.Int{prime, two, theirs, ours} {
		x.Write(appendBigInt(nil, n))
	}
	return msgGexReply, appendBigInt(nil, ours), appendBigInt(nil, shared), nil
}

// gexGroup returns the smallest group of at least want bits, or else the largest of at
// most high bits.
func gexGroup(want, high uint32) *big.Int {
	want, high = max(want, gexMin), min(high, gexMax)
	best := group14
	for _, g := range []struct {
		bits  uint32
		prime func() *big.Int
	}{{3072, group15}, {4096, group16}, {6144, group17}, {8192, group18}} {
		if g.bits > high {
			break
		}
		if best().BitLen() < int(want) {
			best = g.prime
		}
	}
	return best()
}

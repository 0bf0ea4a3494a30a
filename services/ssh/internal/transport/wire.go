package transport

import (
	"math/big"
	"strings"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

func appendList(b []byte, names []string) []byte {
	return wire.AppendString(b, strings.Join(names, ","))
}

func appendBigInt(b []byte, n *big.Int) []byte { return wire.AppendMPInt(b, n.Bytes()) }

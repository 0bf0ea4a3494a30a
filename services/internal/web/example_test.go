package web_test

import (
	"fmt"

	"github.com/decnet/decnet/services/internal/web"
)

// The https honeypot has the keys of http and three of its own.
func ExampleTLSKeys() {
	for _, k := range web.TLSKeys()[len(web.Keys()):] {
		fmt.Println(k.Name, k.Type)
	}
	// Output:
	// tls_cert path
	// tls_key path
	// tls_cn string
}

package native_test

import (
	"fmt"

	"github.com/decnet/decnet/collector/native"
	"github.com/decnet/decnet/rfc5424"
)

func Example() {
	e, err := rfc5424.Parse("<38>1 2026-04-18T02:22:57Z decky-01 sshd 7 - - " +
		"Failed password for invalid user x from 198.51.100.1 port 1 ssh2 from 203.0.113.9 port 51022 ssh2")
	if err != nil {
		fmt.Println(err)
		return
	}
	native.Normalize(&e, "ssh")
	fmt.Println(e.Service, e.Type, e.Attacker)
	fmt.Printf("%q\n", e.Value("username"))
	// Output:
	// ssh auth_attempt 203.0.113.9
	// "x from 198.51.100.1 port 1 ssh2"
}

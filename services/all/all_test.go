package all_test

import (
	"fmt"
	"strings"

	"github.com/decnet/decnet/services/all"
)

func ExampleRegistry() {
	registry, err := all.Registry()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(registry.Names(), " "))
	// Output: ftp http https mysql redis smtp smtp_relay ssh telnet
}

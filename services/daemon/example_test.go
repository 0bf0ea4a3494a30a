package daemon_test

import (
	"fmt"
	"io/fs"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/daemon"
)

func ExampleContainer() {
	c, err := daemon.Container("telnet", services.Config{"daemon": daemon.Real})
	if err != nil {
		panic(err)
	}
	files, err := fs.Glob(c.Context, "*")
	fmt.Println(files, err)
	_, err = daemon.Container("ssh", services.Config{"daemon": daemon.Real, "version": "OpenSSH_7.4"})
	fmt.Println(err)
	// Output:
	// [Dockerfile bash.bashrc cloud.conf common-auth factory] <nil>
	// ssh: version has no effect with daemon=real: semantic
}

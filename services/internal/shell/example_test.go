package shell_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/shell"
)

func Example() {
	env := services.Env{Decky: "web-01", Identity: services.Identity{Hostname: "web-01", Distro: "ubuntu22"}}.Complete()
	m := shell.NewMachine(env.Identity, time.Now, shell.Options{})
	session := env.PacketSession("ssh", netip.MustParseAddrPort("192.0.2.7:4711"))
	sh := m.Login(session, "root")
	defer sh.Close()
	status := sh.Exec(context.Background(), "grep ^NAME /etc/os-release; id -un; ./bot", shell.Stdio{Out: os.Stdout, Err: os.Stdout})
	fmt.Println(status)
	// Output:
	// NAME="Ubuntu"
	// root
	// bash: line 1: ./bot: No such file or directory
	// 127
}

func ExampleShell_Files() {
	env := services.Env{Decky: "web-01"}.Complete()
	m := shell.NewMachine(env.Identity, time.Now, shell.Options{})
	sh := m.Login(env.PacketSession("ssh", netip.MustParseAddrPort("192.0.2.7:4711")), "root")
	defer sh.Close()
	f, err := sh.Files().Open("upload.sh", os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintln(f, "echo I am $0")
	f.Close() // reports file_captured
	sh.Exec(context.Background(), "/root/upload.sh", shell.Stdio{Out: os.Stdout, Err: os.Stdout})
	// Output: I am /root/upload.sh
}

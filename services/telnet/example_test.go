package telnet_test

import (
	"fmt"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/telnet"
)

func ExampleService() {
	var svc telnet.Service
	fmt.Println(svc.Info().Title, svc.Info().Ports)
	_, err := svc.New(services.Env{Decky: "decky-01"}, services.Config{"telnetd": "windows"})
	fmt.Println(err)
	// Output:
	// Telnet server with log-in and a shell [23/tcp]
	// telnet: telnetd: "windows" is not one of auto, inetutils, netkit, busybox: semantic
}

// Command pot stands in for decnet-pot.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/decnet/decnet/fleet"
)

func main() {
	if p, err := fleet.ParsePersona(os.Getenv(fleet.PersonaVar)); err == nil && os.Args[1] == fleet.PotServe {
		for _, port := range p.Ports {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", port.Number))
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					c.Close()
				}
			}()
		}
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
}

// Command printer prints numbered events as the honeypot of a container does, and ends when
// it is told to.
//
//	printer DECKY SERVICE lines N EVERY   N events (0: without end), and waits then
//	printer DECKY SERVICE hostile         what no honeypot prints
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	head := fmt.Sprintf(" %s %s - command [relay@55555 run=\"%d\"", os.Args[1], os.Args[2], time.Now().UnixNano())
	event := func(field string) []byte {
		return fmt.Appendf(nil, "<134>1 %s%s %s]\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000+00:00"), head, field)
	}
	switch os.Args[3] {
	case "lines":
		n, err := strconv.Atoi(os.Args[4])
		check(err)
		every, err := time.ParseDuration(os.Args[5])
		check(err)
		for i := 0; n == 0 || i < n; i++ {
			select {
			case <-stop:
				return
			default:
			}
			print(event(fmt.Sprintf("n=\"%d\"", i)))
			time.Sleep(every)
		}
	case "hostile":
		print(event(`n="0"`))
		print([]byte("garbage \xff\xfe\x00\x1b[2J\n"))
		print(event(`long="` + strings.Repeat("x", 100_000) + `"`))
		print([]byte("\n\r\n"))
		print(append(bytes.Repeat([]byte("y"), 3<<20), '\n'))
		print([]byte("<134>1 2026-01-01T00:00:00Z other-decky redis - command [relay@55555 n=\"forged\"]\n"))
		print([]byte("{\"log\":\"<134>1 2026-01-01T00:00:00Z other-decky redis - - - x\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}\n"))
		_, err := os.Stderr.WriteString("<134>1 2026-01-01T00:00:00Z d s - command [relay@55555 n=\"stderr\"]\n")
		check(err)
		print(event(`n="1"`))
		print([]byte("no end"))
		return
	}
	<-stop
}

func print(line []byte) {
	_, err := os.Stdout.Write(line)
	check(err)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

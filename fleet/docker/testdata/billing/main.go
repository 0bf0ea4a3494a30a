// Command billing stands for the program of an image that an operator brings: it knows
// nothing of deckies. The first thing that it does is to reach out.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "hold" {
		time.Sleep(time.Hour)
	}
	if len(os.Args) > 1 { // a health check
		resp, err := http.Get("http://127.0.0.1:8080/")
		if err != nil || resp.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	c, err := net.Dial("udp", "10.99.0.50:9")
	if err == nil {
		_, err = c.Write([]byte("hello"))
	}
	fmt.Println("reached out:", err)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "billing") })
	fmt.Println(http.ListenAndServe(":8080", nil))
}

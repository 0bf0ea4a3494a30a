// Command summary reads `go test -json` on standard input, shows the output of what
// failed, names what was skipped, and ends with the count "N passed, N failed, N skipped".
// It fails when a test or a package failed, and when a test was skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	if !summarise(os.Stdin, os.Stdout) {
		os.Exit(1)
	}
}

// summarise reports whether everything passed and nothing was skipped.
func summarise(r io.Reader, w io.Writer) bool {
	start := time.Now()
	output := map[string]*strings.Builder{}
	var passed, failed, skipped int
	broken := false
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Fprintln(w, in.Text()) // what the go command itself says
			continue
		}
		id := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[id] == nil {
				output[id] = new(strings.Builder)
			}
			output[id].WriteString(e.Output)
			continue
		case "pass":
			if e.Test != "" {
				passed++
			} else {
				fmt.Fprintf(w, "ok   %s %.1fs\n", e.Package, e.Elapsed)
			}
		case "skip":
			if e.Test != "" {
				skipped++
				fmt.Fprintf(w, "SKIP %s\n%s", id, output[id])
			}
		case "fail", "build-fail":
			if e.Test != "" {
				failed++
			} else {
				broken = true
			}
			fmt.Fprintf(w, "FAIL %s\n", id)
			if output[id] != nil {
				fmt.Fprint(w, output[id])
			}
		default:
			continue
		}
		delete(output, id)
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(w, err)
		broken = true
	}
	if broken && failed == 0 {
		failed = 1
	}
	fmt.Fprintf(w, "in %s\n%d passed, %d failed, %d skipped\n", time.Since(start).Round(time.Second), passed, failed, skipped)
	return failed == 0 && skipped == 0 && passed > 0
}

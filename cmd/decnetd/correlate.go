package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/native"
	"github.com/decnet/decnet/correlate"
	"github.com/decnet/decnet/rfc5424"
)

// maxLine is the length of the longest line that an event log may have.
const maxLine = 16 << 20

func newCorrelate() *cobra.Command {
	var minDeckies int
	var format string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "correlate FILE...",
		Short: "Traversals from event logs: lines of RFC 5424 or JSON records; - reads standard input",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				format = "json"
			}
			if format != "table" && format != "json" && format != "syslog" {
				return &usageError{fmt.Errorf("--format must be table, json or syslog, not %q", format)}
			}
			if minDeckies < 1 {
				return &usageError{errors.New("--min-deckies must be at least 1")}
			}
			var engine correlate.Engine
			for _, name := range args {
				bad, err := correlateFile(cmd.Context(), &engine, name, cmd.InOrStdin())
				if err != nil {
					return err
				}
				if bad > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "decnetd: %s: %d lines are no events\n", name, bad)
				}
			}
			return printTraversals(cmd.OutOrStdout(), &engine, minDeckies, format)
		},
	}
	cmd.Flags().IntVar(&minDeckies, "min-deckies", 2, "smallest number of deckies that makes a traversal")
	cmd.Flags().StringVar(&format, "format", "table", "table, json or syslog")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	return cmd
}

// correlateFile adds the events of one log and returns how many lines were none.
func correlateFile(ctx context.Context, engine *correlate.Engine, name string, stdin io.Reader) (bad int, err error) {
	in, done, err := openInput(ctx, name, stdin)
	if err != nil {
		return 0, err
	}
	defer done()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		event, err := parseEvent(line)
		if err != nil {
			bad++
			continue
		}
		engine.Add(event)
	}
	if err := lines.Err(); err != nil {
		return bad, fmt.Errorf("%s: %w", name, err)
	}
	return bad, nil
}

// parseEvent reads a line of a raw log or of a records file.
func parseEvent(line []byte) (decnet.Event, error) {
	if line[0] == '{' {
		e, _, err := rfc5424.ParseJSON(line)
		return e, err
	}
	e, err := rfc5424.Parse(string(line))
	native.Normalize(&e, "")
	return e, err
}

func printTraversals(out io.Writer, engine *correlate.Engine, minDeckies int, format string) error {
	switch format {
	case "json":
		return newEncoder(out).Encode(engine.Report(minDeckies))
	case "syslog":
		now := time.Now()
		for _, t := range engine.Traversals(minDeckies) {
			finding := t.Finding(now)
			if _, err := out.Write(append(rfc5424.Append(nil, &finding), '\n')); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]string
	for _, t := range engine.Traversals(minDeckies) {
		rows = append(rows, t.Row())
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "no traversals")
		return err
	}
	printTable(out, correlate.Columns(), rows)
	return nil
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/store/retention"
)

// keepFlags say what the store keeps.
type keepFlags struct{ age, size string }

func (k *keepFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.age, "keep", "", "delete what was last seen longer ago, such as 90d or 36h (default: DECNET_KEEP, or keep everything)")
	cmd.Flags().StringVar(&k.size, "keep-size", "", "delete the oldest when the database is larger, such as 10G or 500M (default: DECNET_KEEP_SIZE, or no limit)")
}

// options reads the flags, and the variables where a flag is not given.
func (k *keepFlags) options(env func(string) string) (opt retention.Options, err error) {
	name := func(flag, given, variable string) string {
		if given != "" {
			return flag
		}
		return variable
	}
	if text := cmp.Or(k.age, env("DECNET_KEEP")); text != "" {
		if opt.Age, err = parseAge(text); err != nil {
			return opt, fmt.Errorf("%s: %w", name("--keep", k.age, "DECNET_KEEP"), err)
		}
	}
	if text := cmp.Or(k.size, env("DECNET_KEEP_SIZE")); text != "" {
		if opt.Size, err = parseSize(text); err != nil {
			return opt, fmt.Errorf("%s: %w", name("--keep-size", k.size, "DECNET_KEEP_SIZE"), err)
		}
	}
	return opt, nil
}

// The least that can be kept: less would delete what was not looked at yet.
const (
	minAge  = time.Hour
	minSize = 16 << 20
)

// parseAge reads a number of days (d), hours (h) or weeks (w).
func parseAge(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	n, unit, err := parseNumber(text, map[byte]int64{'h': int64(time.Hour), 'd': int64(24 * time.Hour), 'w': int64(7 * 24 * time.Hour)})
	if err != nil || n > math.MaxInt64/unit || time.Duration(n*unit) < minAge {
		return 0, fmt.Errorf("%q is not a time of at least an hour such as 36h, 90d or 12w", text)
	}
	return time.Duration(n * unit), nil
}

// parseSize reads a number of mebibytes (M), gibibytes (G) or tebibytes (T).
func parseSize(text string) (int64, error) {
	if text == "0" {
		return 0, nil
	}
	n, unit, err := parseNumber(text, map[byte]int64{'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40})
	if err != nil || n > math.MaxInt64/unit || n*unit < minSize {
		return 0, fmt.Errorf("%q is not a size of at least 16M such as 500M, 10G or 1T", text)
	}
	return n * unit, nil
}

func parseNumber(text string, units map[byte]int64) (n, unit int64, err error) {
	if text == "" {
		return 0, 1, errors.New("empty")
	}
	unit, ok := units[text[len(text)-1]]
	digits := text[:len(text)-1]
	if !ok || strings.HasPrefix(digits, "+") {
		return 0, 1, errors.New("no unit")
	}
	n, err = strconv.ParseInt(digits, 10, 64)
	return n, unit, err
}

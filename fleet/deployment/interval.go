package deployment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// GlobalIntervalKey is where store.State keeps the global mutation interval: a JSON text that
// ParseInterval reads.
const GlobalIntervalKey = "global_mutation_interval"

// GlobalInterval returns the global mutation interval that is kept in s, 0 when nobody has
// set one.
func GlobalInterval(ctx context.Context, s store.State) (time.Duration, error) {
	doc, err := s.State(ctx, GlobalIntervalKey)
	if errors.Is(err, decnet.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var text string
	if err := json.Unmarshal(doc, &text); err != nil {
		return 0, fmt.Errorf("deployment: state %s: %w", GlobalIntervalKey, err)
	}
	return ParseInterval(text)
}

// Current returns the fleet that is deployed. Its MutateInterval is the one that holds: the
// global one where that is set.
func Current(ctx context.Context, s store.State) (decnet.Fleet, error) {
	doc, err := Read(ctx, s)
	if err == nil {
		doc.MutateInterval, err = intervalOf(ctx, s, doc.Fleet)
	}
	return doc.Fleet, err
}

func intervalOf(ctx context.Context, s store.State, f decnet.Fleet) (time.Duration, error) {
	global, err := GlobalInterval(ctx, s)
	return cmp.Or(global, f.MutateInterval), err
}

// intervalText is what an interval looks like: minutes, days, months or years.
var intervalText = regexp.MustCompile(`^[1-9]\d*[mdMyY]$`)

// ParseInterval reads a mutation interval: a whole number of minutes (m), days (d), months
// of 30 days (M) or years of 365 days (y or Y). Another text, and more than 100 years, give
// an error that wraps decnet.ErrInvalid.
func ParseInterval(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	unit := map[byte]time.Duration{'m': time.Minute, 'd': day, 'M': 30 * day, 'y': 365 * day, 'Y': 365 * day}
	if !intervalText.MatchString(text) {
		return 0, fmt.Errorf("deployment: interval %.20q is not a number with m, d, M or y: %w", text, decnet.ErrInvalid)
	}
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	each := unit[text[len(text)-1]]
	if err != nil || n > int64(100*365*day/each) {
		return 0, fmt.Errorf("deployment: interval %.20q is longer than 100 years: %w", text, decnet.ErrInvalid)
	}
	return time.Duration(n) * each, nil
}

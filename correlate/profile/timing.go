package profile

import (
	"math"
	"slices"
	"time"
)

// Timing describes the intervals between an attacker's events, ordered by time. Values in
// seconds have three decimals, CV has four. Those that need an interval are nil when there
// are fewer than two events, and CV is nil too when the mean is zero.
type Timing struct {
	Events   int      `json:"event_count"`
	Duration float64  `json:"duration_s"`
	Mean     *float64 `json:"mean_iat_s"`
	Median   *float64 `json:"median_iat_s"` // of the last 128 intervals
	Stdev    *float64 `json:"stdev_iat_s"`  // of the population
	Min      *float64 `json:"min_iat_s"`
	Max      *float64 `json:"max_iat_s"`
	CV       *float64 `json:"cv"` // standard deviation divided by mean
}

// window is the number of intervals that are kept as they are.
const window = 128

// intervals folds the times of events into the moments of their intervals. The latest
// times are kept, so that a time which comes late still finds its place.
type intervals struct {
	Recent []int64 `json:"recent,omitempty"` // microseconds, sorted, at most window+1
	Old    moments `json:"old,omitzero"`     // of the intervals before Recent[0]
}

// moments holds the running mean and sum of squared differences of values in seconds, by
// Welford's method.
type moments struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	M2   float64 `json:"m2"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

func (m *moments) add(v float64) {
	if m.N == 0 || v < m.Min {
		m.Min = v
	}
	if m.N == 0 || v > m.Max {
		m.Max = v
	}
	m.N++
	d := v - m.Mean
	m.Mean += d / float64(m.N)
	m.M2 += d * (v - m.Mean)
}

func (iv *intervals) add(at time.Time) {
	t := at.UnixMicro()
	n := len(iv.Recent)
	switch {
	case n == 0 || t >= iv.Recent[n-1]:
		iv.Recent = append(iv.Recent, t)
	case t < iv.Recent[0] && iv.Old.N > 0:
		return // too late: the interval that it would split is folded already
	default:
		i, _ := slices.BinarySearch(iv.Recent, t)
		iv.Recent = slices.Insert(iv.Recent, i, t)
	}
	if len(iv.Recent) > window+1 {
		iv.Old.add(seconds(iv.Recent[1] - iv.Recent[0]))
		iv.Recent = slices.Delete(iv.Recent, 0, 1)
	}
}

func seconds(micros int64) float64 { return float64(micros) / 1e6 }

// timing describes n events from first to last.
func (iv *intervals) timing(n int, first, last time.Time) Timing {
	duration := last.Sub(first).Seconds()
	t := Timing{Events: n, Duration: round(duration, 3)}
	if n < 2 || len(iv.Recent) < 2 {
		return t
	}
	all := iv.Old
	list := make([]float64, 0, len(iv.Recent)-1)
	for i := 1; i < len(iv.Recent); i++ {
		d := seconds(iv.Recent[i] - iv.Recent[i-1])
		all.add(d)
		list = append(list, d)
	}
	slices.Sort(list)
	median := (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	mean := duration / float64(n-1)
	stdev := math.Sqrt(all.M2 / float64(all.N))
	t.Mean, t.Median, t.Stdev = rounded(mean, 3), rounded(median, 3), rounded(stdev, 3)
	t.Min, t.Max = rounded(all.Min, 3), rounded(all.Max, 3)
	if mean > 0 {
		t.CV = rounded(stdev/mean, 4)
	}
	return t
}

func round(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}

func rounded(v float64, decimals int) *float64 {
	v = round(v, decimals)
	return &v
}

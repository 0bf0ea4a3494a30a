package api

import (
	"context"
	"net/http"
	"time"

	"github.com/decnet/decnet/store"
)

// logRow is a record as the API shows it; fields is JSON text whose keys keep the order
// of the event.
type logRow struct {
	ID         int64   `json:"id"`
	Timestamp  isoTime `json:"timestamp"`
	Decky      string  `json:"decky"`
	Service    string  `json:"service"`
	EventType  string  `json:"event_type"`
	AttackerIP string  `json:"attacker_ip" doc:"Unknown when it is"`
	RawLine    string  `json:"raw_line" doc:"RFC 5424"`
	Fields     string  `json:"fields" doc:"JSON object as text, in the order of the event"`
	Msg        *string `json:"msg"`
	TraceID    *string `json:"trace_id"`
	SpanID     *string `json:"span_id"`
}

func logRows(records []store.Record) []logRow {
	rows := make([]logRow, len(records))
	var fields []byte
	for i := range records {
		r := &records[i]
		fields = store.AppendFields(fields[:0], r.Fields)
		rows[i] = logRow{
			ID: r.ID, Timestamp: isoTime(r.Time), Decky: r.Decky, Service: r.Service, EventType: r.Type,
			AttackerIP: "Unknown", RawLine: r.Raw, Fields: string(fields),
			Msg: present(r.Msg), TraceID: present(r.Trace.TraceID), SpanID: present(r.Trace.SpanID),
		}
		if r.Attacker.IsValid() {
			rows[i].AttackerIP = r.Attacker.String()
		}
	}
	return rows
}

func (s *server) logs(w http.ResponseWriter, r *http.Request) error {
	p := query(r)
	f := p.records()
	f.Limit, f.Offset = p.page(limit)
	f.Before = p.mark(beforeTime, beforeID)
	if p.err != nil {
		return p.err
	}
	records, more, err := s.pageOfLogs(r.Context(), f)
	if err != nil {
		return err
	}
	total, err := s.totalLogs(r.Context(), f, len(records), more)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, page[logRow]{total, f.Limit, f.Offset, logRows(records)})
}

// pageOfLogs returns what f selects, as much of it as a page may hold, and whether there is
// more.
func (s *server) pageOfLogs(ctx context.Context, f store.Filter) (records []store.Record, more bool, err error) {
	one := f
	one.Limit++ // tells whether there is a further page
	one.Bytes = pageBytes
	if records, err = s.Store.Records(ctx, one); err != nil || len(records) == 0 {
		return nil, false, err
	}
	if len(records) > f.Limit {
		return records[:f.Limit], true, nil
	}
	if rawBytes(records) < pageBytes {
		return records, false, nil
	}
	f.Before, f.Offset, f.Limit = records[len(records)-1].Mark(), 0, 1
	next, err := s.Store.Records(ctx, f)
	return records, len(next) > 0, err
}

// mostCounted is how far records are counted that no kept figure tells of.
const mostCounted = 10_000

// totalLogs returns how many records f selects on all pages, of which one has rows, and there
// are more: where they must be counted beyond mostCounted, one more than this page ends with.
func (s *server) totalLogs(ctx context.Context, f store.Filter, rows int, more bool) (int, error) {
	end := f.Offset + rows
	first := f.Before == (store.Mark{})
	if first && !more && (rows > 0 || f.Offset == 0) {
		return end, nil
	}
	f.Most = mostCounted
	total, err := s.Store.CountRecords(ctx, f)
	if first && more {
		total = max(total, end+1)
	}
	return total, err
}

// bar is one bucket of a histogram.
type bar struct {
	Time  isoTime `json:"time"`
	Count int     `json:"count"`
}

func bars(buckets []store.Bucket) []bar {
	out := make([]bar, len(buckets))
	for i, b := range buckets {
		out[i] = bar{isoTime(b.Time), b.Count}
	}
	return out
}

func (s *server) histogram(w http.ResponseWriter, r *http.Request) error {
	p := query(r)
	f := p.records()
	step := time.Duration(p.number(interval)) * time.Minute
	if p.err != nil {
		return p.err
	}
	buckets, err := s.Store.Histogram(r.Context(), f, step)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, bars(buckets))
}

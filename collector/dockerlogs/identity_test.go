package dockerlogs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet/rfc5424"
)

var testTime = time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)

// TestW18_AContainerSpeaksForItselfAlone: what a container prints says nothing of others.
func TestW18_AContainerSpeaksForItselfAlone(t *testing.T) {
	ssh := &containerID{id: "c", fleet: "lab", decky: "decky-01", service: "ssh"}
	egress := labelled("c", map[string]string{"decnet.fleet": "lab", "decnet.decky": "decky-01"})
	const at = "<134>1 2026-04-18T02:22:56.000000+00:00 "
	for _, c := range []struct {
		name string
		of   *containerID
		line string
		want string // "": as it is
		v    verdict
	}{
		{"an event of its own", ssh, at + `decky-01 ssh - command [relay@55555 command="id"]`, "", asItIs},
		{"of the holder of the address", &egress, at + `decky-01 egress - egress_blocked [relay@55555 dst_ip="9.9.9.9"]`, "", asItIs},
		{"another decky", ssh, at + `decky-02 ssh - command [relay@55555 command="id"]`,
			at + `decky-01 ssh - command [relay@55555 command="id" claimed_decky="decky-02"]`, putRight},
		{"no decky", ssh, at + `- ssh - command [relay@55555 command="id"]`, at + `decky-01 ssh - command [relay@55555 command="id"]`, putRight},
		{"another service", ssh, at + `decky-01 collector - records_discarded [relay@55555 file="x"]`,
			at + `decky-01 ssh - records_discarded [relay@55555 file="x" claimed_service="collector"]`, putRight},
		{"a service for the holder", &egress, at + `decky-01 ssh - command [relay@55555 command="id"]`,
			at + `decky-01 egress - command [relay@55555 command="id" claimed_service="ssh"]`, putRight},
		{"an event of a daemon", ssh, at + `decky-01 sshd 7 auth_attempt [relay@55555 username="x"]`,
			at + `decky-01 ssh - auth_attempt [relay@55555 username="x"]`, putRight},
		{"another time", ssh, "<134>1 1999-01-01T00:00:00Z decky-01 ssh - command -",
			at + `decky-01 ssh - command [relay@55555 claimed_time="1999-01-01T00:00:00Z"]`, putRight},
		{"a daemon, which knows the name that is pretended", ssh, "<38>1 2026-04-18T02:22:56Z ubuntu sshd 7 - - Failed password for root from 1.2.3.4 port 4000 ssh2",
			at + `decky-01 ssh - auth_attempt [relay@55555 src_ip="1.2.3.4" src_port="4000" username="root" outcome="failure" method="password"]`, translated},
		{"another program", ssh, "<38>1 2026-04-18T02:22:56Z ubuntu CRON 7 - - (root) CMD src=9.9.9.9",
			at + `decky-01 ssh - log [relay@55555 daemon="CRON" line="(root) CMD src=9.9.9.9"]`, translated},
		{"no event", ssh, "hello]\x1b", "<133>1 2026-04-18T02:22:56.000000+00:00 " + `decky-01 ssh - unparsed_line [relay@55555 line="hello\]\x1B" size="7"]`, unparsed},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dec rfc5424.Decoder
			got, v := attributed(&dec, c.of, c.line, testTime, false)
			if c.want == "" {
				c.want = c.line
			}
			sev := c.want[:strings.IndexByte(c.want, '>')]
			if d := cmp.Diff(c.want, sev+got[strings.IndexByte(got, '>'):]); d != "" || v != c.v {
				t.Errorf("verdict %d: %s", v, d)
			}
		})
	}
}

// FuzzAttributed: whatever a container prints, the line that is kept is one line, well
// formed, of its own decky and service and about its time, and no source is named that it does not hold.
func FuzzAttributed(f *testing.F) {
	for _, seed := range []string{
		`<134>1 2026-04-18T02:22:56.000000+00:00 decky-02 redis - command [relay@55555 command="id"]`,
		"<38>1 2026-04-18T02:22:56Z ubuntu sshd 7 - - Failed password for root from 1.2.3.4 port 4000 ssh2",
		"<38>1 2026-04-18T02:22:56Z ubuntu bash 7 - - CMD uid=0 user=root src=1.2.3.4 pwd=/ cmd=id",
		"garbage\r\x00",
	} {
		f.Add(seed)
	}
	c := &containerID{id: "c", decky: "decky-01", service: "ssh"}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\n") {
			t.Skip("the engine ends a line there")
		}
		var dec rfc5424.Decoder
		line, v := attributed(&dec, c, text, testTime, false)
		if v == asItIs && line != text {
			t.Fatalf("%q became %q", text, line)
		}
		if strings.Contains(line, "\n") {
			t.Fatalf("%q became %q", text, line)
		}
		e, err := rfc5424.Parse(line)
		if err != nil || e.Decky != c.decky || e.Service != c.service || e.Time.Sub(testTime).Abs() > maxSkew {
			t.Fatalf("%q became %q: %v", text, line, err)
		}
	})
}

// FuzzEntry: any bytes are read or refused, and what the engine writes is read as written.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"log":"\u003c134\u003e1 x\n","stream":"stdout","time":"2026-04-18T02:22:56.123456789Z"}`))
	f.Add([]byte(`{"log":"x","stream":"stderr","attrs":{"tag":"a"},"time":"2026-04-18T02:22:56Z"}`))
	f.Add([]byte(`{"log":"tor{"log":"x\n","stream":"stdout","time":"2026-04-18T02:22:56Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEntry(b); err == nil && len(e.text) > 3*len(b) {
			t.Errorf("%d bytes of %d", len(e.text), len(b))
		}
		if e, ok := mended(b); ok && len(e.text) > 3*len(b) {
			t.Errorf("%d bytes of %d", len(e.text), len(b))
		}
		text := strings.ToValidUTF8(string(b), "\ufffd")
		written, err := json.Marshal(map[string]any{"log": text, "stream": "stdout", "time": testTime})
		if err != nil {
			t.Fatal(err)
		}
		if e, err := parseEntry(written); err != nil || e.text != text || e.stderr || e.time == "" {
			t.Errorf("%q is read as %+v: %v", written, e, err)
		}
	})
}

// BenchmarkLine is the way of a line from the file of the engine to the delivery.
func BenchmarkLine(b *testing.B) {
	var data []byte
	const n = 1000
	for range n {
		text, err := json.Marshal(`<134>1 2026-04-18T02:22:56.000000+00:00 decky-01 ssh - auth_attempt [relay@55555 src_ip="203.0.113.9" src_port="4711" username="root" password="123456" outcome="failure"]` + "\n")
		if err != nil {
			b.Fatal(err)
		}
		data = append(data, `{"log":`+string(text)+`,"stream":"stdout","time":"2026-04-18T02:22:56.123456789Z"}`+"\n"...)
	}
	room := 1 << 20
	r := &run{src: New(Options{})}
	f := &follower{containerID: containerID{id: "c", decky: "decky-01", service: "ssh"}, lines: lines{maxLine: 1 << 20, room: &room}}
	b.SetBytes(int64(len(data) / n))
	b.ReportAllocs()
	for left := b.N; left > 0; left -= n {
		f.entries(data, r)
		r.batch = batch{lines: r.batch.lines[:0]}
	}
	if s := r.src.Status(); s.Unparsed+s.PutRight+s.Gaps > 0 || s.Lines == 0 {
		b.Fatalf("%+v", s)
	}
}

// FuzzLines: however lines are cut into entries, they come back, or are cut and said to be.
func FuzzLines(f *testing.F) {
	f.Add("one\ntwo\nthree", uint8(3))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		room := 1 << 20
		l := lines{maxLine: 100, room: &room}
		var want, got []string
		for line := range strings.Lines(text) {
			whole, ended := strings.CutSuffix(line, "\n")
			want = append(want, whole)
			e := entry{time: string(rune(len(want)))}
			for step := int(size) + 1; len(whole) > step; whole = whole[step:] {
				e.text = whole[:step]
				l.add(e, func(s, _ string, cut bool) { got = append(got, s) })
			}
			if e.text = whole; ended {
				e.text += "\n"
			}
			l.add(e, func(s, _ string, cut bool) { got = append(got, s) })
		}
		l.end(func(s, _ string, cut bool) { got = append(got, s) })
		if room != 1<<20 {
			t.Errorf("%d bytes did not come back", 1<<20-room)
		}
		for i := range got {
			if i >= len(want) || !strings.HasPrefix(want[i], got[i]) || len(want[i]) <= 100 && got[i] != want[i] {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const captured = "../../fingerprint/sniff/testdata/edge/pcap/edge-a-nsec.pcap"

// TestFingerprint reads captures that others have described.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for line := range strings.Lines(succeed(t, "", "fingerprint", "--json", captured)) {
		var r struct {
			File, Kind, Value, Client, Server string
			ClientPort                        int `json:"client_port"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if r.File != captured {
			t.Errorf("file %q", r.File)
		}
		if r.Client == "192.0.2.109" && r.ClientPort == 51784 && r.Server == "198.51.100.3" {
			found[r.Kind] = r.Value
		}
	}
	for kind, want := range map[string]string{
		"ja3": "47dd86d0a071fa9d18b770bfb3d31235", "ja3s": "f4febc55ea12b31ae17cfb7e614afda8", "ja4": "t13d1113h2_aea7b4668931_112cd1703aea",
		"ja4s": "t130200_1301_a56c5b993250", "ja4l_c": "389_128", "ja4t": "64240_2-4-8-1-3_1460_7",
	} {
		if found[kind] != want {
			t.Errorf("%s is %q, want %q", kind, found[kind], want)
		}
	}
	content, err := os.ReadFile(captured)
	if err != nil {
		t.Fatal(err)
	}
	piped := succeed(t, string(content), "fingerprint", "--kinds", "ja3,hassh", "-")
	if n := strings.Count(piped, `"kind":"ja3"`); n == 0 || n != strings.Count(piped, "\n") || !strings.Contains(piped, `"file":"-"`) {
		t.Errorf("of standard input: %s", piped)
	}
}

// TestFingerprintGoesOn reads what can be read when one file of several is broken.
func TestFingerprintGoesOn(t *testing.T) {
	t.Parallel()
	broken := writeFile(t, "broken.pcap", "this is no capture")
	r := decnetd(t, "", "fingerprint", broken, filepath.Join(t.TempDir(), "missing"), captured)
	if r.status != exitFailed || !strings.Contains(r.err, "broken.pcap") || !strings.Contains(r.err, "missing") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("status %d: %q", r.status, r.err)
	}
	if r.out != succeed(t, "", "fingerprint", captured) {
		t.Errorf("the sound file gives %d bytes", len(r.out))
	}
}

// TestSniffTellsWhatItSaw listens until a connection was seen.
func TestSniffTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("capturing packets needs root")
	}
	server, err := net.Listen("tcp", "127.0.71.40:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"sniff", "--iface", "lo", "--kinds", "ja4t"}, streams{strings.NewReader(""), in, &stderr}, environment(nil).get)
		in.Close()
	}()
	lines := make(chan int, 1)
	go func() { // however many come, until the end
		n := 0
		for line := make([]byte, 4096); ; n++ {
			if _, err := out.Read(line); err != nil {
				lines <- n
				return
			}
			cancel()
		}
	}()
	for ctx.Err() == nil { // the sniffer may not listen yet
		c, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	if s, n := <-status, <-lines; s != 0 || n == 0 {
		t.Errorf("status %d, %d lines: %s", s, n, stderr.String())
	}
	m := regexp.MustCompile(`^decnetd: lo: (\d+) packets, \d+ dropped by the kernel, (\d+) conversations, (\d+) fingerprints\n$`).FindStringSubmatch(stderr.String())
	if m == nil {
		t.Fatalf("it says %q", stderr.String())
	}
	for _, number := range m[1:] {
		if n, err := strconv.Atoi(number); err != nil || n == 0 {
			t.Errorf("it says %q", stderr.String())
		}
	}
}

package fingerprint_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

// TestJARMWorkedExample is the server of crypto/tls with h2, as two other implementations
// see it.
func TestJARMWorkedExample(t *testing.T) {
	t.Parallel()
	const tls12, tls13 = "cca8|0303|h2|0023-ff01-0017-0010-000b-0000", "1303|0303||002b-0033"
	results := [fingerprint.JARMProbes]string{tls12, tls12, "|||", "|||", "|||", "|||", tls13, tls13, "|||", tls13}
	if got := fingerprint.JARM(results); got != "3fd3fd00000000000043d43d00043dc3b2afa8a5ec09b510a8559aff7899fb" {
		t.Error(got)
	}
	if got := fingerprint.JARM([fingerprint.JARMProbes]string{}); got != strings.Repeat("0", 62) {
		t.Error(got)
	}
	one := fingerprint.JARM([fingerprint.JARMProbes]string{9: "fefe|0301||"})
	if !strings.HasPrefix(one, strings.Repeat("0", 27)+"46b") {
		t.Errorf("unknown suite: %s", one)
	}
}

func TestJARMResult(t *testing.T) {
	t.Parallel()
	hello := serverMessage(0x0303, 0xcca8, [][]byte{ext(0x0023), ext(0xff01, []byte{0}), alpnExt("h2"), ext(0)})
	plain := serverMessage(0x0301, 0x0005, nil)
	certificate := slices.Concat([]byte{11}, vec24(make([]byte, 3000)))
	for name, test := range map[string]struct {
		answer []byte
		want   string
	}{
		"extensions":                   {records(hello, 1<<14), "cca8|0303|h2|0023-ff01-0010-0000"},
		"more than is looked at":       {records(slices.Concat(hello, certificate), 1<<14)[:2000], "cca8|0303|h2|0023-ff01-0010-0000"},
		"no extensions":                {records(plain, 1<<14), "0005|0301||"},
		"no extensions, next message":  {records(slices.Concat(plain, certificate), 1<<14), "0005|0301||"},
		"empty block":                  {records(serverMessage(0x0303, 5, [][]byte{}), 1<<14), "0005|0303||"},
		"nothing":                      {nil, "|||"},
		"alert":                        {[]byte{21, 3, 3, 0, 2, 2, 40}, "|||"},
		"SSH":                          {[]byte("SSH-2.0-OpenSSH_9.2p1\r\n"), "|||"},
		"other message":                {records(certificate, 1<<14), "|||"},
		"message of no bytes":          {[]byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, "|||"},
		"hello that is cut off":        {records(hello, 1<<14)[:60], "|||"},
		"extension over the end":       {records(serverMessage(0x0303, 5, [][]byte{{0, 16, 0, 9, 0}}), 1<<14), "|||"},
		"answer of HelloRetryRequest":  {records(serverMessage(0x0303, 0x1301, [][]byte{ext(43, u16s(0x0304)), ext(51, u16s(23))}), 1<<14), "1301|0303||002b-0033"},
		"record that ends in the type": {[]byte{22}, "|||"},
	} {
		if got := fingerprint.JARMResult(test.answer); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestJARMAnswered(t *testing.T) {
	t.Parallel()
	whole := records(serverMessage(0x0303, 1, nil), 1<<14)
	for i := range whole {
		if fingerprint.JARMAnswered(whole[:i]) {
			t.Errorf("%d of %d bytes are enough", i, len(whole))
		}
	}
	large := records(make([]byte, 4000), 1<<14)
	if !fingerprint.JARMAnswered(whole) || !fingerprint.JARMAnswered([]byte("S")) || fingerprint.JARMAnswered(large[:1483]) ||
		!fingerprint.JARMAnswered(large[:fingerprint.JARMAnswerSize]) {
		t.Error("wrong about what is enough")
	}
}

// TestJARMScanIsRecognised parses our own probes, with real randomness and hosts of any
// kind, as a server sees them.
func TestJARMScanIsRecognised(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "192.0.2.1", "2001:db8::1", "example.test", strings.Repeat("x", 255)} {
		hellos, err := fingerprint.JARMHellos(host, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		var scan fingerprint.JARMScan
		for i, record := range hellos {
			var h fingerprint.ClientHello
			if err := h.Parse(record); err != nil {
				t.Fatal(err)
			}
			probe := fingerprint.JARMProbe(h.JA3(), h.JA4(fingerprint.TCP))
			if probe != i+1 || string(h.ServerName) != host {
				t.Errorf("probe %d for %q is taken for %d with name %q", i+1, host, probe, h.ServerName)
			}
			for range 2 { // once more changes nothing
				if complete := scan.See(probe); complete != (i == 9 && scan.Seen() == 10) && i < 9 {
					t.Errorf("complete after %d", i+1)
				}
			}
			if scan.Seen() != i+1 {
				t.Errorf("%d seen after %d", scan.Seen(), i+1)
			}
		}
	}
	var scan fingerprint.JARMScan
	for probe := range 9 {
		scan.See(probe + 1)
	}
	if scan.See(0) || scan.See(11) || !scan.See(10) || scan.See(10) {
		t.Error("completed not exactly once")
	}
	var h fingerprint.ClientHello
	if err := h.ParseMessage(browserHello()); err != nil || fingerprint.JARMProbe(h.JA3(), h.JA4(fingerprint.TCP)) != 0 {
		t.Error("a browser is taken for a probe", err)
	}
}

func TestJARMHellosReportErrors(t *testing.T) {
	t.Parallel()
	if _, err := fingerprint.JARMHellos(strings.Repeat("x", 256), rand.Reader); err == nil {
		t.Error("takes a host of 256 bytes")
	}
	if _, err := fingerprint.JARMHellos("x", bytes.NewReader(make([]byte, 500))); err == nil || errors.Is(err, fingerprint.ErrTruncated) {
		t.Errorf("randomness that ends: %v", err)
	}
}

func FuzzJARMResult(f *testing.F) {
	f.Add(records(serverMessage(0x0303, 0xcca8, [][]byte{alpnExt("h2"), ext(0)}), 1<<14))
	f.Add([]byte{22, 3, 3, 0, 4, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, answer []byte) {
		result := fingerprint.JARMResult(answer)
		if strings.Count(result, "|") < 3 {
			t.Fatal(result)
		}
		if jarm := fingerprint.JARM([fingerprint.JARMProbes]string{result}); len(jarm) != 62 {
			t.Fatal(jarm)
		}
		fingerprint.JARMAnswered(answer)
	})
}

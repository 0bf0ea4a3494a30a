package fingerprint_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

func TestJA3S(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message   []byte
		raw, hash string
	}{
		"no extensions": {serverMessage(0x0303, 0x002f, nil), "771,47,", "5397c414a9ebeaff1bf18b70ca22eaa0"},
		"wire order, nothing filtered": {
			message: serverMessage(0x0303, 0x1301, [][]byte{ext(0x3374), ext(43, u16s(0x0304)), ext(0x0a0a), ext(51)}),
			raw:     "771,4865,13172-43-2570-51",
		},
	} {
		var h fingerprint.ServerHello
		if err := h.Parse(records(test.message, 20)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(h.AppendJA3SRaw(nil)); got != test.raw {
			t.Errorf("%s: %s", name, got)
		}
		if got := h.JA3S(); test.hash != "" && got != test.hash {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestServerHelloFields(t *testing.T) {
	t.Parallel()
	message := serverMessage(0x0303, 0xc02f, [][]byte{ext(0), alpnExt("h2"), ext(43, u16s(0x0304))})
	var h fingerprint.ServerHello
	if err := h.ParseMessage(message); err != nil {
		t.Fatal(err)
	}
	if h.Version != 0x0303 || h.SelectedVersion != 0x0304 || h.CipherSuite != 0xc02f || string(h.ALPN) != "h2" || h.IsRetry() {
		t.Errorf("%+v", h)
	}
	copy(message[6:], "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")
	if err := h.ParseMessage(message); err != nil || !h.IsRetry() {
		t.Error("HelloRetryRequest not recognised", err)
	}
	many := serverMessage(0x0303, 1, slices.Repeat([][]byte{ext(5)}, 100))
	if err := h.ParseMessage(many); err != nil || strings.Count(string(h.AppendJA3SRaw(nil)), "-") != 99 {
		t.Error("extensions are missing", err)
	}
}

func TestServerHelloRefuses(t *testing.T) {
	t.Parallel()
	for name, message := range map[string][]byte{
		"ClientHello":           browserHello(),
		"short":                 slices.Concat([]byte{2}, vec24(make([]byte, 36))),
		"extension over end":    serverMessage(0x0303, 1, [][]byte{{0, 23, 0, 9}}),
		"bytes behind":          slices.Concat([]byte{2}, vec24(serverMessage(0x0303, 1, [][]byte{})[4:], []byte{0})),
		"version of three byte": serverMessage(0x0303, 1, [][]byte{ext(43, []byte{3, 4, 0})}),
		"protocol over list":    serverMessage(0x0303, 1, [][]byte{ext(16, vec16([]byte{9, 'h'}))}),
		"list over extension":   serverMessage(0x0303, 1, [][]byte{ext(16, []byte{0, 9, 1, 'h'})}),
	} {
		var h fingerprint.ServerHello
		if err := h.ParseMessage(message); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var h fingerprint.ServerHello
	message := serverMessage(0x0303, 1, nil)
	if err := h.ParseMessage(message[:len(message)-1]); !errors.Is(err, fingerprint.ErrTruncated) {
		t.Error(err)
	}
}

// TestHandshakeTakesAllMessages puts the messages of one side into records of every size,
// and the stream into pieces.
func TestHandshakeTakesAllMessages(t *testing.T) {
	t.Parallel()
	messages := [][]byte{
		serverMessage(0x0303, 1, nil), {14, 0, 0, 0}, browserHello(), {11, 0, 0, 3, 0, 0, 0},
	}
	all := slices.Concat(messages...)
	for size := 1; size < 100; size++ {
		// A change of cipher specification may stand between messages.
		stream := slices.Concat([]byte{20, 3, 3, 0, 1, 1}, records(all, size), []byte{21, 3, 3, 0, 2, 1, 0})
		for _, piece := range []int{1, 7, 1 << 20} {
			var handshake fingerprint.Handshake
			var got [][]byte
			var buffered []byte
			for part := range slices.Chunk(stream, piece) {
				buffered = append(buffered, part...)
				for {
					message, n, err := handshake.Next(buffered)
					if err == nil {
						got = append(got, slices.Clone(message))
					}
					buffered = buffered[n:]
					if err != nil {
						if !errors.Is(err, fingerprint.ErrTruncated) {
							t.Fatalf("records of %d bytes: %v", size, err)
						}
						break
					}
				}
			}
			if !slices.EqualFunc(got, messages, slices.Equal) || len(buffered) > 0 {
				t.Fatalf("records of %d bytes in pieces of %d: %d messages, %d bytes left", size, piece, len(got), len(buffered))
			}
		}
	}
	var handshake fingerprint.Handshake
	if _, _, err := handshake.Next(records(all, 3)[:9]); !errors.Is(err, fingerprint.ErrTruncated) {
		t.Error(err)
	}
	handshake.Reset()
	if message, _, err := handshake.Next(records(all, 3)); err != nil || !slices.Equal(message, messages[0]) {
		t.Error("Reset does not forget", err)
	}
}

func FuzzServerHello(f *testing.F) {
	f.Add(records(serverMessage(0x0303, 0xc02f, [][]byte{alpnExt("h2"), ext(43, u16s(0x0304))}), 1<<14))
	f.Add(records(serverMessage(0x0300, 4, nil), 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h fingerprint.ServerHello
		if h.Parse(b) != nil {
			return
		}
		raw := string(h.AppendJA3SRaw(nil))
		count := 0
		h.EachExtension(func(uint16, []byte) bool { count++; return true })
		if strings.Count(raw, ",") != 2 || count > 0 && strings.Count(raw, "-") != count-1 || len(h.JA3S()) != 32 {
			t.Fatal(raw, count)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add(records(slices.Concat(browserHello(), []byte{14, 0, 0, 0}), 50), 9)
	f.Add([]byte("\x16\x03\x01\x00\x01\x0b\x16\x03\x01\x00\x06\x00\x00\x01\x00\x0e\x00"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		// In pieces the same messages come out as at once.
		whole := allMessages(stream, len(stream)+1)
		pieces := allMessages(stream, max(1, piece%100))
		if !slices.EqualFunc(whole, pieces, slices.Equal) {
			t.Fatalf("%q\n%q", whole, pieces)
		}
	})
}

func allMessages(stream []byte, piece int) (messages [][]byte) {
	var handshake fingerprint.Handshake
	taken := 0
	for end := 0; end < len(stream); {
		end = min(len(stream), end+piece)
		for {
			message, n, err := handshake.Next(stream[taken:end])
			taken += n
			if errors.Is(err, fingerprint.ErrMalformed) {
				return messages
			}
			if err != nil {
				break
			}
			messages = append(messages, slices.Clone(message))
		}
	}
	return messages
}

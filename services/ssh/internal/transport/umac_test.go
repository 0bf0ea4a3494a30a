package transport

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The vectors of RFC 4418, appendix: key "abcdefghijklmnop", nonce "bcdefghi".
func TestUMACVectors(t *testing.T) {
	for _, c := range []struct{ name, message, tag64, tag128 string }{
		{"empty", "", "6E155FAD26900BE1", "32FEDB100C79AD58F07FF7643CC60465"},
		{"a*3", strings.Repeat("a", 3), "44B5CB542F220104", "185E4FE905CBA7BD85E4C2DC3D117D8D"},
		{"a*2^10", strings.Repeat("a", 1<<10), "26BF2F5D60118BD9", "7A54ABE04AF82D60FB298C3CBD195BCB"},
		{"a*2^15", strings.Repeat("a", 1<<15), "27F8EF643B0D118D", "7B136BD911E4B734286EF2BE501F2C3C"},
		{"a*2^20", strings.Repeat("a", 1<<20), "A4477E87E9F55853", "F8ACFA3AC31CFEEA047F7B115B03BEF5"},
		{"abc", "abc", "D4D7B9F6BD4FBFCF", "883C3D4B97A61976FFCF232308CBA5A5"},
		{"abc*500", strings.Repeat("abc", 500), "D4CF26DDEFD5C01A", "8824A260C53C66A36C9260A62CB83AA1"},
	} {
		for size, want := range map[int]string{8: c.tag64, 16: c.tag128} {
			u, err := newUMAC([]byte("abcdefghijklmnop"), size)
			if err != nil {
				t.Fatal(err)
			}
			got := u.sum(nil, [8]byte([]byte("bcdefghi")), []byte(c.message))
			if !strings.EqualFold(hex.EncodeToString(got), want) {
				t.Errorf("%s, %d bytes: got %x, want %s", c.name, size, got, want)
			}
		}
	}
}

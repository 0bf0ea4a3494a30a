package web

import (
	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// helloFingerprints returns ja3 and ja4 of the ClientHello with which a connection opened,
// nothing when it is not whole.
func helloFingerprints(opening []byte) []decnet.Field {
	var h fingerprint.ClientHello
	if h.Parse(opening) != nil {
		return nil
	}
	return []decnet.Field{decnet.F("ja3", h.JA3()), decnet.F("ja4", h.JA4(fingerprint.TCP))}
}

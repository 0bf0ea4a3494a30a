package plus_test

import (
	"fmt"
	"os"

	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

func ExampleNew() {
	f, err := os.Open("../testdata/edge/pcap/edge-a-raw.pcap")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	err = sniff.Fingerprints(f, func(r sniff.Result) {
		if r.Kind == "ja4s" {
			fmt.Println(r.Server, r.Value)
		}
	}, plus.New())
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 198.51.100.21 t130200_1302_a56c5b993250
	// 198.51.100.10 t130200_1302_a56c5b993250
	// 2001:db8:1::1e28 t130200_1302_a56c5b993250
}

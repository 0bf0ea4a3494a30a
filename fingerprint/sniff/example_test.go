package sniff_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// What is in a capture file. It may as well be standard input, or gzip.
func ExampleFingerprints() {
	f, err := os.Open("testdata/edge/pcap/edge-a-nsec.pcap")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	err = sniff.Fingerprints(f, func(r sniff.Result) {
		fmt.Println(r.Packet, r.Client, r.ClientPort, r.Kind, r.Value)
	}, plus.New())
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1 192.0.2.109 51784 p0f_syn_sig 4:128+0:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
	// 1 192.0.2.109 51784 ja4t 64240_2-4-8-1-3_1460_7
	// 2 192.0.2.109 51784 p0f_synack_sig 4:49+15:0:1460:mss*45,8:mss,nop,nop,sok,nop,ws:df,id+:0
	// 2 192.0.2.109 51784 ja4ts 65160_2-1-1-4-1-3_1460_8
	// 2 192.0.2.109 51784 ja4l_s 2000_49
	// 3 192.0.2.109 51784 ja4l_c 389_128
	// 4 192.0.2.109 51784 ja3 47dd86d0a071fa9d18b770bfb3d31235
	// 4 192.0.2.109 51784 ja4 t13d1113h2_aea7b4668931_112cd1703aea
	// 5 192.0.2.109 51784 ja3s f4febc55ea12b31ae17cfb7e614afda8
	// 5 192.0.2.109 51784 ja4s t130200_1301_a56c5b993250
}

// What "decnetd fingerprint" prints.
func ExampleResult_MarshalJSON() {
	f, err := os.Open("testdata/edge/pcap/edge-a-nsec.pcap")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	lines := json.NewEncoder(os.Stdout)
	err = sniff.Fingerprints(f, func(r sniff.Result) {
		if r.File = f.Name(); r.Kind == "ja3s" {
			_ = lines.Encode(r)
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"time":"2023-11-14T22:13:20.77913Z","file":"testdata/edge/pcap/edge-a-nsec.pcap","packet":5,"proto":"tcp","client":"192.0.2.109","client_port":51784,"server":"198.51.100.3","server_port":443,"kind":"ja3s","index":1,"value":"f4febc55ea12b31ae17cfb7e614afda8","raw":"771,4865,43-51"}
}

// Events of a live interface, until interrupted. The map of deckies may be replaced while
// it runs.
func ExampleSniffer_Listen() {
	var deckies sniff.Deckies
	deckies.Set([]decnet.Decky{{Name: "decky-01", Addr: netip.MustParseAddr("192.0.2.10")}})
	s := sniff.New(sniff.Config{
		Sink:    decnet.SinkFunc(func(e decnet.Event) { fmt.Println(e.Attacker, e.Type, e.Value("ja4"), e.Value("os_guess")) }),
		Deckies: deckies.Lookup,
		Methods: []sniff.Method{plus.New()},
	})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.Listen(ctx, sniff.Interface{Name: "eth0", Promiscuous: true}); errors.Is(err, decnet.ErrForbidden) {
		fmt.Println("not allowed to capture:", err)
	}
}

package fingerprint_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"

	"github.com/decnet/decnet/fingerprint"
)

func ExampleClientHello() {
	opening := records(browserHello(), 1<<14) // the first bytes of a connection
	var hello fingerprint.ClientHello
	if err := hello.Parse(opening); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("JA3", hello.JA3())
	fmt.Println("JA4", hello.JA4(fingerprint.TCP))
	fmt.Printf("for %s, %q\n", hello.ServerName, hello.ALPNProtocols())
	// Output:
	// JA3 579ccef312d18482fc42e2b822ca2430
	// JA4 t13d1715h2_5b57614c22b0_3d5424432f57
	// for www.example.org, ["h2" "http/1.1"]
}

// An HTTPS server learns the JA4 of its clients from a listener below crypto/tls, and
// hands it to its handlers.
func ExampleNewListener() {
	type helloKey struct{}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate, err := newCertificate()
	if err != nil {
		fmt.Println(err)
		return
	}
	server := http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, helloKey{}, c.(*tls.Conn).NetConn())
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hello, err := r.Context().Value(helloKey{}).(*fingerprint.Conn).ClientHello()
			if err != nil {
				fmt.Fprintln(w, err)
				return
			}
			fmt.Fprintln(w, "You are", hello.JA4(fingerprint.TCP)[:3])
		}),
	}
	done := make(chan error)
	go func() { done <- server.ServeTLS(fingerprint.NewListener(tcp, 0), "", "") }()

	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Get("https://" + tcp.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := io.ReadAll(answer.Body)
	fmt.Print(string(text))
	answer.Body.Close()
	server.Close()
	<-done
	if err != nil {
		fmt.Println(err)
	}
	// Output: You are t13
}

func ExampleJARM() {
	// What a server answered to the ten probes of JARMHellos, each through JARMResult.
	const tls12, tls13 = "cca8|0303|h2|0023-ff01-0017-0010-000b-0000", "1303|0303||002b-0033"
	fmt.Println(fingerprint.JARM([fingerprint.JARMProbes]string{
		tls12, tls12, "|||", "|||", "|||", "|||", tls13, tls13, "|||", tls13,
	}))
	// Output: 3fd3fd00000000000043d43d00043dc3b2afa8a5ec09b510a8559aff7899fb
}

// A certificate of a server, as it stands in the chain of AppendCertificates.
const exampleCertificate = `-----BEGIN CERTIFICATE-----
MIIB0TCCAXegAwIBAgIJAPGWXRHj/wfuMAoGCCqGSM49BAMCMDQxCzAJBgNVBAYT
Ak5MMRAwDgYDVQQKDAdFeGFtcGxlMRMwEQYDVQQDDApjMi5leGFtcGxlMCAXDTI2
MTEyMTIzNTE0MloYDzIwNTExMTIxMjM1MTQyWjA0MQswCQYDVQQGEwJOTDEQMA4G
A1UECgwHRXhhbXBsZTETMBEGA1UEAwwKYzIuZXhhbXBsZTBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABPcU9R6vQMdajFO9rhgyRIbvenicEMCdtKVf6xZ6Yy906nCy
PLaCoMvUWaXhNOaWhoGRF5YcPH9WNLWHRiWYdJWjcDBuMB0GA1UdDgQWBBQutFb+
2QI75FlSofJJftvMTDRhBDAfBgNVHSMEGDAWgBQutFb+2QI75FlSofJJftvMTDRh
BDAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCCmMyLmV4YW1wbGWHBMAAAgcw
CgYIKoZIzj0EAwIDSAAwRQIgFGeynYaItG+12CesFzGiMN5hk46ZaZ1LRGjP84pl
BNYCIQDp4ePFvbinomggmL0JdGqZMYzKH0d1dNoBJ5Qb9Q4/1A==
-----END CERTIFICATE-----`

func ExampleCertificate() {
	block, _ := pem.Decode([]byte(exampleCertificate))
	var certificate fingerprint.Certificate
	if err := certificate.Parse(block.Bytes); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(certificate.Subject)
	fmt.Println("serial", certificate.SerialText(), "for", certificate.SANs())
	fmt.Println(certificate.KeyType(), certificate.KeyBits(), "self-signed", certificate.SelfSigned())
	// Output:
	// C=NL, O=Example, CN=c2.example
	// serial F1965D11E3FF07EE for [c2.example 192.0.2.7]
	// EC 256 self-signed true
}

func ExampleSYN() {
	// A packet as TCP_SAVE_SYN of Linux keeps it: IP header, TCP header.
	packet, err := base64.StdEncoding.DecodeString("RQAAPAABQAA5BgAAwAACAcYzZAKcQAG7AAAAAQAAAACgAvrwAAAAAAIEBbQEAggKAAAAAQAAAAABAwMH")
	if err != nil {
		fmt.Println(err)
		return
	}
	var syn fingerprint.SYN
	if err := syn.Parse(packet); err != nil {
		fmt.Println(err)
		return
	}
	guess := syn.OS()
	fmt.Println(syn.P0f(nil))
	fmt.Println(syn.OptionsSignature())
	fmt.Printf("%s (%s), %d hops away\n", guess.Name, guess.Rule, syn.HopDistance())
	// Output:
	// 4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0
	// M,S,T,N,W
	// linux (linux layout, window in segments), 7 hops away
}

// newCertificate makes a certificate for a server of an example.
func newCertificate() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}

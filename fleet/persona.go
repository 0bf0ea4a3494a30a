package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// What the containers of a decky run. The entry point of their image is decnet-pot, with
// one of the commands:
//
//	decnet-pot hold     locks the decky's network and holds it, with NET_ADMIN
//	decnet-pot serve    waits for the lock and runs one honeypot
//	decnet-pot healthy  tells by its exit status whether the lock is in force
//
// The first two print events on standard output. Either reads its [Persona] from the environment variable PersonaVar and takes no other
// configuration. An image that a service brings itself gets the same variable; one that an
// operator brings does not.
const (
	PotHold    = "hold"
	PotServe   = "serve"
	PotHealthy = "healthy"
	PersonaVar = "DECNET_PERSONA"
)

// PotArtifacts is where the container of a service keeps captured files: a quarantine (see
// collector/quarantine) in which no directory but that of its decky and service can be
// written.
const PotArtifacts = "/artifacts"

// MaxPersona is the size in bytes of the largest encoded Persona: the kernel takes no
// longer environment variable.
const MaxPersona = 128<<10 - len(PersonaVar) - 2

// Persona is all that a container of a decky is told.
type Persona struct {
	Decky    string            `json:"decky"`
	Service  string            `json:"service,omitempty"` // "": the container that holds the address
	Addr     netip.Addr        `json:"ip"`
	Addr6    netip.Addr        `json:"ip6,omitzero"` // a second address, of IPv6; zero: none
	Hostname string            `json:"hostname,omitempty"`
	Distro   string            `json:"distro,omitempty"`
	Seed     string            `json:"seed,omitempty"`  // of the decky; not for the holder of the address
	Ports    []services.Port   `json:"ports,omitempty"` // to serve
	Config   map[string]string `json:"config,omitempty"`

	Beside []services.Served `json:"beside,omitempty"` // the other services of the decky, for one that lets clients inside
	Quota  int64             `json:"quota,omitempty"`  // bytes of captured files to keep in PotArtifacts; 0: none

	// For the holder of the address.
	MAC      string   `json:"mac,omitempty"`     // its hardware address, six bytes; "": that which it has
	OSFamily string   `json:"nmap_os,omitempty"` // what the packets of the decky look like; "": those of the kernel
	Egress   []string `json:"egress,omitempty"`  // ways out, see ParseExits
}

// Encode returns p as one line of JSON, the same for the same p. What JSON cannot carry
// without loss and what is larger than MaxPersona gives an error that wraps decnet.ErrInvalid.
func (p Persona) Encode() (string, error) {
	texts := append([]string{p.Decky, p.Service, p.Hostname, p.Distro, p.Seed, p.MAC}, p.Egress...)
	for _, s := range p.Beside {
		texts = append(texts, s.Service, s.Product)
	}
	for k, v := range p.Config {
		texts = append(texts, k, v)
	}
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return "", fmt.Errorf("persona: %.40q is not UTF-8: %w", t, decnet.ErrInvalid)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return "", fmt.Errorf("persona: %w: %w", err, decnet.ErrInvalid)
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(line) > MaxPersona {
		return "", fmt.Errorf("persona: the settings take %d bytes, at most %d are possible: %w", len(line), MaxPersona, decnet.ErrInvalid)
	}
	return string(line), nil
}

// ParsePersona reads what Encode returns. An unknown field, an address or a name that no
// decky can have, and a service without a seed give an error that wraps decnet.ErrInvalid.
func ParsePersona(text string) (Persona, error) {
	var p Persona
	refuse := func(err error) (Persona, error) {
		return Persona{}, fmt.Errorf("persona: %w: %w", err, decnet.ErrInvalid)
	}
	if len(text) > MaxPersona || !utf8.ValidString(text) {
		return refuse(fmt.Errorf("%d bytes are too many, or not UTF-8", len(text)))
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return refuse(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(errors.New("more than one JSON document"))
	}
	if err := CheckName(p.Decky); err != nil {
		return refuse(err)
	}
	if !p.Addr.IsValid() {
		return refuse(errors.New("no address"))
	}
	if p.Addr6.IsValid() && (!p.Addr6.Is6() || p.Addr6.Is4In6() || p.Addr6.Zone() != "") {
		return refuse(fmt.Errorf("%s is not the IPv6 address of a machine", p.Addr6))
	}
	if _, err := ParseExits(p.Egress); err != nil {
		return refuse(err)
	}
	if mac, err := net.ParseMAC(p.MAC); p.MAC != "" && (err != nil || len(mac) != 6 || mac[0]&1 != 0) {
		return refuse(fmt.Errorf("%.40q is not the hardware address of a machine", p.MAC))
	}
	if p.OSFamily != "" {
		if _, err := Sysctls(p.OSFamily); err != nil {
			return refuse(err)
		}
	}
	if p.Quota < 0 {
		return refuse(fmt.Errorf("a quota of %d bytes", p.Quota))
	}
	if p.Service != "" {
		if _, err := p.Identity(); err != nil {
			return refuse(err)
		}
	}
	return p, nil
}

// Binds returns the addresses to bind for the decky: Addr, and where there is Addr6 every
// one of IPv6, as an interface has several and takes a moment to make sure of each
// (RFC 4862). The decky has no address that is not its own.
func (p Persona) Binds() []netip.Addr {
	if p.Addr6.IsValid() {
		return []netip.Addr{p.Addr, netip.IPv6Unspecified()}
	}
	return []netip.Addr{p.Addr}
}

// Identity returns what the services of the decky agree on. A seed that is not 64
// hexadecimal digits gives an error that wraps decnet.ErrInvalid.
func (p Persona) Identity() (services.Identity, error) {
	return Identity(decnet.Decky{Name: p.Decky, Addr: p.Addr, Hostname: p.Hostname, Distro: p.Distro, Seed: p.Seed})
}

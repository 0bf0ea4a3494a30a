package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Custom is a service that an operator brings as a container image. In the fleet document
// its definition travels in the settings of each decky that runs it, so that whoever reads
// the document knows the service; see [WithCustom].
type Custom struct {
	Name  string // slug
	Image string
	Exec  string // command line in the container; "": the image's own
	Ports []services.Port
}

// Info describes the service. Its keys are those that hold its definition.
func (c Custom) Info() services.Info {
	return services.Info{
		Name: c.Name, Title: "Container image " + c.Image, Ports: c.Ports,
		Keys: []services.Key{
			{Name: "binary", Type: services.KeyString, Default: c.Image, Doc: "container image"},
			{Name: "exec", Type: services.KeyString, Default: c.Exec, Doc: "command line in the container"},
			{Name: "ports", Type: services.KeyString, Default: c.ports(), Doc: "list of ports, each a number with /udp where it is not TCP"},
		},
	}
}

// New always gives an error that wraps decnet.ErrSemantic: an image needs a runtime that
// has containers.
func (c Custom) New(services.Env, services.Config) (services.Server, error) {
	return nil, fmt.Errorf("custom service %s is the container image %s, which needs a runtime with containers: %w", c.Name, c.Image, decnet.ErrSemantic)
}

func (c Custom) ports() string {
	texts := make([]string, len(c.Ports))
	for i, p := range c.Ports {
		texts[i] = strconv.Itoa(int(p.Number))
		if p.Network == "udp" {
			texts[i] += "/udp"
		}
	}
	return strings.Join(texts, ", ")
}

// config is the definition as the settings of a decky.
func (c Custom) config() map[string]string {
	m := map[string]string{"binary": c.Image}
	if c.Exec != "" {
		m["exec"] = c.Exec
	}
	if len(c.Ports) > 0 {
		m["ports"] = c.ports()
	}
	return m
}

// parsePorts reads a list such as "80, 53/udp".
func parsePorts(text string) ([]services.Port, error) {
	var ports []services.Port
	for _, item := range splitList(text) {
		number, network, found := strings.Cut(item, "/")
		if !found {
			network = "tcp"
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 || network != "tcp" && network != "udp" {
			return nil, fmt.Errorf("port %q is not a number from 1 to 65535, with /udp or /tcp after it or nothing: %w", item, decnet.ErrSemantic)
		}
		p := services.Port{Network: network, Number: uint16(n)}
		if slices.Contains(ports, p) {
			return nil, fmt.Errorf("port %s is given twice: %w", p, decnet.ErrSemantic)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// checkCustomName refuses the names under which DECNET itself makes events: what a container
// prints would be taken for what an operator did, or an instrument saw.
func checkCustomName(name string) error {
	e := decnet.Event{Service: name}
	if e.FromSensor() || name == "egress" || name == "decnet" {
		return fmt.Errorf("events of the service %s are DECNET's own, choose another name: %w", name, decnet.ErrSemantic)
	}
	return nil
}

// WithCustom returns a registry that has the services of reg and the custom services that
// the deckies of f run. Two deckies that define a service differently give an error that
// wraps decnet.ErrConflict, and a name under which DECNET itself makes events one that wraps
// decnet.ErrSemantic.
func WithCustom(reg *services.Registry, f decnet.Fleet) (*services.Registry, error) {
	found := make(map[string]Custom)
	var list []services.Service
	for _, d := range f.Deckies {
		for _, name := range d.Services {
			cfg := d.Config[name]
			if _, err := reg.Lookup(name); err == nil || cfg["binary"] == "" {
				continue
			}
			ports, err := parsePorts(cfg["ports"])
			if err == nil {
				err = checkCustomName(name)
			}
			if err != nil {
				return nil, fmt.Errorf("fleet: %s: custom service %s: %w", d.Name, name, err)
			}
			c := Custom{Name: name, Image: cfg["binary"], Exec: cfg["exec"], Ports: ports}
			if other, ok := found[name]; !ok {
				found[name] = c
				list = append(list, c)
			} else if other.Image != c.Image || other.Exec != c.Exec || !slices.Equal(other.Ports, c.Ports) {
				return nil, fmt.Errorf("fleet: %s defines the custom service %s differently than another decky: %w", d.Name, name, decnet.ErrConflict)
			}
		}
	}
	if len(list) == 0 {
		return reg, nil
	}
	return reg.With(list...)
}

// splitList splits a list at commas and ends of lines, and drops empty items.
func splitList(text string) []string {
	var items []string
	for item := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

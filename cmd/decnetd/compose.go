package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/pot"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
)

// lanFlags say which fleet there is on the LAN.
type lanFlags struct {
	config            string
	fleet             fleet.Flags
	seed              string
	ipvlan            bool
	iface             string
	subnet            string
	gateway           string
	subnet6, gateway6 string
	ipStart           string
	planned           bool // a flag that says which deckies there are was given
}

func (f *lanFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "fleet from an INI file, - for standard input")
	flags.IntVarP(&f.fleet.Deckies, "deckies", "n", 3, "number of deckies")
	flags.StringVarP(&f.fleet.Archetype, "archetype", "a", "", "archetype of all deckies (default: a different one each)")
	flags.StringSliceVar(&f.fleet.Services, "services", nil, "services of all deckies, separated by commas")
	flags.BoolVar(&f.fleet.RandomServices, "randomize-services", false, "one to three services at random for each decky")
	flags.StringSliceVar(&f.fleet.Distros, "distro", nil, "distributions to cycle through, separated by commas (default: those of the archetype)")
	flags.BoolVar(&f.fleet.RandomDistros, "randomize-distros", false, "a distribution at random for each decky")
	flags.StringVar(&f.seed, "seed", "", "makes the fleet reproducible (default: random)")
	flags.BoolVar(&f.ipvlan, "ipvlan", false, "IPvlan instead of MACVLAN: all deckies have the hardware address of the host, as Wi-Fi needs")
	flags.StringVarP(&f.iface, "interface", "i", "", "interface of the host towards the LAN")
	flags.StringVar(&f.subnet, "subnet", "", "network of the LAN, such as 192.168.1.0/24")
	flags.StringVar(&f.gateway, "gateway", "", "router of the LAN, never given to a decky")
	flags.StringVar(&f.subnet6, "subnet6", "", "IPv6 network of the LAN, such as fd00:1::/64: gives each decky a second address")
	flags.StringVar(&f.gateway6, "gateway6", "", "router of the LAN for IPv6, never given to a decky")
	flags.StringVar(&f.ipStart, "ip-start", "", "first address to give out (default: the first of the subnet)")
}

// options turns the flags into those of a plan.
func (f *lanFlags) options() (fleet.Options, error) {
	opt := fleet.Options{Mode: fleet.ModeMACVLAN, Interface: f.iface, Seed: f.seed, Now: time.Now}
	if f.ipvlan {
		opt.Mode = fleet.ModeIPVLAN
	}
	if f.config != "" && f.planned {
		return opt, errors.New("--config says which deckies there are: it takes no --deckies, --archetype, --services, --randomize-services, --distro or --randomize-distros")
	}
	if f.fleet.Deckies < 1 {
		return opt, errors.New("--deckies must be at least 1")
	}
	if f.subnet != "" {
		p, err := netip.ParsePrefix(f.subnet)
		if err != nil {
			return opt, fmt.Errorf("--subnet: %q is not a network such as 192.168.1.0/24", f.subnet)
		}
		opt.Subnet = p
	}
	if err := ipv6Flags(&opt, f.subnet6, f.gateway6); err != nil {
		return opt, err
	}
	for _, a := range []struct {
		flag, text string
		to         *netip.Addr
	}{{"--gateway", f.gateway, &opt.Gateway}, {"--ip-start", f.ipStart, &opt.First}} {
		if a.text == "" {
			continue
		}
		addr, err := netip.ParseAddr(a.text)
		if err != nil {
			return opt, fmt.Errorf("%s: %q is not an IP address", a.flag, a.text)
		}
		*a.to = addr
	}
	return opt, nil
}

// saysWhich reports whether a flag of cmd says which deckies there are.
func saysWhich(cmd *cobra.Command) bool {
	return slices.ContainsFunc([]string{"deckies", "archetype", "services", "randomize-services", "distro", "randomize-distros"}, func(name string) bool {
		return cmd.Flags().Changed(name)
	})
}

// ipv6Flags takes --subnet6 and --gateway6 into opt.
func ipv6Flags(opt *fleet.Options, subnet, gateway string) (err error) {
	if subnet != "" {
		if opt.Subnet6, err = netip.ParsePrefix(subnet); err != nil {
			return fmt.Errorf("--subnet6: %q is not a network such as fd00:1::/64", subnet)
		}
	}
	if gateway != "" {
		if opt.Gateway6, err = netip.ParseAddr(gateway); err != nil {
			return fmt.Errorf("--gateway6: %q is not an IP address", gateway)
		}
	}
	return nil
}

// plan returns the fleet that is asked for and the addresses of this host on its LAN, which
// no decky has. They are zero when the interface is not of this host.
func (f *lanFlags) plan(registry *services.Registry, ini []byte, opt fleet.Options) (plan decnet.Fleet, host, host6 netip.Addr, err error) {
	once := func() (decnet.Fleet, error) {
		if f.config == "" {
			return fleet.FromFlags(registry, f.fleet, opt)
		}
		return fleet.FromINI(registry, ini, opt)
	}
	if plan, err = once(); err != nil {
		return plan, host, host6, err
	}
	for _, a := range addressesOf(plan.Interface) {
		if plan.Subnet.Contains(a) && !host.IsValid() {
			host = a
		}
		if plan.Subnet6.Contains(a) && !host6.IsValid() {
			host6 = a
		}
	}
	if host.IsValid() || host6.IsValid() {
		opt.Host, opt.Host6, opt.Seed = host, host6, plan.Seed
		plan, err = once()
	}
	return plan, host, host6, err
}

// addressesOf returns the addresses of an interface of this host, none when there is no
// such interface.
func addressesOf(name string) []netip.Addr {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	list, err := i.Addrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs
}

func newCompose() *cobra.Command {
	f := new(lanFlags)
	opt := compose.Options{}
	var engine engineFlags
	var output string
	cmd := &cobra.Command{
		Use:   "compose",
		Short: "Print a fleet as the compose file that makes it real on a LAN",
		Long: "Print a fleet as the compose file that makes it real on a LAN: a container per decky, which has an address\n" +
			"of its own, and a container per service in its network.\n\n" +
			"The file holds the seeds and settings of the deckies, which are secret. With --output it is for its owner alone,\n" +
			"and what images are built from is written beside it: docker compose -f FILE up -d makes the fleet. Files that are\n" +
			"captured are dropped there; decnetd deploy keeps them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.planned = saysWhich(cmd)
			return f.compose(cmd, opt, engine.pot, output)
		},
	}
	f.flags(cmd)
	engine.program(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	flags.StringVar(&opt.Project, "project", compose.DefaultProject, "name of the compose project")
	flags.StringVar(&opt.Network, "network", compose.DefaultNetwork, "name of the engine's network")
	flags.BoolVar(&opt.External, "external-network", false, "the network exists: name it only")
	flags.StringVar(&opt.Image, "image", "", "image with decnet-pot as its entry point (default: with --output one that is built of --pot; else "+compose.DefaultImage+", which must exist)")
	return cmd
}

func (f *lanFlags) compose(cmd *cobra.Command, opt compose.Options, program, output string) error {
	planOptions, err := f.options()
	if err == nil && f.config == "" && (f.iface == "" || f.subnet == "" || f.gateway == "") {
		err = errors.New("the LAN is not known: give --interface, --subnet and --gateway, or --config with them in [general]")
	}
	if err != nil {
		return &usageError{err}
	}
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	var ini []byte
	if f.config != "" {
		if ini, err = readConfig(cmd.Context(), f.config, cmd.InOrStdin()); err != nil {
			return fmt.Errorf("--config: %w", err)
		}
	}
	source := configName(f.config)
	plan, host, host6, err := f.plan(registry, ini, planOptions)
	switch {
	case err != nil && f.config == "":
		return &usageError{err}
	case err != nil:
		return fmt.Errorf("%s: %w", source, err)
	case len(plan.Deckies) == 0:
		return fmt.Errorf("%s: no section describes a decky", source)
	}
	opt.Host, opt.Host6 = host, host6
	if opt.Dir, err = os.Getwd(); err != nil {
		return err
	}
	if output != "" {
		if opt.File, err = filepath.Abs(output); err != nil {
			return err
		}
		if err := buildOf(&opt, program); err != nil {
			return err
		}
	}
	if opt.Init, err = initProgram(program); err != nil {
		return err
	}
	doc, err := compose.New(registry, plan, opt)
	if err != nil {
		return err
	}
	if output != "" {
		return doc.WriteFile(opt.File)
	}
	if len(doc.Contexts) > 0 {
		return errors.New("the images of this fleet are built from files: give --output, they are written beside it")
	}
	text, err := doc.YAML()
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}

// buildOf has the document say how its image is built of a program, unless it names one.
func buildOf(opt *compose.Options, program string) error {
	if opt.Image != "" {
		return nil
	}
	path, err := pot.Find(program)
	if err != nil {
		return fmt.Errorf("%w; build it, say with --pot where it is, or name an image that has it with --image", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	image, err := pot.NewImage(content)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	opt.Image, opt.Context = image.Name, image.Context
	return nil
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/forward"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/lan"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store/retention"
)

// upFlags are the flags of decnetd up.
type upFlags struct {
	state
	serverFlags
	config     string
	deckies    int
	archetype  string
	services   []string
	randomise  bool
	seed       string
	runtime    string
	iface      string
	subnet     string
	gateway    string
	subnet6    string
	gateway6   string
	baseIP     string
	portOffset int
	logTarget  string
	probe      bool
	probeAllow []string
	maxConns   int
	mutation   mutationFlags
	engine     engineFlags
	keep       keepFlags
	retention  retention.Options // what keep says

	anew    bool   // --as-planned
	planned bool   // a flag that says which deckies there are was given
	moved   bool   // a flag that says where they are was given
	ini     []byte // what --config holds
}

func newUp(env func(string) string) *cobra.Command {
	f := &upFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "The whole system in one process: fleet, collector, ingester, profiler and API",
		Long: "The whole system in one process: fleet, collector, ingester, profiler and API.\n\n" +
			"A second start on the same data directory continues where the first one stopped, with the same deckies. Where\n" +
			"--config or flags say which ones there are, only what they say otherwise than at the last start changes: mutated\n" +
			"services, mutation intervals and deckies of the API stay, unless --as-planned is given.\n\n" +
			"Environment:\n" +
			serverEnv + "\n" +
			"  DECNET_SNIFFER_IFACE  the one interface to sniff on; otherwise those that deckies have addresses on",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"deckies", "archetype", "services", "randomize-services", "seed"} {
				f.planned = f.planned || cmd.Flags().Changed(name)
			}
			for _, name := range []string{"base-ip", "interface", "subnet", "gateway", "subnet6", "gateway6"} {
				f.moved = f.moved || cmd.Flags().Changed(name)
			}
			if f.runtime == runtimeLocal && !cmd.Flags().Changed("port-offset") {
				f.portOffset = local.PortOffset()
			}
			if err := f.mutation.check(cmd); err != nil {
				return &usageError{err}
			}
			if err := f.complete(cmd, env); err != nil {
				return &usageError{err}
			}
			if err := f.check(); err != nil {
				return &usageError{err}
			}
			if _, err := f.source(); err != nil {
				return err
			}
			var err error
			if f.retention, err = f.keep.options(env); err != nil {
				return &usageError{err}
			}
			if err := checkEnv(env); err != nil {
				return err
			}
			return untilStopped(cmd.Context(), f.run(cmd.Context(), streams{cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()}, env))
		},
	}
	f.state.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "fleet from an INI file, - for standard input")
	flags.IntVar(&f.deckies, "deckies", 3, "number of deckies")
	flags.StringVar(&f.archetype, "archetype", "", "archetype of all deckies (default: a different one each)")
	flags.StringSliceVar(&f.services, "services", nil, "services of all deckies, separated by commas")
	flags.BoolVar(&f.randomise, "randomize-services", false, "one to three services at random for each decky")
	flags.StringVar(&f.seed, "seed", "", "makes the fleet reproducible (default: random, then kept)")
	flags.BoolVar(&f.anew, "as-planned", false, "make all deckies as --config or the flags say, whatever mutations or the API have changed since")
	flags.StringVar(&f.runtime, "runtime", "local", "where deckies live: local; lan: each with a MAC address and an address of its own (Linux, root); docker: the same, in containers, which keep running")
	flags.StringVar(&f.iface, "interface", "", "lan: interface of this machine towards the LAN (default: that of the default route)")
	flags.StringVar(&f.subnet, "subnet", "", "lan: subnet of the deckies (default: that of the interface)")
	flags.StringVar(&f.gateway, "gateway", "", "lan: default route of the deckies (default: that of this machine)")
	flags.StringVar(&f.subnet6, "subnet6", "", "lan: IPv6 subnet, such as fd00:1::/64, of second addresses of the deckies")
	flags.StringVar(&f.gateway6, "gateway6", "", "lan: IPv6 default route of the deckies")
	flags.StringVar(&f.baseIP, "base-ip", "", "address of the first decky; each further one takes the next free (default 127.0.10.1, lan: the first of the subnet)")
	flags.IntVar(&f.portOffset, "port-offset", 0, "added to every honeypot port (default 0, or 10000 when low ports may not be bound)")
	f.serverFlags.flags(cmd)
	flags.StringVar(&f.logTarget, "log-target", "", "also forward every event as RFC 5424 over TCP to HOST:PORT, or tls:HOST:PORT (default: log_target in [general])")
	flags.BoolVar(&f.probe, "probe", false, "probe attackers back: JARM, HASSH and TCP, each address once")
	flags.StringSliceVar(&f.probeAllow, "probe-allow", nil, "networks that may be probed, separated by commas (default: all but special and own ones)")
	f.engine.find(cmd)
	f.engine.program(cmd)
	f.mutation.flags(cmd)
	flags.IntVar(&f.maxConns, "max-conns", 0, "open connections of one service of one decky (default 256)")
	f.keep.flags(cmd)
	return cmd
}

// check finds what is wrong with the flags alone.
func (f *upFlags) check() error {
	if f.config != "" && f.planned {
		return errors.New("--config says which deckies there are: it takes no --deckies, --archetype, --services, --randomize-services or --seed")
	}
	switch f.runtime {
	case runtimeLocal, runtimeLAN, runtimeDocker:
	default:
		return fmt.Errorf("--runtime must be local, lan or docker, not %q", f.runtime)
	}
	if f.runtime != runtimeDocker && (f.engine.host != "" || f.engine.pot != "") {
		return errors.New("--engine and --pot are for --runtime docker")
	}
	if _, err := f.place(); err != nil {
		return err
	}
	if f.portOffset < 0 || f.portOffset > 60000 {
		return errors.New("--port-offset must be from 0 to 60000")
	}
	if f.anew && f.config == "" && !f.planned {
		return errors.New("--as-planned needs --config, or flags that say which deckies there are")
	}
	if f.deckies < 1 {
		return errors.New("--deckies must be at least 1")
	}
	if f.maxConns < 0 {
		return errors.New("--max-conns must not be negative")
	}
	if _, err := f.allowed(); err != nil {
		return err
	}
	if len(f.probeAllow) > 0 && !f.probe {
		return errors.New("--probe-allow limits --probe, which is not given")
	}
	if f.logTarget != "" {
		if _, err := forward.New(f.logTarget, forward.Options{}); err != nil {
			return fmt.Errorf("--log-target: %w", err)
		}
	}
	return nil
}

// place returns what the flags say of where the deckies are.
func (f *upFlags) place() (opt fleet.Options, err error) {
	onLAN := f.runtime != runtimeLocal
	if f.baseIP != "" {
		if opt.First, err = netip.ParseAddr(f.baseIP); err != nil || opt.First.Zone() != "" || opt.First.IsUnspecified() || opt.First.IsMulticast() {
			return opt, fmt.Errorf("--base-ip: %q is not the IP address of a machine", f.baseIP)
		}
	}
	if !onLAN {
		if f.network() {
			return opt, errors.New("--interface, --subnet, --gateway, --subnet6 and --gateway6 are for --runtime lan or docker")
		}
		return opt, nil
	}
	opt.Mode, opt.Interface = fleet.ModeMACVLAN, f.iface
	if f.portOffset != 0 {
		return opt, errors.New("--port-offset is for --runtime local: on the LAN every decky has all ports to itself")
	}
	if f.config != "" && f.network() {
		return opt, errors.New("--config says where the deckies are, in [general]: it takes no --interface, --subnet, --gateway, --subnet6 or --gateway6")
	}
	if f.subnet != "" {
		if opt.Subnet, err = netip.ParsePrefix(f.subnet); err != nil {
			return opt, fmt.Errorf("--subnet: %q is not a subnet such as 192.168.1.0/24", f.subnet)
		}
	}
	if f.gateway != "" {
		if opt.Gateway, err = netip.ParseAddr(f.gateway); err != nil {
			return opt, fmt.Errorf("--gateway: %q is not an IP address", f.gateway)
		}
	}
	return opt, ipv6Flags(&opt, f.subnet6, f.gateway6)
}

// network reports whether a flag says something of the LAN.
func (f *upFlags) network() bool {
	return f.iface != "" || f.subnet != "" || f.gateway != "" || f.subnet6 != "" || f.gateway6 != ""
}

// detect fills in what neither the flags nor the INI file say of the LAN.
func (f *upFlags) detect(opt *fleet.Options) error {
	if f.config != "" {
		said, err := fleet.NetworkOf(f.ini)
		if err != nil {
			return fmt.Errorf("%s: %w", configName(f.config), err)
		}
		opt.Interface, opt.Subnet, opt.Gateway = said.Interface, said.Subnet, said.Gateway
		opt.Subnet6, opt.Gateway6 = said.Subnet6, said.Gateway6
	}
	return surroundings(opt)
}

// surroundings fills in what is not said of the LAN.
func surroundings(opt *fleet.Options) error {
	found, err := lan.Detect(opt.Interface)
	if err != nil {
		if opt.Interface != "" && opt.Subnet.IsValid() {
			return nil // which is enough
		}
		return fmt.Errorf("%w; say it with --interface and --subnet, or with interface and net in [general] of an INI file", err)
	}
	opt.Interface = found.Interface
	if !opt.Subnet.IsValid() {
		opt.Subnet = found.Subnet
	}
	opt.Host = found.Host
	if !opt.Gateway.IsValid() && opt.Subnet.Contains(found.Gateway) {
		opt.Gateway = found.Gateway
	}
	own := addressesOf(opt.Interface)
	if i := slices.IndexFunc(own, opt.Subnet6.Contains); i >= 0 {
		opt.Host6 = own[i]
	}
	return nil
}

// allowed returns the networks of --probe-allow.
func (f *upFlags) allowed() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range f.probeAllow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--probe-allow: %q is not a network such as 198.51.100.0/24", text)
		}
		list = append(list, p)
	}
	return list, nil
}

// continues reports whether nothing is asked for but the fleet last, which can live where the
// flags say.
func (f *upFlags) continues(last decnet.Fleet) bool {
	if f.config != "" || f.planned || f.moved || len(last.Deckies) == 0 {
		return false
	}
	if f.runtime == runtimeLocal {
		return last.Mode == fleet.ModeLocal
	}
	return last.Mode == fleet.ModeMACVLAN || f.runtime == runtimeDocker && last.Mode == fleet.ModeIPVLAN
}

// way says what of the last fleet stays.
func (f *upFlags) way() deployment.Way {
	if f.anew {
		return deployment.Anew
	}
	return deployment.Update
}

// next returns the fleet that there will be: the last one, or what becomes of it.
func (f *upFlags) next(registry *services.Registry, last deployment.Document) (decnet.Fleet, error) {
	if f.continues(last.Fleet) {
		return f.mutation.of(last.Fleet), nil
	}
	next, _, err := deployment.Preview(last, f.way(), f.planner(registry))
	return next, err
}

// planner is plan for one registry.
func (f *upFlags) planner(registry *services.Registry) deployment.Plan {
	return func(stay decnet.Fleet) (decnet.Fleet, error) { return f.plan(registry, stay) }
}

// plan returns the fleet that is asked for, that of the INI file, that of the flags, or the
// default, beside the deckies of last. A fleet keeps its seed from one start to the next, and
// with it the keys and the bait of its deckies.
func (f *upFlags) plan(registry *services.Registry, last decnet.Fleet) (decnet.Fleet, error) {
	opt, err := f.place()
	if err != nil {
		return decnet.Fleet{}, &usageError{err}
	}
	opt.Now, opt.Seed, opt.MutateInterval = time.Now, cmp.Or(f.seed, last.Seed), f.mutation.every
	opt.Existing.Deckies = beside(last.Deckies, opt.First)
	if opt.Mode == fleet.ModeMACVLAN {
		if err := f.detect(&opt); err != nil {
			return decnet.Fleet{}, err
		}
	}
	if f.config != "" {
		plan, err := fleet.FromINI(registry, f.ini, opt)
		if err != nil {
			return plan, fmt.Errorf("%s: %w", configName(f.config), err)
		}
		if len(plan.Deckies) == 0 {
			return plan, fmt.Errorf("%s: no section describes a decky", configName(f.config))
		}
		return plan, nil
	}
	plan, err := fleet.FromFlags(registry, fleet.Flags{
		Deckies: f.deckies, Archetype: f.archetype, Services: f.services, RandomServices: f.randomise,
	}, opt)
	if err != nil {
		return plan, &usageError{err}
	}
	return plan, nil
}

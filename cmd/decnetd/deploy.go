package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
)

// The runtimes, as flags and the deployment state call them.
const (
	runtimeLocal  = "local"
	runtimeLAN    = "lan"
	runtimeDocker = "docker"
)

// deployFlags are the flags of decnetd deploy.
type deployFlags struct {
	state
	lanFlags
	engine   engineFlags
	mutation mutationFlags
	mode     string
	runtime  string
	add      bool
	anew     bool
	dryRun   bool
	asJSON   bool
}

func newDeploy(env func(string) string) *cobra.Command {
	f := &deployFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Make a fleet of containers on the LAN, or change the one that there is",
		Long: "Make a fleet of containers on the LAN, or change the one that there is: deckies that are not asked for any more\n" +
			"go, unless --add is given, and those that are as they should be are not touched. A decky that is asked for as it\n" +
			"was the last time stays as mutations and the API have made it since, unless --as-planned is given.\n\n" +
			"What is deployed is kept in the database, which every command and the API read. Collect what the deckies see\n" +
			"with decnetd up --runtime docker, or decnetd collect; they run without it, and no line is lost meanwhile.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.planned = saysWhich(cmd)
			if err := f.check(cmd); err != nil {
				return &usageError{err}
			}
			return f.deploy(cmd)
		},
	}
	f.state.flags(cmd)
	f.lanFlags.flags(cmd)
	f.engine.make(cmd)
	f.mutation.interval(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.mode, "mode", "m", "unihost", "unihost: all deckies on this machine")
	flags.StringVar(&f.runtime, "runtime", runtimeDocker, "docker: those of the others live in decnetd up")
	flags.BoolVar(&f.add, "add", false, "keep the deckies that are deployed, and add to them")
	flags.BoolVar(&f.anew, "as-planned", false, "also deckies that are asked for as before become as planned again, which mutations or the API have changed since")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be done, and change nothing")
	flags.Bool("parallel", true, "images are built and containers made several at a time; there is no other way")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (f *deployFlags) check(cmd *cobra.Command) error {
	switch f.mode {
	case "unihost":
	case "swarm":
		return errors.New("--mode swarm, deckies on several machines, is not part of this version: use unihost")
	default:
		return fmt.Errorf("--mode must be unihost, not %q", f.mode)
	}
	switch f.runtime {
	case runtimeDocker:
	case runtimeLocal, runtimeLAN:
		return fmt.Errorf("deckies of the runtime %s live in the process that made them: use decnetd up --runtime %s", f.runtime, f.runtime)
	default:
		return fmt.Errorf("--runtime must be docker, not %q", f.runtime)
	}
	if f.config == "" && !f.planned {
		return errors.New("which deckies? Give --config FILE, or --deckies, --services, --archetype or --randomize-services")
	}
	if f.add && f.anew {
		return errors.New("--add and --as-planned exclude each other")
	}
	_, err := f.options()
	return errors.Join(err, f.mutation.check(cmd))
}

// deployRow is a decky in what deploy and teardown print.
type deployRow struct {
	Name     string   `json:"name"`
	IP       string   `json:"ip"`
	IP6      string   `json:"ip6,omitempty"`
	Hostname string   `json:"hostname"`
	Services []string `json:"services"`
	Action   string   `json:"action"` // "added", "changed", "kept" or "removed"
}

// deployRows says what became of the deckies of two fleets.
func deployRows(before, after decnet.Fleet) []deployRow {
	diff := fleet.Compare(before, after)
	action := make(map[string]string)
	for _, d := range diff.Added {
		action[d.Name] = "added"
	}
	for _, c := range diff.Changed {
		action[c.New.Name] = "changed"
	}
	rows := []deployRow{}
	add := func(d decnet.Decky, action string) {
		r := deployRow{Name: d.Name, IP: d.Addr.String(), Hostname: d.Hostname, Services: d.Services, Action: action}
		if d.Addr6.IsValid() {
			r.IP6 = d.Addr6.String()
		}
		rows = append(rows, r)
	}
	for _, d := range after.Deckies {
		add(d, cmp.Or(action[d.Name], "kept"))
	}
	for _, d := range diff.Removed {
		add(d, "removed")
	}
	return rows
}

// deploying is what deploy prints with --json.
type deploying struct {
	DryRun  bool          `json:"dry_run"`
	Runtime string        `json:"runtime"`
	Seed    string        `json:"seed,omitempty"` // with --dry-run, where it was made up for that
	Deckies []deployRow   `json:"deckies"`
	Steps   []docker.Step `json:"steps"` // with --dry-run
}

func (d deploying) print(cmd *cobra.Command, asJSON bool) error {
	out := cmd.OutOrStdout()
	if asJSON {
		return printJSON(out, d)
	}
	if len(d.Deckies) == 0 {
		_, err := fmt.Fprintln(out, "no decky was deployed")
		return err
	}
	var rows [][]string
	for _, r := range d.Deckies {
		rows = append(rows, []string{r.Name, r.IP, r.Hostname, strings.Join(r.Services, ", "), r.Action})
	}
	printTable(out, []string{"DECKY", "ADDRESS", "HOST NAME", "SERVICES", ""}, rows)
	if !d.DryRun {
		return nil
	}
	rows = nil
	for _, s := range d.Steps {
		rows = append(rows, []string{string(s.Action), string(s.Object), s.Name, s.Reason})
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "\nnothing is to be done")
		return err
	}
	fmt.Fprintln(out)
	printTable(out, []string{"WOULD", "", "NAME", "WHY"}, rows)
	if d.Seed == "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "\nThe seed was made up, and is not kept. For these deckies, and not others, deploy with\n--seed %s\n", d.Seed)
	return err
}

func (f *deployFlags) deploy(cmd *cobra.Command) error {
	ctx := cmd.Context()
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	var ini []byte
	if f.config != "" {
		if ini, err = readConfig(ctx, f.config, cmd.InOrStdin()); err != nil {
			return fmt.Errorf("--config: %w", err)
		}
	}
	last, err := f.peek(ctx)
	if err != nil {
		return err
	}
	if err := f.notInUp(last); err != nil {
		return err
	}
	asked := func(stay decnet.Fleet) (decnet.Fleet, error) { return f.wanted(registry, ini, stay) }
	plan, _, err := deployment.Preview(last, f.way(), asked)
	if err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr())
	defer show.end()
	at := fleetPlace{data: f.data}
	at.host, at.host6 = hostOn(plan)
	rt, err := f.engine.runtime(registry, at, true, show.step, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rt.Close() }()
	result := deploying{DryRun: f.dryRun, Runtime: f.runtime, Steps: []docker.Step{}}
	if f.dryRun {
		if result.Steps, err = rt.Plan(ctx, plan); err != nil {
			return err
		}
		if result.Steps == nil {
			result.Steps = []docker.Step{}
		}
		result.Deckies = deployRows(last.Fleet, plan)
		if f.seed == "" && last.Seed == "" {
			result.Seed = plan.Seed
		}
		return result.print(cmd, f.asJSON)
	}
	db, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is written when a change ends
	d := deployment.New(db, rt, turns("decnetd deploy", show))
	out, err := d.Follow(ctx, f.way(), asked)
	var left *deployment.LeftError
	if errors.As(err, &left) {
		return fmt.Errorf("%w; decnetd status tells more, and deploying again goes on", err)
	}
	if err != nil {
		return err
	}
	show.end()
	result.Deckies = deployRows(out.Before, out.After)
	return result.print(cmd, f.asJSON)
}

// turns says who changes the deployment from a command, and shows whom it waits for.
func turns(command string, show *progress) deployment.Options {
	return deployment.Options{
		Runtime: runtimeDocker, Durable: true, By: who(command), Process: thisProcess(), Alive: alive,
		Waiting: func(c deployment.Change) {
			show.say(fmt.Sprintf("waiting for the %s that %s began at %s", c.What, c.By, c.Since.Local().Format(time.TimeOnly)))
		},
	}
}

// beside returns deckies as a plan finds them whose first address is first. They give up
// their addresses when none of them has that, so that a fleet moves when it is told to.
func beside(deckies []decnet.Decky, first netip.Addr) []decnet.Decky {
	if !first.IsValid() || slices.ContainsFunc(deckies, func(d decnet.Decky) bool { return d.Addr == first }) {
		return deckies
	}
	deckies = slices.Clone(deckies)
	for i := range deckies {
		deckies[i].Addr, deckies[i].Addr6 = netip.Addr{}, netip.Addr{}
	}
	return deckies
}

// way says what of the last fleet stays.
func (f *deployFlags) way() deployment.Way {
	switch {
	case f.add:
		return deployment.Add
	case f.anew:
		return deployment.Anew
	}
	return deployment.Replace
}

// wanted plans the fleet that is asked for, beside the deckies of last.
func (f *deployFlags) wanted(registry *services.Registry, ini []byte, last decnet.Fleet) (decnet.Fleet, error) {
	opt, err := f.options()
	if err != nil {
		return decnet.Fleet{}, &usageError{err}
	}
	opt.Seed, opt.MutateInterval = cmp.Or(opt.Seed, last.Seed), f.mutation.every
	opt.Existing.Deckies = beside(last.Deckies, opt.First)
	if f.add {
		opt.Existing = last
		if !f.ipvlan {
			opt.Mode = cmp.Or(last.Mode, opt.Mode)
		}
		opt.Interface = cmp.Or(opt.Interface, last.Interface)
		if !opt.Subnet.IsValid() {
			opt.Subnet = last.Subnet
		}
		if !opt.Gateway.IsValid() {
			opt.Gateway = last.Gateway
		}
	}
	source := configName(f.config)
	if f.config != "" {
		said, err := fleet.NetworkOf(ini)
		if err != nil {
			return decnet.Fleet{}, fmt.Errorf("%s: %w", source, err)
		}
		opt.Interface = cmp.Or(said.Interface, opt.Interface)
		if said.Subnet.IsValid() {
			opt.Subnet = said.Subnet
		}
		if said.Gateway.IsValid() {
			opt.Gateway = said.Gateway
		}
	}
	if err := surroundings(&opt); err != nil {
		return decnet.Fleet{}, err
	}
	plan, _, _, err := f.plan(registry, ini, opt)
	switch {
	case err != nil && f.config == "":
		return plan, &usageError{err}
	case err != nil:
		return plan, fmt.Errorf("%s: %w", source, err)
	case len(plan.Deckies) == 0:
		return plan, fmt.Errorf("%s: no section describes a decky", source)
	}
	return plan, nil
}

// peek reads the deployment state of a database that need not be there, with the mutation
// interval that holds.
func (s *state) peek(ctx context.Context) (deployment.Document, error) {
	src, err := s.source()
	if err != nil {
		return deployment.Document{}, err
	}
	if path, ok := src.Path(); ok {
		switch _, err := os.Stat(path); {
		case errors.Is(err, os.ErrNotExist):
			return deployment.Document{}, nil
		case err != nil && path == s.ownFile():
			return deployment.Document{}, fmt.Errorf("data directory: %w (give another --data)", err)
		}
	}
	db, err := src.Open(ctx)
	if err != nil {
		return deployment.Document{}, err
	}
	doc, err := deployment.Read(ctx, db)
	if err == nil {
		doc.Fleet, err = deployment.Current(ctx, db)
	}
	return doc, errors.Join(err, db.Close())
}

// open opens the database, which is made when it is not there.
func (s *state) open(ctx context.Context) (store.Repository, error) {
	src, err := s.source()
	if err != nil {
		return nil, err
	}
	if err := makeData(s.data); err != nil {
		return nil, err
	}
	// What is in the directory beside a database elsewhere shows whose it is.
	mark, err := os.OpenFile(filepath.Join(s.data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = mark.Close()
	}
	if err != nil {
		return nil, err
	}
	return src.Open(ctx)
}

// served reports whether a decnetd up runs on the data directory.
func (s *state) served() bool { return len(holders(s.data, roleFleet)) > 0 }

// collected reports whether something brings what containers print into the data directory.
func (s *state) collected() bool { return len(holders(s.data, roleCollect)) > 0 }

// notInUp refuses to change deckies that live in a decnetd up which runs.
func (s *state) notInUp(doc deployment.Document) error {
	if doc.Runtime != "" && !doc.Durable && len(doc.Deckies) > 0 && s.served() {
		return fmt.Errorf("the deckies of %s live in a decnetd up --runtime %s that runs: stop it, or give another --data", s.data, doc.Runtime)
	}
	return nil
}

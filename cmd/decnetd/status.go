package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services/all"
)

// deckyStatus is a decky as status shows it.
type deckyStatus struct {
	Name           string          `json:"name"`
	IP             string          `json:"ip"`
	Hostname       string          `json:"hostname"`
	State          string          `json:"state"` // "up", "degraded", "down"; "unknown" when only the process that has it knows
	Archetype      string          `json:"archetype,omitempty"`
	Distro         string          `json:"distro"`
	Services       []serviceStatus `json:"services"`
	MutateInterval int             `json:"mutate_interval"` // minutes; 0: never
	LastMutated    *time.Time      `json:"last_mutated"`
	Deployed       bool            `json:"deployed"` // false: the engine has containers of it, and the deployment state has not
}

type serviceStatus struct {
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Ports    []string   `json:"ports"`
	Since    *time.Time `json:"since"`
	Restarts int        `json:"restarts"`
	Error    string     `json:"error,omitempty"`
}

// changeStatus is a change that has not come to its end.
type changeStatus struct {
	What   string    `json:"what"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	CutOff bool      `json:"cut_off"` // whoever was at it is gone
	Wanted []string  `json:"wanted"`  // deckies
}

// statusReport is what status prints with --json.
type statusReport struct {
	Runtime string        `json:"runtime"` // "" when nothing was ever deployed
	Mode    string        `json:"mode"`
	Daemon  bool          `json:"daemon"` // a decnetd up or collect runs on the data directory
	Change  *changeStatus `json:"change"`
	Deckies []deckyStatus `json:"deckies"`
}

// statusFlags are the flags of decnetd status.
type statusFlags struct {
	state
	engine engineFlags
	asJSON bool
}

func newStatus(env func(string) string) *cobra.Command {
	f := &statusFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what is deployed and how it fares",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := f.report(cmd)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return report.print(cmd.OutOrStdout())
		},
	}
	f.state.flags(cmd)
	f.engine.find(cmd)
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (f *statusFlags) report(cmd *cobra.Command) (statusReport, error) {
	doc, err := f.peek(cmd.Context())
	if err != nil {
		return statusReport{}, err
	}
	report := statusReport{Runtime: doc.Runtime, Mode: doc.Mode, Daemon: f.served() || doc.Durable && f.collected(), Deckies: []deckyStatus{}}
	if c := doc.Change; c != nil {
		report.Change = &changeStatus{
			What: c.What, By: c.By, Since: c.Since, CutOff: !time.Now().Before(c.Until) || !alive(c.Process), Wanted: []string{},
		}
		for _, d := range c.Wanted.Deckies {
			report.Change.Wanted = append(report.Change.Wanted, d.Name)
		}
	}
	if doc.Durable || doc.Runtime == "" {
		err := f.ask(cmd, doc, &report)
		if doc.Runtime == "" && errors.Is(err, docker.ErrNoEngine) {
			err = nil // nobody said that there is one
		}
		return report, err
	}
	// Deckies of the other runtimes are there as long as their process is, which alone
	// knows how each service fares.
	state := "unknown"
	if !report.Daemon {
		state = string(fleet.StateDown)
	}
	for _, d := range doc.Deckies {
		row := newDeckyStatus(doc.Fleet, d, state)
		for _, name := range d.Services {
			row.Services = append(row.Services, serviceStatus{Name: name, State: state, Ports: []string{}})
		}
		report.Deckies = append(report.Deckies, row)
	}
	return report, nil
}

// ask has the engine tell how the deckies of doc fare, and which others it has.
func (f *statusFlags) ask(cmd *cobra.Command, doc deployment.Document, report *statusReport) error {
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	rt, err := f.engine.runtime(registry, fleetPlace{data: f.data}, false, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rt.Close() }()
	list, err := rt.StatusOf(cmd.Context(), doc.Fleet)
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for i, d := range doc.Deckies {
		known[d.Name] = true
		report.Deckies = append(report.Deckies, withServices(newDeckyStatus(doc.Fleet, d, string(list[i].State())), list[i].Services))
	}
	present, err := rt.Present(cmd.Context())
	if err != nil {
		return err
	}
	for _, s := range present {
		if !known[s.Name] {
			row := withServices(newDeckyStatus(decnet.Fleet{}, decnet.Decky{Name: s.Name, Addr: s.Addr, Hostname: s.Hostname}, string(s.State())), s.Services)
			row.Deployed = false
			report.Deckies = append(report.Deckies, row)
		}
	}
	return nil
}

func newDeckyStatus(f decnet.Fleet, d decnet.Decky, state string) deckyStatus {
	return deckyStatus{
		Name: d.Name, IP: d.Addr.String(), Hostname: d.Hostname, State: state, Archetype: d.Archetype, Distro: d.Distro,
		Services: []serviceStatus{}, MutateInterval: int(fleet.Interval(f, d).Minutes()), LastMutated: optionalTime(d.LastMutated), Deployed: true,
	}
}

func withServices(row deckyStatus, list []fleet.ServiceStatus) deckyStatus {
	for _, s := range list {
		r := serviceStatus{Name: s.Name, State: string(s.State), Ports: []string{}, Since: optionalTime(s.Since), Restarts: s.Restarts, Error: s.Err}
		for _, p := range s.Ports {
			r.Ports = append(r.Ports, p.String())
		}
		row.Services = append(row.Services, r)
	}
	return row
}

// optionalTime is nil for the zero time.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (r statusReport) print(out io.Writer) error {
	if c := r.Change; c != nil {
		what := "is under way"
		if c.CutOff {
			what = "was cut off: deploy again, or take down what is left"
		}
		fmt.Fprintf(out, "the %s that %s began at %s %s\n", c.What, plain(c.By), c.Since.Local().Format(time.DateTime), what)
	}
	if len(r.Deckies) == 0 {
		_, err := fmt.Fprintln(out, "no decky is deployed")
		return err
	}
	var rows [][]string
	for _, d := range r.Deckies {
		var services []string
		for _, s := range d.Services {
			services = append(services, s.Name+"("+s.State+")")
		}
		mutation := "never"
		if d.MutateInterval > 0 {
			mutation = fmt.Sprintf("every %d min", d.MutateInterval)
		}
		note := ""
		switch {
		case !d.Deployed:
			note = "not in the deployment state"
		case d.State == "unknown":
			note = "in decnetd up"
		}
		rows = append(rows, []string{d.Name, d.IP, d.Hostname, strings.Join(services, ", "), d.State, mutation, note})
	}
	printTable(out, []string{"DECKY", "ADDRESS", "HOST NAME", "SERVICES", "STATE", "CHANGES", ""}, rows)
	r.printFailures(out)
	if r.Runtime == "" {
		_, err := fmt.Fprintln(out, "\nnothing was deployed from here: decnetd deploy takes over the deckies that it is to have, decnetd teardown --all takes all down")
		return err
	}
	collecting := "nothing collects: run decnetd up --runtime " + r.Runtime
	if r.Daemon {
		collecting = "a daemon runs on the data directory"
	}
	_, err := fmt.Fprintf(out, "\nruntime %s, %s\n", r.Runtime, collecting)
	return err
}

// printFailures says what is wrong with services, where somebody knows it.
func (r statusReport) printFailures(out io.Writer) {
	var rows [][]string
	for _, d := range r.Deckies {
		for _, s := range d.Services {
			if s.Error != "" && s.State != string(fleet.StateUp) {
				rows = append(rows, []string{d.Name, s.Name, s.Error})
			}
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
		printTable(out, []string{"DECKY", "SERVICE", "WHAT IS WRONG"}, rows)
	}
}

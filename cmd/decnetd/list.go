package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
)

// version and commit are set by the linker.
var (
	version = "devel"
	commit  = "unknown"
)

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Version, commit and Go version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"version": version, "commit": commit, "go": runtime.Version()})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "decnetd %s (commit %s, %s)\n", version, commit, runtime.Version())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// serviceRow is a service as --json shows it.
type serviceRow struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Ports []string `json:"ports"`
	Keys  []keyRow `json:"keys"`
}

type keyRow struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default string   `json:"default"`
	Enum    []string `json:"enum,omitempty"`
	Doc     string   `json:"doc"`
}

func newServiceRow(info services.Info) serviceRow {
	row := serviceRow{Name: info.Name, Title: info.Title, Ports: []string{}, Keys: []keyRow{}}
	for _, p := range info.Ports {
		row.Ports = append(row.Ports, p.String())
	}
	for _, k := range info.Keys {
		row.Keys = append(row.Keys, keyRow{k.Name, string(k.Type), k.Default, k.Enum, k.Doc})
	}
	return row
}

func newServices() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "services [NAME]",
		Short: "What honeypots there are; with a name, its settings too",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry, err := all.Registry()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 1 {
				s, err := registry.Lookup(args[0])
				if err != nil {
					return &usageError{err}
				}
				row := newServiceRow(s.Info())
				if asJSON {
					return printJSON(out, row)
				}
				fmt.Fprintf(out, "%s: %s\nports: %s\n\n", row.Name, row.Title, strings.Join(row.Ports, ", "))
				var rows [][]string
				for _, k := range row.Keys {
					accepts := k.Type
					if len(k.Enum) > 0 {
						accepts = strings.Join(k.Enum, "|")
					}
					rows = append(rows, []string{k.Name, accepts, k.Default, k.Doc})
				}
				printTable(out, []string{"KEY", "TYPE", "DEFAULT", "MEANING"}, rows)
				return nil
			}
			var list []serviceRow
			var rows [][]string
			for _, s := range registry.All() {
				row := newServiceRow(s.Info())
				list = append(list, row)
				rows = append(rows, []string{row.Name, strings.Join(row.Ports, ", "), row.Title})
			}
			if asJSON {
				return printJSON(out, list)
			}
			printTable(out, []string{"SERVICE", "PORTS", "TITLE"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func newArchetypes() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "archetypes",
		Short: "What kinds of machines there are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			registry, err := all.Registry()
			if err != nil {
				return err
			}
			type row struct {
				Slug     string   `json:"archetype"`
				Title    string   `json:"title"`
				Services []string `json:"services"`
				Missing  []string `json:"missing"` // services that this program does not have
				Distros  []string `json:"distros"`
				OSFamily string   `json:"nmap_os"`
				Doc      string   `json:"doc"`
			}
			var list []row
			var rows [][]string
			for _, a := range fleet.Archetypes() {
				r := row{a.Slug, a.Title, a.Services, []string{}, a.Distros, a.OSFamily, a.Doc}
				for _, s := range a.Services {
					if _, err := registry.Lookup(s); err != nil {
						r.Missing = append(r.Missing, s)
					}
				}
				list = append(list, r)
				rows = append(rows, []string{a.Slug, a.Title, strings.Join(a.Services, ", "), strings.Join(r.Missing, ", ")})
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			printTable(cmd.OutOrStdout(), []string{"ARCHETYPE", "TITLE", "SERVICES", "NOT YET SERVED"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func newDistros() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "distros",
		Short: "What distributions a decky can claim to run",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type row struct {
				Slug    string   `json:"distro"`
				Title   string   `json:"title"`
				OpenSSH []string `json:"openssh"`
				Image   string   `json:"image"`
				Style   string   `json:"hostname_style"`
			}
			var list []row
			var rows [][]string
			for _, d := range fleet.Distros() {
				ssh := services.ReleaseOf(d.Slug).OpenSSH
				list = append(list, row{d.Slug, d.Title, ssh, d.Image, string(d.Style)})
				rows = append(rows, []string{d.Slug, d.Title, ssh[0], d.Image, string(d.Style)})
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			printTable(cmd.OutOrStdout(), []string{"DISTRO", "TITLE", "OPENSSH", "IMAGE", "HOST NAMES"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

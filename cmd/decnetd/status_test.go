package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/decnet/decnet/fleet/docker"
)

// TestShapesOfFleetCommands holds the keys that scripts rely on.
func TestShapesOfFleetCommands(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)
	report := statusReport{
		Runtime: "docker", Mode: "macvlan", Daemon: true,
		Change: &changeStatus{What: "deploy", By: "decnetd deploy (process 7 on lab)", Since: at, CutOff: true, Wanted: []string{"web", "db"}},
		Deckies: []deckyStatus{
			{
				Name: "web", IP: "10.99.0.11", Hostname: "SRV-WEB-10", State: "degraded", Archetype: "web-server", Distro: "debian",
				Services: []serviceStatus{
					{Name: "ftp", State: "down", Ports: []string{"21/tcp"}, Restarts: 3, Error: "exit status 1"},
					{Name: "http", State: "up", Ports: []string{"80/tcp", "443/tcp"}, Since: &at},
				},
				MutateInterval: 90, LastMutated: &at, Deployed: true,
			},
			{Name: "old", IP: "10.99.0.12", Hostname: "SRV-DB-11", State: "up", Services: []serviceStatus{}},
		},
	}
	done := deploying{
		DryRun: true, Runtime: "docker",
		Deckies: []deployRow{{Name: "web", IP: "10.99.0.11", IP6: "fd00::11", Hostname: "SRV-WEB-10", Services: []string{"ftp", "http"}, Action: "added"}},
		Steps:   []docker.Step{{Action: docker.ActionCreate, Object: docker.ObjectContainer, Name: "web-http", Decky: "web", Reason: "there is none"}},
	}
	changed := []mutationRow{{Decky: "web", Old: []string{"http"}, New: []string{"ftp", "http"}}, {Decky: "db", Old: []string{}, New: []string{}, Error: "why"}}
	for name, v := range map[string]any{"status.json": report, "deploy.json": done, "mutate.json": changed} {
		var out bytes.Buffer
		if err := printJSON(&out, v); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
	var out bytes.Buffer
	report.Change.Since = time.Date(2026, 4, 18, 2, 22, 56, 0, time.Local)
	if err := report.print(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "status.txt", out.String())

	// What an engine has of a fleet that was not deployed from here.
	out.Reset()
	if err := (statusReport{Deckies: report.Deckies[1:]}).print(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "status-others.txt", out.String())
}

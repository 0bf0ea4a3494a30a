package dockerlogs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/dockerlogs"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/rfc5424"
)

// oneContainer is an engine with one container, whose log is a file.
type oneContainer struct{ log string }

func (e oneContainer) ContainerList(context.Context, container.ListOptions) ([]container.Summary, error) {
	return []container.Summary{{ID: "4f1d", State: container.StateRunning, Labels: map[string]string{
		fleet.LabelFleet: "lab", fleet.LabelDecky: "decky-01", fleet.LabelService: "ssh",
	}}}, nil
}

func (e oneContainer) ContainerInspect(context.Context, string) (container.InspectResponse, error) {
	host := &container.HostConfig{LogConfig: container.LogConfig{Type: "json-file"}}
	return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{LogPath: e.log, HostConfig: host}}, nil
}

func (e oneContainer) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return nil, nil
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	// What the container has printed: an event, and one that pretends to be of another decky.
	log := filepath.Join(dir, "4f1d-json.log")
	err = os.WriteFile(log, []byte(
		`{"log":"\u003c134\u003e1 2026-04-18T02:22:56Z decky-01 ssh - command [relay@55555 command=\"id\"]\n","stream":"stdout","time":"2026-04-18T02:22:56.1Z"}`+"\n"+
			`{"log":"\u003c134\u003e1 2026-04-18T02:22:57Z decky-02 ssh - command [relay@55555 command=\"ls\"]\n","stream":"stdout","time":"2026-04-18T02:22:57.1Z"}`+"\n"), 0o600)
	if err != nil {
		fmt.Println(err)
		return
	}

	base := filepath.Join(dir, "decnet.log")
	c, err := collector.New(base, collector.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	src := dockerlogs.New(dockerlogs.Options{Fleet: "lab", Engine: oneContainer{log}}) // without Engine: that of the machine
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, src) }()
	for c.Status().Records < 2 {
		time.Sleep(time.Millisecond)
	}
	stop()
	fmt.Println(<-ended, src.Status().PutRight)

	raw, err := os.ReadFile(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(raw)) {
		e, err := rfc5424.Parse(line)
		fmt.Println(e.Decky, e.Service, e.Type, e.Fields, err)
	}
	// Output:
	// <nil> 1
	// decky-01 ssh command [{command id}] <nil>
	// decky-01 ssh command [{command ls} {claimed_decky decky-02}] <nil>
}

package capture_test

import (
	"context"
	"fmt"
	"os"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/collector/quarantine"
)

// none is an engine without containers.
type none struct{}

func (none) Watch(ctx context.Context, set func([]capture.Container)) error {
	set(nil)
	<-ctx.Done()
	return ctx.Err()
}

func Example() {
	dir, err := os.MkdirTemp("", "artifacts")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	files, err := quarantine.New(dir, quarantine.Options{})
	if err != nil {
		panic(err)
	}
	defer files.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = capture.New(none{}, files, decnet.SinkFunc(func(decnet.Event) {}), capture.Options{}).Run(ctx)
	fmt.Println(err)
	// Output: <nil>
}

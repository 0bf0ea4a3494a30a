package quarantine_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/decnet/decnet/collector/quarantine"
)

func Example() {
	root, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	dir, err := quarantine.New(root, quarantine.Options{Now: func() time.Time { return time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()

	a, err := dir.Store(context.Background(), "decky-01", "ssh", "/tmp/../x y.sh", strings.NewReader("#!/bin/sh\n"))
	fmt.Println(a.StoredAs, a.Size, err)

	f, err := dir.Open("decky-01", a.StoredAs)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// 2026-04-18T02:22:56Z_a8076d3d28d2_x_y.sh 10 <nil>
	// "#!/bin/sh\n" <nil>
}

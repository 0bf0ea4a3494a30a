package assembly

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart measures a start of the default fleet on an existing data directory, from
// exec to the line that says it is ready, and the memory that it takes when idle.
func BenchmarkStart(b *testing.B) {
	data := b.TempDir()
	var memory int64
	first := true
	for b.Loop() {
		if first { // makes the database and the account, which later starts find
			b.StopTimer()
			startAndStop(b, data, nil)
			first = false
			b.StartTimer()
		}
		startAndStop(b, data, &memory)
	}
	b.ReportMetric(float64(memory)/(1<<20), "MiB-idle")
}

// BenchmarkFirstStart measures a start on an empty directory, which makes the database
// and hashes the first password.
func BenchmarkFirstStart(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		startAndStop(b, filepath.Join(dir, strconv.Itoa(i)), nil)
	}
}

func startAndStop(b *testing.B, data string, memory *int64) {
	b.Helper()
	cmd := exec.Command(binaries.plain, "up", "--data", data, "--api", "127.0.0.1:0", "--base-ip", "127.0.64.1", "--port-offset", strconv.Itoa(offset), "--seed", "figures")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	ready := false
	for !ready && lines.Scan() {
		ready = lines.Text() == "decnetd: ready"
	}
	b.StopTimer()
	if !ready {
		b.Fatal("decnetd did not become ready")
	}
	if memory != nil {
		time.Sleep(time.Second)
		*memory = rss(b, cmd.Process.Pid)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
}

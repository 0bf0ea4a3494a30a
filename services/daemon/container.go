package daemon

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/login"
)

// The values of the persona key "daemon".
const (
	Emulated = "emulated" // the honeypot's own emulation
	Real     = "real"     // the real daemon, in a container
)

// Key returns the persona key that chooses between emulation and the real daemon.
func Key() services.Key {
	return services.Key{
		Name: "daemon", Type: services.KeyEnum, Default: Emulated, Enum: []string{Emulated, Real},
		Doc: "emulated, or the real program in a container, which only a runtime with containers has",
	}
}

// Refuse gives an error that wraps decnet.ErrSemantic when a checked cfg asks for the real
// daemon: it is for New of a service, which runs without containers.
func Refuse(service string, cfg services.Config) error {
	if cfg["daemon"] != Real {
		return nil
	}
	return fmt.Errorf("%s: daemon=real is a program in a container, and this runtime has none: %w", service, decnet.ErrSemantic)
}

//go:embed image
var images embed.FS

// initName is the file of decnet-init in the build context.
const initName = "systemd"

// Container describes the container of the real daemon behind a service, "ssh" or "telnet".
// Without daemon=real in cfg it is the zero Container, which stands for the stock image. A
// setting that only the emulation knows gives an error that wraps decnet.ErrSemantic.
//
// It is made for Debian 12 and Ubuntu 22.04. Other distributions have other packages, files and
// defaults, and Kali another shell.
//
// The container has the capabilities that the daemon needs to let people in and make them
// who they are. It writes to memory alone: 32 MiB each in /root, /home, /tmp, /var and
// /dev/shm, less elsewhere.
func Container(service string, cfg services.Config) (services.Container, error) {
	if cfg["daemon"] != Real {
		return services.Container{}, nil
	}
	for _, key := range []string{"version", "keyboard_interactive", "fail_delay", "telnetd", "hostname"} {
		if cfg[key] != "" {
			return services.Container{}, fmt.Errorf("%s: %s has no effect with daemon=real: %w", service, key, decnet.ErrSemantic)
		}
	}
	if _, err := login.New(cfg, nil); err != nil {
		return services.Container{}, fmt.Errorf("%s: %w", service, err)
	}
	context, err := fs.Sub(images, "image")
	if err != nil {
		return services.Container{}, err
	}
	const mib = 1 << 20
	c := services.Container{
		Context: context, Init: initName, Distros: []string{"debian", "ubuntu22"},
		CapAdd: []string{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SYS_CHROOT"},
		Tmpfs: []services.Tmpfs{
			{Dir: "/tmp", Size: 32 * mib, Exec: true},
			{Dir: "/run", Size: 4 * mib, Mode: 0o755},
			{Dir: "/dev/shm", Size: 32 * mib, Exec: true},
		},
	}
	for _, d := range writable {
		c.Tmpfs = append(c.Tmpfs, services.Tmpfs{Dir: "/" + d.name, Size: d.size * mib, Mode: d.mode, Exec: true})
	}
	return c, nil
}

// writable lists the directories that are in memory and filled from the image. Their modes
// are those of the Filesystem Hierarchy Standard.
var writable = []struct {
	name string
	size int64 // MiB
	mode fs.FileMode
}{
	{"etc", 16, 0o755}, {"root", 32, 0o700}, {"home", 32, 0o755}, {"var", 48, 0o755},
	{"opt", 8, 0o755}, {"srv", 8, 0o755}, {"usr/local", 16, 0o755},
}

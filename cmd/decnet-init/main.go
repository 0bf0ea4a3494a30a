// Command decnet-init is the first process of a container that runs a real daemon (see
// package services/daemon). It takes its configuration from the persona in its environment
// and no arguments, and prints events as RFC 5424 lines on standard output:
//
//	docker run -e DECNET_PERSONA="$persona" decnet-ssh:…
//
// Before it serves it executes itself once more, so that nothing of the configuration is
// left where root in the container could read it. PAM runs the same executable to hand over
// passwords, and shells do to hand over commands.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/daemon"
)

// personaFile is the descriptor by which the process hands the persona to itself.
const personaFile = 3

// personaSuffix ends the name of the variable with the persona, and of no other. The whole
// name is not in the executable, which an intruder can read.
const personaSuffix = "_PERSONA"

func main() {
	if os.Getpid() != 1 {
		os.Exit(tell())
	}
	err := again()
	if err == nil {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(1)
	}
}

// commandHook ends the name by which shells run the executable.
const commandHook = "-acct"

// tell tells the first process of a command, or asks it about a password, for PAM, which
// wants status 0 for who gets in.
func tell() int {
	if strings.HasSuffix(os.Args[0], commandHook) {
		if len(os.Args) != 3 || daemon.Tell(os.Args[2]) != nil {
			return 1
		}
		return 0
	}
	failed := len(os.Args) > 1
	in, err := daemon.Ask(os.Getenv("PAM_USER"), os.Getenv("PAM_SERVICE"), os.Stdin, failed)
	if err != nil || !in {
		return 1
	}
	return 0
}

// again executes this program with the persona in a file without a name instead of the
// environment. It returns when that has been done.
func again() error {
	for _, entry := range os.Environ() {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasSuffix(name, personaSuffix) {
			continue
		}
		fd, err := unix.MemfdCreate("", 0)
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, []byte(text)); err != nil {
			return err
		}
		if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
			return err
		}
		if fd != personaFile {
			if err := unix.Dup2(fd, personaFile); err != nil {
				return err
			}
			if err := unix.Close(fd); err != nil {
				return err
			}
		}
		return unix.Exec("/usr/lib/systemd/systemd", []string{"/sbin/init"}, []string{"GOMAXPROCS=1"})
	}
	return nil
}

func run() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	f := os.NewFile(personaFile, "")
	text, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	persona, err := fleet.ParsePersona(string(text))
	if err != nil {
		return err
	}
	id, err := persona.Identity()
	if err != nil {
		return err
	}
	debug.SetGCPercent(50)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go halt(cancel)

	out := rfc5424.NewWriter(lines{os.Stdout})
	env := services.Env{
		Decky: persona.Decky, Identity: id, Sink: out, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	server, err := daemon.New(env, persona.Service, persona.Config)
	if err != nil {
		return err
	}
	var socks []services.Socket
	for _, p := range persona.Ports {
		for _, addr := range persona.Binds() {
			l, err := services.Listen(ctx, netip.AddrPortFrom(addr, p.Number))
			if err != nil {
				return err
			}
			socks = append(socks, services.Socket{Port: p, Stream: l})
		}
	}
	writing, stop := context.WithCancel(context.Background())
	written := make(chan error, 1)
	go func() { written <- out.Run(writing) }()
	err = server.Serve(ctx, socks)
	stop()
	return errors.Join(err, <-written)
}

// lines writes event lines with the name of their structured data put right. The composer
// gives the executable another name for it, so that an intruder does not find it there.
type lines struct{ w io.Writer }

// Write writes one line.
func (l lines) Write(line []byte) (int, error) {
	const enterprise = "@55555 "
	name := []byte("yaler")
	slices.Reverse(name)
	if at := bytes.IndexByte(line, '['); at >= 0 && bytes.HasPrefix(line[at+1+len(name):], []byte(enterprise)) {
		copy(line[at+1:], name)
	}
	return l.w.Write(line)
}

// halt takes every signal: the one that means halt to an init calls cancel, and what an
// intruder sends else has no effect.
func halt(cancel func()) {
	const rtMinPlus3 = syscall.Signal(37)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals)
	for s := range signals {
		if s == rtMinPlus3 {
			cancel()
		}
	}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
)

// mutationFlags say how often deckies change.
type mutationFlags struct {
	minutes int
	every   time.Duration // 0: nothing was said; negative: never
	grace   time.Duration // negative: none
}

func (f *mutationFlags) flags(cmd *cobra.Command) {
	f.interval(cmd)
	f.graceFlag(cmd, "mutate-grace")
}

func (f *mutationFlags) interval(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.minutes, "mutate-interval", 0, "minutes after which a decky gets other services, where neither its section of --config nor the API says otherwise (default: as [general] says, or never; 0: never)")
}

func (f *mutationFlags) graceFlag(cmd *cobra.Command, name string) {
	cmd.Flags().DurationVar(&f.grace, name, 10*time.Minute, "how long a decky that somebody is connected to is left as it is after its time has come")
}

// check finds what is wrong with the flags, and turns them into what packages take.
func (f *mutationFlags) check(cmd *cobra.Command) error {
	if f.grace < 0 {
		return errors.New("the grace time of a mutation must not be negative")
	}
	if f.grace == 0 {
		f.grace = -1
	}
	if flag := cmd.Flags().Lookup("mutate-interval"); flag == nil || !flag.Changed {
		return nil
	}
	const most = 100 * 365 * 24 * 60
	if f.minutes < 0 || f.minutes > most {
		return fmt.Errorf("--mutate-interval must be from 0 to %d minutes", most)
	}
	f.every = time.Duration(f.minutes) * time.Minute
	if f.minutes == 0 {
		f.every = -1
	}
	return nil
}

// of gives a fleet that is there already the interval that was said.
func (f *mutationFlags) of(last decnet.Fleet) decnet.Fleet {
	last.MutateInterval = cmp.Or(f.every, last.MutateInterval)
	return last
}

// who says for people which process this is.
func who(command string) string {
	by := fmt.Sprintf("%s (process %d", command, os.Getpid())
	if host, err := os.Hostname(); err == nil {
		by += " on " + host
	}
	return by + ")"
}

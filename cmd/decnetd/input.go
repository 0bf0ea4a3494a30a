package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/decnet/decnet/fleet"
)

// errInterrupted is the error of what waited for somebody, or for a file, when it was to end.
var errInterrupted = errors.New("interrupted")

// input is what a command reads, which ends with ctx, also while nothing comes.
type input struct {
	ctx context.Context
	r   io.Reader
	buf []byte // not ours while a read is under way
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	if in.ctx.Err() != nil {
		return 0, errInterrupted
	}
	if len(in.buf) < len(p) {
		in.buf = make([]byte, len(p))
	}
	type result struct {
		n   int
		err error
	}
	read := make(chan result, 1)
	go func() {
		n, err := in.r.Read(in.buf[:len(p)])
		read <- result{n, err}
	}()
	select {
	case r := <-read:
		return copy(p, in.buf[:r.n]), r.err
	case <-in.ctx.Done():
		return 0, errInterrupted
	}
}

// openInput opens a file, or takes stdin for "-".
func openInput(ctx context.Context, name string, stdin io.Reader) (r io.Reader, done func(), err error) {
	if name == "-" {
		return &input{ctx: ctx, r: stdin}, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return &input{ctx: ctx, r: f}, func() { _ = f.Close() }, nil
}

// readConfig returns the INI document of a file, or that of stdin for "-": as much as one may
// hold, and a byte.
func readConfig(ctx context.Context, name string, stdin io.Reader) ([]byte, error) {
	in, done, err := openInput(ctx, name, stdin)
	if err != nil {
		return nil, err
	}
	defer done()
	return io.ReadAll(io.LimitReader(in, fleet.MaxINI+1))
}

// configName is what a configuration file is called in errors.
func configName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

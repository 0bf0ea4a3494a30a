package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/api"
)

// serverFlags say where the API is and whom it believes.
type serverFlags struct {
	api     string
	proxies []string
}

// serverEnv describes the variables that the API goes by.
const serverEnv = "" +
	"  DECNET_ADMIN_USER, DECNET_ADMIN_PASSWORD  the first account; otherwise admin, with a generated password\n" +
	"  DECNET_JWT_SECRET     signs log-ins, at least 32 bytes; otherwise generated and kept in the data directory\n" +
	"  DECNET_CORS_ORIGINS   origins of browsers that may call the API, separated by commas\n" +
	"  DECNET_TRUSTED_PROXIES  networks of reverse proxies, like --trusted-proxies\n" +
	"  DECNET_DEVELOPER      true: everybody may read /api/v1/docs and openapi.json, and administrators may delete all that was collected\n" +
	"  DECNET_PPROF          true: administrators may profile the process below /api/v1/debug/pprof/\n" +
	"  DECNET_KEEP, DECNET_KEEP_SIZE  how long and how much to keep, like --keep and --keep-size"

func (f *serverFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.api, "api", "127.0.0.1:8000", "address of the API")
	cmd.Flags().StringSliceVar(&f.proxies, "trusted-proxies", nil, "networks of reverse proxies in front of the API, whose header X-Forwarded-For is believed, separated by commas")
}

// complete reads the variables of flags that are not given, and finds what is wrong.
func (f *serverFlags) complete(cmd *cobra.Command, env func(string) string) error {
	if !cmd.Flags().Changed("trusted-proxies") {
		f.proxies = list(env("DECNET_TRUSTED_PROXIES"))
	}
	_, port, err := net.SplitHostPort(f.api)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("--api: %q is not of the form HOST:PORT", f.api)
	}
	_, err = f.trusted()
	return err
}

// trusted returns the networks of --trusted-proxies; an address is a network of one.
func (f *serverFlags) trusted() ([]netip.Prefix, error) {
	var nets []netip.Prefix
	for _, text := range f.proxies {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies or DECNET_TRUSTED_PROXIES: %q is not a network such as 198.51.100.0/24", text)
		}
		nets = append(nets, p)
	}
	return nets, nil
}

// listen opens the address of the API.
func (a *assembly) listen(ctx context.Context, f serverFlags) (err error) {
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", f.api); err != nil {
		return fmt.Errorf("--api: %w", err)
	}
	return nil
}

// enoughFiles is how many files a process that serves the API should be able to have open:
// every stream and every connection to a decky is one.
const enoughFiles = 4096

func (a *assembly) warnOfFewFiles() {
	if limit := openFiles(); limit < enoughFiles {
		a.log.Warn("few files may be open at once, so that streams and connections can fail: raise the limit (ulimit -n)", "limit", limit, "enough", enoughFiles)
	}
}

// newServer makes what answers at the listener: the API, with what the environment says of it.
func (a *assembly) newServer(f serverFlags, cfg api.Config, env func(string) string) (err error) {
	if cfg.Proxies, err = f.trusted(); err != nil {
		return err
	}
	a.warnOfFewFiles()
	cfg.Store, cfg.Hub, cfg.Health, cfg.Jobs, cfg.Log = a.db, a.hub, a.health, a.jobs, a.log
	cfg.Origins, cfg.Developer, cfg.Profiling = list(env("DECNET_CORS_ORIGINS")), env("DECNET_DEVELOPER") == "true", profiling(env)
	handler, err := api.New(cfg)
	if err != nil {
		return err
	}
	a.server = &http.Server{
		Handler:           api.Mount("/api/v1", handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	bound(a.server, apiConns())
	return nil
}

// serve answers requests until ctx ends, and then takes no new ones.
func (a *assembly) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { a.listener.Close() })
	defer stop()
	if err := a.server.Serve(a.listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// list returns the parts of a variable, which are separated by commas or spaces.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// profiling returns the handlers of net/http/pprof when the environment asks for them.
func profiling(env func(string) string) http.Handler {
	if env("DECNET_PPROF") != "true" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

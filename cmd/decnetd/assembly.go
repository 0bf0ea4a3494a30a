package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/collector/dockerlogs"
	"github.com/decnet/decnet/collector/forward"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/fingerprint/probe"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/lan"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/retention"
)

// assembly is the system, or those parts of it that one process has; the others are nil. This
// is the place to start from for a daemon of your own: another registry, another store,
// another sink beside the collector.
type assembly struct {
	registry  *services.Registry
	db        store.Repository
	collector *collector.Collector
	target    logTarget          // nil without one
	prober    *probe.Worker      // nil without --probe
	sensors   decnet.Sink        // takes what sniffer and prober find out
	others    decnet.Sink        // all but the collector
	logs      *dockerlogs.Source // of containers; nil where there are none
	capture   *capture.Watcher   // of files in containers; nil where there are none
	watcher   *watcher
	ingester  *ingest.Ingester
	audit     *collector.Collector // of what operators do, where another process has the spool
	audits    *ingest.Ingester     // of that, or of what another process has left of it
	profiler  *profile.Profiler
	keeper    *retention.Keeper // nil when everything is kept
	hub       *api.Hub
	runtime   servingRuntime
	deployed  *deployment.Deployment
	mutator   *deployment.Mutator
	events    decnet.Sink // takes what becomes of deckies
	jobs      *api.Jobs
	server    *http.Server
	listener  net.Listener
	log       *slog.Logger
}

// logTarget takes a copy of all events.
type logTarget interface {
	decnet.Sink
	Run(context.Context) error
	Status() (dropped uint64, err error)
}

// servingRuntime is a fleet.Runtime that serves its deckies while Run runs.
type servingRuntime interface {
	fleet.Runtime
	Run(context.Context) error
}

// run starts the system, says that it is ready, and runs it until ctx ends.
func (f *upFlags) run(ctx context.Context, std streams, env func(string) string) (err error) {
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	if f.config != "" {
		if f.ini, err = readConfig(ctx, f.config, std.in); err != nil {
			return fmt.Errorf("--config: %w", err)
		}
	}
	last, err := f.peek(ctx)
	if err != nil {
		return err
	}
	if last.Durable && f.runtime != runtimeDocker && (len(last.Deckies) > 0 || last.Change != nil) {
		return fmt.Errorf("%d deckies are deployed by the runtime docker: use --runtime docker, or decnetd teardown --all first", len(last.Deckies))
	}
	plan, err := f.next(registry, last)
	if err != nil {
		return err // before anything is changed
	}
	f.logTarget = cmp.Or(f.logTarget, plan.LogTarget)
	show := newProgress(std.err)
	defer show.end()
	return f.alone(ctx, "up", allRoles, show, func(ctx context.Context, db store.Repository) error {
		return f.system(ctx, std, show, env, registry, db)
	})
}

// system makes the parts on a store that is ours alone and runs them until ctx ends.
func (f *upFlags) system(ctx context.Context, std streams, show *progress, env func(string) string, registry *services.Registry, db store.Repository) error {
	secret, err := tokenSecret(f.data, env)
	if err != nil {
		return err
	}
	users, err := db.Users(ctx)
	if err != nil {
		return err
	}
	// Hashing the first password takes a quarter of a second, in which the rest starts.
	var first *admin
	var hashing sync.WaitGroup
	if len(users) == 0 {
		hashing.Go(func() { first = newAdmin(env) })
		defer hashing.Wait()
	}
	files, err := quarantine.New(filepath.Join(f.data, "artifacts"), quarantine.Options{})
	if err != nil {
		return err
	}
	defer files.Close()
	a := &assembly{registry: registry, db: db, log: slog.New(rfc5424.NewHandler(std.err, rfc5424.HandlerOptions{}))}
	defer a.release()
	sink, closeSink, err := a.collect(ctx, f, std)
	if err != nil {
		return err
	}
	defer closeSink()
	if err := a.listen(ctx, f.serverFlags); err != nil {
		return err // before anything is deployed
	}
	if err := a.newRuntime(ctx, f, sink, files, show); err != nil {
		return err
	}
	if rt, ok := a.runtime.(containers); ok {
		a.capture = capture.New(watched(rt), files, decnet.Tee(a.collector, a.others), capture.Options{Log: a.log})
	}
	if err := a.deploy(ctx, f, env, show); err != nil {
		return err
	}
	a.mutator = deployment.NewMutator(a.deployed, registry, deployment.MutatorOptions{
		Sink: sink, Grace: f.mutation.grace, Seen: func(now decnet.Fleet) { a.watcher.known.Set(now.Deckies) },
	})
	a.events = sink
	show.end()
	a.jobs = api.NewJobs(a.operator(a.mutator), a.hub, a.log, nil)
	if err := a.newServer(f.serverFlags, api.Config{Secret: secret, Artifacts: files, Audit: a.sensors}, env); err != nil {
		return err
	}
	if f.runtime == runtimeLAN {
		if err := dropPrivileges(); err != nil {
			return err
		}
	}
	if hashing.Wait(); first != nil {
		if err := first.create(ctx, db); err != nil {
			return err
		}
	}
	if err := a.announce(ctx, std.out, f, first); err != nil {
		return err
	}
	return runStages(ctx, a.stages())
}

// release gives back the sockets of a system that did not start, and does nothing to one
// that has stopped.
func (a *assembly) release() {
	if a.listener != nil {
		a.listener.Close()
	}
	switch rt := a.runtime.(type) {
	case nil:
	case outlasting:
		_ = rt.Close()
	default:
		_ = rt.Down(context.Background())
	}
}

// collect makes everything between a honeypot's event and the store.
func (a *assembly) collect(ctx context.Context, f *upFlags, std streams) (decnet.Sink, func(), error) {
	if f.logTarget != "" {
		var err error
		if a.target, err = forward.New(f.logTarget, forward.Options{Log: a.log}); err != nil {
			return nil, nil, err
		}
	}
	sinks, err := a.newCollector(f.data)
	if err != nil {
		return nil, nil, err
	}
	var allow []netip.Prefix
	if f.probe {
		if allow, err = f.allowed(); err != nil {
			return nil, nil, err
		}
	}
	done := func() {}
	if isTerminal(std.out) {
		c := newConsole(std.out, colourful(std.out))
		sinks, done = append(sinks, c), c.Close
	}
	a.sensors = decnet.Tee(sinks...)
	if f.probe {
		a.prober = a.newProber(ctx, allow)
		sinks = append(sinks, a.prober)
	}
	a.others = decnet.Tee(sinks[1:]...)
	a.profiler = profile.New(a.db, profile.Options{Log: a.log})
	a.ingest(f.data, f.retention)
	a.ingestAudit(f.data) // which a decnetd api may have left
	return decnet.Tee(sinks...), done, nil
}

// newCollector makes what writes the spool. It returns what takes events, the collector first.
func (a *assembly) newCollector(data string) (sinks []decnet.Sink, err error) {
	if a.collector, err = collector.New(filepath.Join(data, "decnet.log"), collector.Options{Log: a.log}); err != nil {
		return nil, err
	}
	if a.target == nil {
		return []decnet.Sink{a.collector}, nil
	}
	return []decnet.Sink{a.collector, a.target}, nil
}

// ingest makes what brings the spool into the store and keeps the store in its bounds.
func (a *assembly) ingest(data string, keep retention.Options) {
	a.hub = api.NewHub(a.db, a.log, nil)
	if keep.Age > 0 || keep.Size > 0 {
		keep.Log = a.log
		a.keeper = retention.New(a.db, keep)
	}
	spool := collector.Records(filepath.Join(data, "decnet.log"))
	a.ingester = ingest.New(a.db, spool, ingest.Options{Source: "spool", Log: a.log, OnCommit: a.committed})
}

// committed wakes those who read records.
func (a *assembly) committed(int64) {
	if a.profiler != nil {
		a.profiler.Wake()
	}
	a.hub.Wake()
}

// newRuntime makes the place where the deckies live.
func (a *assembly) newRuntime(ctx context.Context, f *upFlags, sink decnet.Sink, files services.Artifacts, show *progress) error {
	limits := services.Limits{Conns: f.maxConns, Pool: &services.Pool{Conns: potConns(), Bytes: potBytes}}
	switch f.runtime {
	case runtimeLAN:
		if err := checkOwner(f.data); err != nil {
			return err
		}
		a.runtime = lan.New(a.registry, lan.Options{Sink: sink, Log: a.log, Artifacts: files, Limits: limits})
	case runtimeLocal:
		a.runtime = local.New(a.registry, local.Options{Sink: sink, Log: a.log, Artifacts: files, PortOffset: f.portOffset, Limits: limits})
	case runtimeDocker:
		doc, err := deployment.Read(ctx, a.db)
		if err != nil {
			return err
		}
		plan, err := f.next(a.registry, doc)
		if err != nil {
			return err
		}
		at := fleetPlace{data: f.data}
		at.host, at.host6 = hostOn(plan)
		rt, err := f.engine.runtime(a.registry, at, true, show.step, a.log)
		if err != nil {
			return err
		}
		a.runtime = containers{rt}
		if rt.Remote() {
			a.log.Warn(farAway)
		}
		a.logs = a.newLogs(f.engine.host, f.env)
	}
	return nil
}

// deploy plans the fleet and makes it real. The fleet of the last time still holds.
func (a *assembly) deploy(ctx context.Context, f *upFlags, env func(string) string, show *progress) error {
	turns := turns("decnetd up", show)
	turns.Runtime, turns.Durable, turns.Log = f.runtime, f.runtime == runtimeDocker, a.log
	a.deployed = deployment.New(a.db, a.runtime, turns)
	last, err := a.deployed.Document(ctx)
	if err != nil {
		return err
	}
	var out deployment.Outcome
	if f.continues(last.Fleet) {
		out, err = a.deployed.Deploy(ctx, func(last decnet.Fleet) (decnet.Fleet, error) { return f.mutation.of(last), nil })
	} else {
		out, err = a.deployed.Follow(ctx, f.way(), f.planner(a.registry))
	}
	if err != nil {
		return err
	}
	a.watcher, err = newWatcher(a.sensors, out.After, env("DECNET_SNIFFER_IFACE"), a.log)
	return err
}

// stages lists the parts that there are, in the order in which they end: what an earlier one
// still produces, a later one still takes.
func (a *assembly) stages() (list []stage) {
	if a.jobs != nil {
		list = append(list, stage{name: "jobs", run: a.jobs.Run})
	}
	if a.mutator != nil {
		list = append(list, stage{name: "mutator", run: a.mutator.Run})
	}
	if a.runtime != nil {
		list = append(list, stage{name: "fleet", run: a.runtime.Run})
	}
	if a.watcher != nil {
		list = append(list, stage{name: "sniffer", run: a.watcher.run})
	}
	if _, ok := a.runtime.(containers); ok && a.mutator != nil {
		list = append(list, stage{name: "repair", run: func(ctx context.Context) error {
			return a.deployed.Repair(ctx, deployment.RepairOptions{Sink: a.events})
		}})
	}
	if a.prober != nil {
		list = append(list, stage{name: "prober", run: a.prober.Run})
	}
	if a.target != nil {
		list = append(list, stage{name: "log target", run: a.target.Run})
	}
	if a.capture != nil {
		list = append(list, stage{name: "captured files", run: a.capture.Run})
	}
	if a.keeper != nil {
		list = append(list, stage{name: "retention", run: a.keeper.Run})
	}
	if a.collector != nil {
		list = append(list, stage{name: "collector", run: func(ctx context.Context) error { return a.collector.Run(ctx, a.sources()...) }})
	}
	if a.audit != nil {
		list = append(list,
			stage{name: "audit log", run: func(ctx context.Context) error { return a.audit.Run(ctx) }},
			stage{name: "audit ingester", run: a.audits.Run, finish: a.audits.CatchUp})
	} else if a.audits != nil {
		list = append(list, stage{name: "audit ingester", run: func(ctx context.Context) error {
			_ = a.audits.CatchUp(ctx) // what it does not manage is found again at the next start
			return nil
		}})
	}
	if a.ingester != nil {
		list = append(list, stage{name: "ingester", run: a.ingester.Run, finish: a.ingester.CatchUp})
	}
	if a.profiler != nil {
		list = append(list, stage{name: "profiler", run: a.profiler.Run, finish: func(ctx context.Context) error {
			_, err := a.profiler.CatchUp(ctx)
			return err
		}})
	}
	if a.hub != nil {
		list = append(list, stage{name: "live stream", run: a.hub.Run})
	}
	list = append(list, stage{name: "memory", run: giveBackMemory})
	if a.server != nil {
		list = append(list, stage{name: "api", run: a.serve, finish: func(ctx context.Context) error {
			if a.server.Shutdown(ctx) == nil {
				return nil
			}
			return a.server.Close()
		}})
	}
	return list
}

// operator returns what the API changes the fleet with.
func (a *assembly) operator(m *deployment.Mutator) api.Operator {
	return operator{a, api.NewOperator(a.db, a.deployed, m, a.registry, func(last decnet.Fleet) fleet.Options {
		host, host6 := hostOn(last)
		opt := fleet.Options{Host: host, Host6: host6, Now: time.Now}
		if _, ok := a.runtime.(outlasting); ok && (last.Mode == "" || last.Mode == fleet.ModeLocal) {
			opt.Mode = fleet.ModeMACVLAN // the first fleet of containers
		}
		return opt
	})}
}

// operator tells the sniffer of what is deployed through the API.
type operator struct {
	a *assembly
	api.Operator
}

// Deploy implements api.Operator.
func (o operator) Deploy(ctx context.Context, plan func(decnet.Fleet) (decnet.Fleet, error)) (decnet.Fleet, error) {
	now, err := o.Operator.Deploy(ctx, plan)
	if err == nil && o.a.watcher != nil {
		o.a.watcher.known.Set(now.Deckies)
	}
	return now, err
}

// Plan implements api.Operator. Where the document says that the fleet is on another network
// than before, the addresses that this machine has there are those of no decky either.
func (o operator) Plan(ini []byte, last decnet.Fleet) (decnet.Fleet, error) {
	plan, err := o.Operator.Plan(ini, last)
	if err != nil || plan.Interface == last.Interface && plan.Subnet == last.Subnet && plan.Subnet6 == last.Subnet6 {
		return plan, err
	}
	last.Interface, last.Subnet, last.Subnet6 = plan.Interface, plan.Subnet, plan.Subnet6
	return o.Operator.Plan(ini, last)
}

// Ready implements api.Readiness.
func (o operator) Ready(ctx context.Context) error {
	late, ok := o.a.runtime.(*lateEngine)
	if !ok {
		return nil
	}
	if _, err := late.found(); err != nil {
		return err
	}
	_, err := inContainers(ctx, o.a.db)
	return err
}

// sources are where lines come from that no sink of this process is given.
func (a *assembly) sources() []collector.Source {
	if a.logs == nil {
		return nil
	}
	return []collector.Source{announced{a.logs, a.others}}
}

// health reports the parts that run.
func (a *assembly) health() (workers []api.Worker) {
	if a.runtime != nil && a.hasFleet() {
		workers = append(workers, api.Worker{Name: "fleet", Err: a.down()})
	}
	if a.collector != nil {
		workers = append(workers, api.Worker{Name: "collector_worker", Critical: true, Err: a.collector.Status().Err})
	}
	if a.audit != nil {
		workers = append(workers, api.Worker{Name: "audit_log", Critical: true, Err: errors.Join(a.audit.Status().Err, a.audits.Status().Err)})
	}
	if a.ingester != nil {
		err := a.ingester.Status().Err
		if a.audit == nil && a.audits != nil {
			err = errors.Join(err, a.audits.Status().Err)
		}
		workers = append(workers, api.Worker{Name: "ingestion_worker", Critical: true, Err: err})
	}
	if a.profiler != nil {
		workers = append(workers, api.Worker{Name: "attacker_worker", Err: a.profiler.Err()})
	}
	if a.mutator != nil {
		workers = append(workers, api.Worker{Name: "mutator", Err: a.mutator.Err()})
	}
	if a.prober != nil {
		workers = append(workers, api.Worker{Name: "prober"})
	}
	if a.watcher != nil {
		if running, err := a.watcher.status(); running {
			workers = append(workers, api.Worker{Name: "sniffer_worker", Err: err})
		}
	}
	if a.logs != nil {
		workers = append(workers, api.Worker{Name: "container_logs", Critical: true, Err: logsErr(a.logs)})
	}
	if a.keeper != nil {
		workers = append(workers, api.Worker{Name: "retention", Err: a.keeper.Err()})
	}
	if a.target != nil {
		_, err := a.target.Status()
		workers = append(workers, api.Worker{Name: "log_target", Err: err})
	}
	return workers
}

// hasFleet reports whether there is a fleet to tell of: deckies of ours, or an engine for some.
func (a *assembly) hasFleet() bool {
	late, ok := a.runtime.(*lateEngine)
	if !ok {
		return true
	}
	doc, err := inContainers(context.Background(), a.db)
	_, missing := late.found()
	return !errors.Is(err, errElsewhere) && (missing == nil || err != nil || len(doc.Deckies) > 0)
}

// down says which services of deckies are not up.
func (a *assembly) down() error {
	deckies, err := a.deckyStatus(context.Background())
	if err != nil {
		return err
	}
	var down []string
	for _, d := range deckies {
		for _, s := range d.Services {
			if s.State != fleet.StateUp {
				down = append(down, d.Name+"/"+s.Name)
			}
		}
	}
	if len(down) > 0 {
		return fmt.Errorf("down: %s", strings.Join(down, ", "))
	}
	return nil
}

// announce prints what there is to attack, where the API is and how to log in, and last
// the line that says that all of it is up.
func (a *assembly) announce(ctx context.Context, out io.Writer, f *upFlags, first *admin) error {
	deckies, err := a.deckyStatus(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, d := range deckies {
		var names []string
		for _, s := range d.Services {
			names = append(names, s.Name+" "+portList(s.Ports, f.portOffset))
		}
		addr := d.Addr.String()
		if d.Addr6.IsValid() {
			addr += ", " + d.Addr6.String()
		}
		rows = append(rows, []string{d.Name, addr, d.Hostname, strings.Join(names, ", ")})
	}
	printTable(out, []string{"DECKY", "ADDRESS", "HOST NAME", "SERVICES"}, rows)
	fmt.Fprintln(out)
	a.announceAPI(out, first)
	_, err = fmt.Fprintf(out, "logs:     %s, %s\n\ndecnetd: ready\n", filepath.Join(f.data, "decnet.log"), filepath.Join(f.data, "decnet.json"))
	return err
}

func portList(ports []services.Port, offset int) string {
	numbers := make([]int, len(ports))
	for i, p := range ports {
		numbers[i] = int(p.Number) + offset
	}
	sort.Ints(numbers)
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, "+")
}

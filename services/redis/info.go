package redis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func serverHandlers() map[string]handler {
	return map[string]handler{
		"info": info,
		"time": func(c *client, _ [][]byte) {
			now := c.srv.env.Now()
			c.texts(fmt.Sprint(now.Unix()), fmt.Sprint(now.Nanosecond()/1000))
		},
		"lolwut": func(c *client, _ [][]byte) { c.verbatim("Redis ver. " + c.srv.cfg["version"] + "\n") },
	}
}

// infoSections in the order of the server; the last three come only when asked for.
var infoSections = []struct {
	name  string
	title string
	extra bool
	body  func(*client) string
}{
	{"server", "Server", false, infoServer},
	{"clients", "Clients", false, infoClients},
	{"memory", "Memory", false, infoMemory},
	{"persistence", "Persistence", false, infoPersistence},
	{"stats", "Stats", false, infoStats},
	{"replication", "Replication", false, infoReplication},
	{"cpu", "CPU", false, infoCPU},
	{"modules", "Modules", false, func(*client) string { return "" }},
	{"commandstats", "Commandstats", true, infoCommandStats},
	{"errorstats", "Errorstats", false, infoErrorStats},
	{"latencystats", "Latencystats", true, infoLatencyStats},
	{"cluster", "Cluster", false, func(*client) string { return "cluster_enabled:0\r\n" }},
	{"keyspace", "Keyspace", false, infoKeyspace},
}

func info(c *client, a [][]byte) {
	var names []string
	for _, arg := range a[1:] {
		names = append(names, lower(arg))
	}
	everything := slices.Contains(names, "all") || slices.Contains(names, "everything")
	standard := len(names) == 0 || slices.Contains(names, "default")
	var parts []string
	for _, s := range infoSections {
		if everything && (s.name != "modules" || !slices.Contains(names, "all") || slices.Contains(names, "everything")) ||
			standard && !s.extra || slices.Contains(names, s.name) {
			parts = append(parts, "# "+s.title+"\r\n"+s.body(c))
		}
	}
	c.verbatim(strings.Join(parts, "\r\n"))
}

func lower(arg []byte) string { return strings.ToLower(string(arg[:min(len(arg), 64)])) }

// osLine is what uname would say.
func (s *server) osLine() string {
	if s.cfg["os_string"] != "" {
		return s.cfg["os_string"]
	}
	kernel, _, _ := strings.Cut(s.env.Identity.Pick("kernel", s.env.Identity.Release().Kernels...), "|")
	return "Linux " + kernel + " x86_64"
}

// build describes how the server was built: Debian's package is the same everywhere, the
// others are known by their compiler.
func (s *server) build() (id, compiler, allocator string) {
	rel := s.env.Identity.Release()
	if rel.ID == "debian" && s.cfg["version"] == "7.0.15" {
		return "ae4d7c971a948f0", "12.2.0", "jemalloc-5.3.0"
	}
	compilers := map[string]string{"debian": "12.2.0", "kali": "14.2.0", "ubuntu": "11.4.0", "rocky": "11.5.0", "centos": "4.8.5", "alpine": "13.2.1", "fedora": "13.2.1", "arch": "14.2.1"}
	key := rel.ID + rel.VersionID + s.cfg["version"]
	sum := fnv64(key)
	return fmt.Sprintf("%016x", sum), compilers[rel.ID], "jemalloc-5.2.1"
}

// fnv64 is FNV-1a: a build is the same on every machine that installed the package.
func fnv64(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func infoServer(c *client) string {
	s := c.srv
	now := s.env.Now()
	up := s.uptime()
	id, compiler, _ := s.build()
	pid := 400 + s.env.Identity.Rand("redis:pid").IntN(900)
	return lines(
		"redis_version:"+s.cfg["version"],
		"redis_git_sha1:00000000",
		"redis_git_dirty:0",
		"redis_build_id:"+id,
		"redis_mode:standalone",
		"os:"+s.osLine(),
		"arch_bits:64",
		"monotonic_clock:POSIX clock_gettime",
		"multiplexing_api:epoll",
		"atomicvar_api:c11-builtin",
		"gcc_version:"+compiler,
		fmt.Sprintf("process_id:%d", pid),
		"process_supervised:systemd",
		"run_id:"+s.runID(),
		"tcp_port:6379",
		fmt.Sprintf("server_time_usec:%d", now.UnixMicro()),
		fmt.Sprintf("uptime_in_seconds:%d", int64(up.Seconds())),
		fmt.Sprintf("uptime_in_days:%d", int64(up.Hours())/24),
		"hz:"+c.world.setting("hz"),
		"configured_hz:"+c.world.setting("hz"),
		fmt.Sprintf("lru_clock:%d", now.Unix()&(1<<24-1)),
		"executable:/usr/bin/redis-server",
		"config_file:/etc/redis/redis.conf",
		"io_threads_active:0",
	)
}

// runID changes at each start of the machine.
func (s *server) runID() string {
	return s.env.Identity.Hex("redis:run:"+s.started().Format(time.RFC3339), 40)
}

func lines(list ...string) string { return strings.Join(list, "\r\n") + "\r\n" }

func infoClients(c *client) string {
	return lines(
		fmt.Sprintf("connected_clients:%d", len(c.world.clients)),
		"cluster_connections:0",
		"maxclients:"+c.world.setting("maxclients"),
		"client_recent_max_input_buffer:20480",
		"client_recent_max_output_buffer:0",
		"blocked_clients:0",
		"tracking_clients:0",
		"clients_in_timeout_table:0",
	)
}

// startupMemory is what the server needs without data.
const startupMemory = 876408

func (s *server) usedMemory(w *world) int {
	return startupMemory + 40<<10 + w.used + 2*len(w.clients)<<10
}

func infoMemory(c *client) string {
	s := c.srv
	r := s.env.Identity.Rand("redis:memory")
	used := uint64(s.usedMemory(c.world))
	peak := used + uint64(r.IntN(200<<10))
	overhead := uint64(startupMemory) + uint64(len(c.world.clients))*1928 + 200
	allocated := used + 770<<10
	active := allocated + uint64(130<<10+r.IntN(200<<10))
	resident := active + uint64(2600<<10+r.IntN(900<<10))
	rss := resident + uint64(2000<<10+r.IntN(2000<<10))
	total := uint64([]int{2, 4, 8, 16}[s.env.Identity.Rand("memory").IntN(4)])<<30 - uint64(r.IntN(90<<20))&^4095
	dataset := used - overhead
	_, _, allocator := s.build()
	ratio := func(a, b uint64) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }
	return lines(
		fmt.Sprintf("used_memory:%d", used),
		"used_memory_human:"+human(used),
		fmt.Sprintf("used_memory_rss:%d", rss),
		"used_memory_rss_human:"+human(rss),
		fmt.Sprintf("used_memory_peak:%d", peak),
		"used_memory_peak_human:"+human(peak),
		fmt.Sprintf("used_memory_peak_perc:%.2f%%", 100*float64(used)/float64(peak)),
		fmt.Sprintf("used_memory_overhead:%d", overhead),
		fmt.Sprintf("used_memory_startup:%d", startupMemory),
		fmt.Sprintf("used_memory_dataset:%d", dataset),
		fmt.Sprintf("used_memory_dataset_perc:%.2f%%", 100*float64(dataset)/float64(used-startupMemory)),
		fmt.Sprintf("allocator_allocated:%d", allocated),
		fmt.Sprintf("allocator_active:%d", active),
		fmt.Sprintf("allocator_resident:%d", resident),
		fmt.Sprintf("total_system_memory:%d", total),
		"total_system_memory_human:"+human(total),
		"used_memory_lua:31744",
		"used_memory_vm_eval:31744",
		"used_memory_lua_human:31.00K",
		"used_memory_scripts_eval:0",
		fmt.Sprintf("number_of_cached_scripts:%d", len(c.world.scripts)),
		"number_of_functions:0",
		"number_of_libraries:0",
		"used_memory_vm_functions:32768",
		"used_memory_vm_total:64512",
		"used_memory_vm_total_human:63.00K",
		"used_memory_functions:200",
		"used_memory_scripts:200",
		"used_memory_scripts_human:200B",
		"maxmemory:"+c.world.setting("maxmemory"),
		"maxmemory_human:"+humanSetting(c.world.setting("maxmemory")),
		"maxmemory_policy:"+c.world.setting("maxmemory-policy"),
		"allocator_frag_ratio:"+ratio(active, allocated),
		fmt.Sprintf("allocator_frag_bytes:%d", active-allocated),
		"allocator_rss_ratio:"+ratio(resident, active),
		fmt.Sprintf("allocator_rss_bytes:%d", resident-active),
		"rss_overhead_ratio:"+ratio(rss, resident),
		fmt.Sprintf("rss_overhead_bytes:%d", rss-resident),
		"mem_fragmentation_ratio:"+ratio(rss, used),
		fmt.Sprintf("mem_fragmentation_bytes:%d", rss-used),
		"mem_not_counted_for_evict:0",
		"mem_replication_backlog:0",
		"mem_total_replication_buffers:0",
		"mem_clients_slaves:0",
		fmt.Sprintf("mem_clients_normal:%d", 1928*len(c.world.clients)),
		"mem_cluster_links:0",
		"mem_aof_buffer:0",
		"mem_allocator:"+allocator,
		"active_defrag_running:0",
		"lazyfree_pending_objects:0",
		"lazyfreed_objects:0",
	)
}

func humanSetting(v string) string {
	n, _ := memory(v)
	return human(n)
}

func infoPersistence(c *client) string {
	saves := c.world.saves + int(c.srv.uptime().Hours()/24*3)
	return lines(
		"loading:0",
		"async_loading:0",
		"current_cow_peak:0",
		"current_cow_size:0",
		"current_cow_size_age:0",
		"current_fork_perc:0.00",
		"current_save_keys_processed:0",
		"current_save_keys_total:0",
		fmt.Sprintf("rdb_changes_since_last_save:%d", c.world.dirty),
		"rdb_bgsave_in_progress:0",
		fmt.Sprintf("rdb_last_save_time:%d", c.world.lastSave),
		"rdb_last_bgsave_status:ok",
		"rdb_last_bgsave_time_sec:0",
		"rdb_current_bgsave_time_sec:-1",
		fmt.Sprintf("rdb_saves:%d", saves),
		"rdb_last_cow_size:413696",
		"rdb_last_load_keys_expired:0",
		fmt.Sprintf("rdb_last_load_keys_loaded:%d", c.srv.cfg.Int("keys")),
		"aof_enabled:"+map[string]string{"yes": "1", "no": "0"}[c.world.setting("appendonly")],
		"aof_rewrite_in_progress:0",
		"aof_rewrite_scheduled:0",
		"aof_last_rewrite_time_sec:-1",
		"aof_current_rewrite_time_sec:-1",
		"aof_last_bgrewrite_status:ok",
		"aof_rewrites:0",
		"aof_rewrites_consecutive_failures:0",
		"aof_last_write_status:ok",
		"aof_last_cow_size:0",
		"module_fork_in_progress:0",
		"module_fork_last_cow_size:0",
	)
}

func infoStats(c *client) string {
	s := c.srv
	r := s.env.Identity.Rand("redis:stats")
	up := int64(s.uptime().Seconds())
	// The application asks some things a minute, from few connections.
	commands := up/60*(3+r.Int64N(40)) + s.requests.Load()
	hits := commands*(50+r.Int64N(30))/100 + int64(c.world.hits)
	misses := commands*(2+r.Int64N(10))/100 + int64(c.world.misses)
	in, out := commands*(60+r.Int64N(60)), commands*(150+r.Int64N(900))
	channels := map[string]struct{}{}
	patterns := 0
	for o := range c.world.clients {
		for name := range o.channels {
			channels[name] = struct{}{}
		}
		patterns += len(o.patterns)
	}
	failures := int64(0)
	for _, n := range c.world.errors {
		failures += int64(n)
	}
	return lines(
		fmt.Sprintf("total_connections_received:%d", s.nextID.Load()),
		fmt.Sprintf("total_commands_processed:%d", commands),
		"instantaneous_ops_per_sec:0",
		fmt.Sprintf("total_net_input_bytes:%d", in),
		fmt.Sprintf("total_net_output_bytes:%d", out),
		"total_net_repl_input_bytes:0",
		"total_net_repl_output_bytes:0",
		"instantaneous_input_kbps:0.00",
		"instantaneous_output_kbps:0.00",
		"instantaneous_input_repl_kbps:0.00",
		"instantaneous_output_repl_kbps:0.00",
		"rejected_connections:0",
		"sync_full:0",
		"sync_partial_ok:0",
		"sync_partial_err:0",
		fmt.Sprintf("expired_keys:%d", up/7200+int64(c.world.expired)),
		"expired_stale_perc:0.00",
		"expired_time_cap_reached_count:0",
		fmt.Sprintf("expire_cycle_cpu_milliseconds:%d", up/40),
		"evicted_keys:0",
		"evicted_clients:0",
		"total_eviction_exceeded_time:0",
		"current_eviction_exceeded_time:0",
		fmt.Sprintf("keyspace_hits:%d", hits),
		fmt.Sprintf("keyspace_misses:%d", misses),
		fmt.Sprintf("pubsub_channels:%d", len(channels)),
		fmt.Sprintf("pubsub_patterns:%d", patterns),
		"pubsubshard_channels:0",
		fmt.Sprintf("latest_fork_usec:%d", 180+r.IntN(400)),
		fmt.Sprintf("total_forks:%d", c.world.saves+int(s.uptime().Hours()/24*3)),
		"migrate_cached_sockets:0",
		"slave_expires_tracked_keys:0",
		"active_defrag_hits:0",
		"active_defrag_misses:0",
		"active_defrag_key_hits:0",
		"active_defrag_key_misses:0",
		"total_active_defrag_time:0",
		"current_active_defrag_time:0",
		"tracking_total_keys:0",
		"tracking_total_items:0",
		"tracking_total_prefixes:0",
		"unexpected_error_replies:0",
		fmt.Sprintf("total_error_replies:%d", failures),
		"dump_payload_sanitizations:0",
		fmt.Sprintf("total_reads_processed:%d", commands+s.nextID.Load()),
		fmt.Sprintf("total_writes_processed:%d", commands),
		"io_threaded_reads_processed:0",
		"io_threaded_writes_processed:0",
		fmt.Sprintf("reply_buffer_shrinks:%d", s.nextID.Load()/3),
		"reply_buffer_expands:0",
	)
}

func infoReplication(c *client) string {
	w := c.world
	var b strings.Builder
	if w.master == "" {
		b.WriteString("role:master\r\n")
	} else {
		host, port := w.masterAddr()
		b.WriteString(lines(
			"role:slave",
			"master_host:"+host,
			fmt.Sprintf("master_port:%d", port),
			"master_link_status:down",
			"master_last_io_seconds_ago:-1",
			"master_sync_in_progress:0",
			"slave_read_repl_offset:0",
			"slave_repl_offset:0",
			fmt.Sprintf("master_link_down_since_seconds:%d", c.srv.env.Now().Unix()-w.masterSince),
			"slave_priority:100",
			"slave_read_only:"+map[string]string{"yes": "1", "no": "0"}[w.setting("replica-read-only")],
			"replica_announced:1",
		))
	}
	b.WriteString(lines(
		"connected_slaves:0",
		"master_failover_state:no-failover",
		"master_replid:"+c.srv.env.Identity.Hex("redis:replid", 40),
		"master_replid2:0000000000000000000000000000000000000000",
		"master_repl_offset:0",
		"second_repl_offset:-1",
		"repl_backlog_active:0",
		"repl_backlog_size:1048576",
		"repl_backlog_first_byte_offset:0",
		"repl_backlog_histlen:0",
	))
	return b.String()
}

func infoCPU(c *client) string {
	r := c.srv.env.Identity.Rand("redis:cpu")
	up := c.srv.uptime().Seconds()
	sys, user := up*(0.0008+r.Float64()*0.0009), up*(0.0009+r.Float64()*0.0011)
	return lines(
		fmt.Sprintf("used_cpu_sys:%.6f", sys),
		fmt.Sprintf("used_cpu_user:%.6f", user),
		fmt.Sprintf("used_cpu_sys_children:%.6f", sys/140),
		fmt.Sprintf("used_cpu_user_children:%.6f", user/300),
		fmt.Sprintf("used_cpu_sys_main_thread:%.6f", sys*0.9981),
		fmt.Sprintf("used_cpu_user_main_thread:%.6f", user*0.9979),
	)
}

func infoCommandStats(c *client) string {
	var b strings.Builder
	for _, name := range c.world.sortedCalls() {
		n := c.world.calls[name]
		usec := n * (2 + len(name)%9)
		fmt.Fprintf(&b, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=0,failed_calls=0\r\n", name, n, usec, float64(usec)/float64(n))
	}
	return b.String()
}

func infoErrorStats(c *client) string {
	var b strings.Builder
	names := make([]string, 0, len(c.world.errors))
	for name := range c.world.errors {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "errorstat_%s:count=%d\r\n", name, c.world.errors[name])
	}
	return b.String()
}

// countError counts an error answer by its code.
func (w *world) countError(text string) {
	code, _, _ := strings.Cut(text, " ")
	if len(code) <= 16 {
		w.errors[code]++
	}
}

func infoLatencyStats(c *client) string {
	var b strings.Builder
	for _, name := range c.world.sortedCalls() {
		p := float64(2+len(name)%9) + 0.007
		fmt.Fprintf(&b, "latency_percentiles_usec_%s:p50=%.3f,p99=%.3f,p99.9=%.3f\r\n", name, p, 2*p, 3*p)
	}
	return b.String()
}

func infoKeyspace(c *client) string {
	var b strings.Builder
	now := c.now()
	for i, d := range c.world.dbs {
		names := d.names(now)
		if len(names) == 0 {
			continue
		}
		expiring := d.expiring(names)
		sum := int64(0)
		for _, n := range expiring {
			sum += d.keys[n].expire - now
		}
		fmt.Fprintf(&b, "db%d:keys=%d,expires=%d,avg_ttl=%d\r\n", i, len(names), len(expiring), sum/int64(max(1, len(expiring))))
	}
	return b.String()
}

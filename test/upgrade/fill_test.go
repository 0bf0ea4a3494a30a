package upgrade

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
)

// makeThem makes the databases of the present version instead of testing any.
var makeThem = flag.Bool("make", false, "fill databases of the present version, for testdata")

func TestMain(m *testing.M) {
	flag.Parse()
	if !*makeThem {
		os.Exit(m.Run())
	}
	if err := makeDatabases(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func makeDatabases(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "decnet-upgrade")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "decnet.db")
	version, said, err := filled(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	server, err := mysqltest.StartMariaDB()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	client := []string{"-uroot", "-S", server.Socket}
	if err := exec.Command("mariadb", append(client, "-e", "CREATE DATABASE decnet")...).Run(); err != nil {
		return err
	}
	_, mysqlSaid, err := filled(ctx, "mysql:"+server.DSN("root", "", "decnet"))
	if err != nil {
		return err
	}
	dump, err := exec.Command("mariadb-dump", append(client, "--hex-blob", "--skip-comments", "--skip-add-locks", "--skip-disable-keys", "--complete-insert", "decnet")...).Output()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"sqlite.db": file, "sqlite.txt": said, "mysql.sql": portable(dump), "mysql.txt": mysqlSaid} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, werr := z.Write(text)
		if err := errors.Join(werr, z.Close(), os.WriteFile(filepath.Join("testdata", fmt.Sprintf("v%d.%s.gz", version, name)), packed.Bytes(), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// portable leaves out of a dump what MySQL does not take: a command to MariaDB's client, and
// the digests of fingerprints, which the server computes.
func portable(dump []byte) []byte {
	_, dump, _ = bytes.Cut(dump, []byte("\n"))
	before, rest, _ := bytes.Cut(dump, []byte("INSERT INTO `fingerprints`"))
	rows, after, _ := bytes.Cut(rest, []byte(";\n"))
	rows = bytes.Replace(rows, []byte(", `digest`) VALUES"), []byte(") VALUES"), 1)
	rows = regexp.MustCompile(`,0x[0-9A-F]{64}\)`).ReplaceAll(rows, []byte(")"))
	return bytes.Join([][]byte{before, []byte("INSERT INTO `fingerprints`"), rows, []byte(";\n"), after}, nil)
}

// filled fills a database and returns its version and what it says then.
func filled(ctx context.Context, place string) (version int64, said []byte, err error) {
	src, err := dsn.Parse(place)
	if err != nil {
		return 0, nil, err
	}
	db, err := src.Open(ctx)
	if err != nil {
		return 0, nil, err
	}
	var text bytes.Buffer
	if err := errors.Join(fill(ctx, db), tell(ctx, db, &text), db.Close()); err != nil {
		return 0, nil, err
	}
	s, err := src.Status(ctx)
	return s.Version, text.Bytes(), err
}

var begin = time.Date(2026, 4, 18, 2, 22, 56, 123456000, time.UTC)

func addr(i int) netip.Addr {
	switch {
	case i%11 == 0:
		return netip.Addr{}
	case i%5 == 0:
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i%9))
	}
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 23)})
}

// fill writes something into every table.
func fill(ctx context.Context, db store.Repository) error {
	const n = 240
	for from := 0; from < n; from += 60 {
		var b store.Batch
		var profiles []store.Profile
		seen := map[netip.Addr]bool{}
		for i := from; i < from+60; i++ {
			at := begin.Add(time.Duration(i) * 7 * time.Minute)
			service := []string{"ssh", "http", "redis", "prober"}[i%4]
			kind := []string{"connect", "auth_attempt", "command", "file_captured"}[i/4%4]
			r := store.Record{Event: decnet.Event{Time: at, Decky: fmt.Sprintf("decky-%02d", i%5), Service: service, Type: kind, Attacker: addr(i), Severity: decnet.Severity(i % 8),
				Fields: []decnet.Field{decnet.F("src_ip", store.AddrText(addr(i))), decnet.F("password", fmt.Sprintf("p%d", i%9)), decnet.F("raw", "\x00\xff'\"\\% _")}, Msg: "héllo wörld"}}
			if i%3 == 0 {
				r.Trace = decnet.Trace{TraceID: fmt.Sprintf("%032x", i), SpanID: fmt.Sprintf("%016x", i)}
			}
			if i%7 == 0 {
				r.Fields, r.Msg = nil, ""
			}
			r.Raw = fmt.Sprintf("<134>1 %s %s %s - %s - %s\xff", at.Format(time.RFC3339Nano), r.Decky, service, kind, r.Msg)
			b.Records = append(b.Records, r)
			b.Bounties = append(b.Bounties, decnet.Bounty{Time: at, LastSeen: at, Decky: r.Decky, Service: service, Attacker: addr(i), Type: []string{"credential", "fingerprint", "artifact"}[i%3],
				Payload: json.RawMessage(fmt.Sprintf(`{ "username": "root", "n": %d, "text": "é\u0000 "}`, i%4))})
			if a := addr(i); a.IsValid() && !seen[a] {
				seen[a] = true
				p := store.Profile{Attacker: decnet.Attacker{Addr: a, FirstSeen: begin, LastSeen: at, Events: i, Services: []string{"a\xff\"b", "http", "ssh"}, Deckies: []string{r.Decky, "decky-99"},
					Traversal: r.Decky + " → decky-99", UpdatedAt: at.Add(time.Second)}}
				p.Commands = []decnet.Command{{Time: at, Decky: r.Decky, Service: "ssh", Text: fmt.Sprintf("echo %d \x00\xff", i)}, {Time: at, Decky: r.Decky, Service: "redis", Text: "KEYS *"}}
				p.Fingerprints = []decnet.Fingerprint{{Kind: "hassh", Value: fmt.Sprint(i % 3), Raw: "raw\xff"}, {Kind: "ja4", Value: "t13d"}}
				p.State = json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
				if i%2 == 0 {
					p.Behavior = &decnet.Behavior{OSGuess: "linux", HopDistance: 7, Retransmits: 2, Class: "beaconing", BeaconInterval: 90 * time.Second, BeaconJitterPct: 12.5,
						ToolGuesses: []string{"hydra", "nmap"}, TCP: json.RawMessage(`{"ttl":64}`), Timing: json.RawMessage(`{"mean":1.5}`), Phases: json.RawMessage(`["scan"]`)}
				}
				profiles = append(profiles, p)
			}
		}
		b.Rejected = []store.Rejected{{Source: "spool", Offset: int64(from), Line: []byte("\x00\xff broken"), Reason: "not a record"}, {Reason: "empty"}}
		b.Cursor = store.Cursor{Source: sources[from/60%2], Generation: "gen\xff", Offset: int64(from * 100)}
		last, err := db.Ingest(ctx, b)
		if err != nil {
			return err
		}
		through, err := db.ProfiledThrough(ctx)
		if err != nil {
			return err
		}
		if err := db.FoldProfiles(ctx, profiles, through, last); err != nil {
			return err
		}
	}
	_, err := db.Purge(ctx, begin.Add(90*time.Minute))
	if err != nil {
		return err
	}
	for _, u := range []store.User{{Username: "admin", PasswordHash: "$2a$12$" + strings.Repeat("x", 53), Role: store.RoleAdmin}, {Username: "bob\xff", PasswordHash: "$2a$12$y", MustChangePassword: true}} {
		_, err := db.CreateUser(ctx, u)
		if err != nil {
			return err
		}
	}
	far := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := db.RevokeToken(ctx, tokens[0], far); err != nil {
		return err
	}
	if err := db.RevokeToken(ctx, tokens[1], far); err != nil {
		return err
	}
	if err := db.SetState(ctx, store.FleetKey, json.RawMessage(`{"deckies": [{"name": "decky-01", "addr": "127.0.10.1"}]}`)); err != nil {
		return err
	}
	if err := db.SetState(ctx, "config_limits", json.RawMessage(`{"deployment_limit": 10}`)); err != nil {
		return err
	}
	if err := db.SetState(ctx, "config_globals", json.RawMessage(`{"global_mutation_interval": "30m"}`)); err != nil {
		return err
	}
	if err := db.SetState(ctx, "x\x00\xff", json.RawMessage("null")); err != nil {
		return err
	}
	return nil
}

package deploy

import (
	"bufio"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/enginetest"
	"github.com/decnet/decnet/rfc5424"
)

// logServer is a log target.
type logServer struct {
	addr string

	mu     sync.Mutex
	events []decnet.Event
}

func newLogServer(t *testing.T) *logServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &logServer{addr: l.Addr().String()}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					e, err := rfc5424.Parse(lines.Text())
					if err != nil {
						t.Errorf("%q: %v", lines.Text(), err)
					}
					s.mu.Lock()
					s.events = append(s.events, e)
					s.mu.Unlock()
				}
			})
		}
	})
	return s
}

// has reports whether the attacker's event of a type at a decky has come, with a value of a
// parameter unless that is "".
func (s *logServer) has(decky, event, key, value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Decky == decky && e.Type == event && (e.Value("src_ip") == enginetest.AttackerAddr || e.Value("attacker_ip") == enginetest.AttackerAddr) && (key == "" || e.Value(key) == value) {
			return true
		}
	}
	return false
}

// TestCollectSniffsAndForwards runs collect from before the first deploy on, and finds what
// containers print and what the sniffer sees in the spool and at the log target that the
// document names: one, another, or that of the flag instead; also when the fleet moves.
func TestCollectSniffsAndForwards(t *testing.T) {
	p := newPlace(t)
	one, other, flag := newLogServer(t), newLogServer(t), newLogServer(t)
	config := func(target string) string {
		general := "[general]\nnet = " + enginetest.Subnet + "\ngw = " + enginetest.Gateway + "\ninterface = " + enginetest.Parent + "\n"
		return p.file(general + "log_target = " + target + "\n[decoy-01]\nip = 10.99.0.11\nservices = redis\n")
	}
	attack := func(password string) {
		p.lan.Attack(t, "redis-cli", "-h", "10.99.0.11", "--user", "who", "--pass", password, "ping")
	}
	collect := p.serve("collect")
	p.succeed("deploy", "--config", config(one.addr))
	p.isUp("decoy-01 redis")
	eventually(t, "the attack at the log target", func() bool {
		attack("first") // the document may not be read yet, nor the sniffer listen
		return one.has("decoy-01", "auth_attempt", "password", "first") && one.has("decoy-01", "tcp_syn_fingerprint", "", "")
	})
	if len(p.records(`"auth_attempt"`, "decoy-01", "first")) == 0 || len(p.records(`"tcp_syn_fingerprint"`, "decoy-01", enginetest.AttackerAddr)) == 0 {
		t.Errorf("the spool has %q", p.records())
	}
	p.succeed("deploy", "--config", config(other.addr))
	eventually(t, "an attack at the other log target", func() bool {
		attack("second")
		return other.has("decoy-01", "auth_attempt", "password", "second")
	})
	attack("third")
	eventually(t, "the next attack there too", func() bool { return other.has("decoy-01", "auth_attempt", "password", "third") })
	if one.has("decoy-01", "auth_attempt", "password", "third") {
		t.Error("the log target of before gets the events of now")
	}
	collect.end(t, syscall.SIGTERM)

	collect = p.serve("collect", "--log-target", flag.addr)
	attack("fourth")
	eventually(t, "the attack at the log target of the flag", func() bool { return flag.has("decoy-01", "auth_attempt", "password", "fourth") })

	for _, args := range []string{"link add lab1 type veth peer name lab1p", "link set lab1p master " + enginetest.Bridge + " up", "link set lab1 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v, %s", args, err, out)
		}
	}
	defer func() { _ = exec.Command("ip", "link", "del", "lab1").Run() }() // which ends with the namespace
	moved := "[general]\nnet = " + enginetest.Subnet + "\ngw = " + enginetest.Gateway + "\ninterface = lab1\n"
	p.succeed("deploy", "--replace-network", "--config", p.file(moved+"[decoy-02]\nip = 10.99.0.12\nservices = redis\n"))
	eventually(t, "what the sniffer sees on the other interface", func() bool {
		p.lan.Attack(t, "redis-cli", "-h", "10.99.0.12", "ping")
		return flag.has("decoy-02", "tcp_syn_fingerprint", "", "")
	})
	collect.end(t, syscall.SIGTERM)
	if other.has("decoy-01", "auth_attempt", "password", "fourth") {
		t.Error("the log target of the document gets what is for that of the flag")
	}
	p.succeed("teardown", "--all")
}

// Package mysqltest runs a private MariaDB or MySQL server for tests: its own data, socket and
// port on loopback, whatever else runs on the machine.
//
//	server, err := mysqltest.Start()
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer server.Stop()
//	db, err := mysql.Open(ctx, server.Database(t), mysql.Config{})
package mysqltest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Variable is the name of the variable of the environment that makes Start start MySQL when it
// is "mysql".
const Variable = "DECNET_TEST_SERVER"

// startTimeout is how long a server may take until it answers.
const startTimeout = time.Minute

// Server is a server that runs. Its methods but Database and Exec must not be called at the
// same time.
type Server struct {
	Port   int
	Socket string
	MySQL  bool // false: MariaDB

	product product
	dir     string
	keep    bool // the data outlives the server
	args    []string
	user    []string     // an argument
	next    atomic.Int64 // numbers databases

	process *os.Process
	ended   chan struct{} // closed when process has ended
	log     *bytes.Buffer // complete then
}

// Start makes an empty server with args added to its command line and returns when it
// answers: of MariaDB, or of MySQL when [Variable] says so. The user root has no password.
// The server ends with Stop, or with this process.
func Start(args ...string) (*Server, error) {
	if os.Getenv(Variable) == "mysql" {
		return StartMySQL(args...)
	}
	return StartMariaDB(args...)
}

// StartMariaDB is Start with a server of MariaDB.
func StartMariaDB(args ...string) (*Server, error) { return start(mariaDB{}, "root", args) }

// StartMySQL is Start with a server of MySQL, of the installation that [DirVariable] names.
func StartMySQL(args ...string) (*Server, error) { return start(mySQL{}, "root", args) }

// StartIn is StartMariaDB with a server whose data is in dir, where it is made unless it is
// there, and stays.
func StartIn(dir string, args ...string) (*Server, error) {
	p := mariaDB{}
	if err := p.missing(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{product: p, dir: dir, keep: true, Socket: filepath.Join(dir, "socket"), args: args}
	if os.Geteuid() == 0 {
		s.user = []string{"--user=root"}
	}
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.data()); errors.Is(err, os.ErrNotExist) {
		if err := s.install(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.data()))
		}
	}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.Run()
}

// start is Start with a server of a user, unless this process is not of root.
func start(p product, as string, args []string) (*Server, error) {
	if err := p.missing(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mysqltest")
	if err != nil {
		return nil, err
	}
	_, isMySQL := p.(mySQL)
	s := &Server{MySQL: isMySQL, product: p, dir: dir, Socket: filepath.Join(dir, "socket"), args: args}
	err = os.Mkdir(s.tmp(), 0o700)
	if err == nil && os.Geteuid() == 0 {
		s.user = []string{"--user=" + as} // what the programs want to hear before they run as root
		err = s.give(as)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err = s.install(); err == nil {
		s.Port, err = freePort()
	}
	if err == nil {
		err = s.Run()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// install makes the data of a new server.
func (s *Server) install() error {
	args := slices.Clone(s.user)
	for _, a := range s.args {
		if strings.HasPrefix(a, "--innodb-page-size=") { // which the files have for ever
			args = append(args, a)
		}
	}
	cmd := s.product.install(s.data(), args...)
	cmd.Env = s.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// tmp is for temporary tables, which a server that starts deletes whosever they are.
func (s *Server) tmp() string { return filepath.Join(s.dir, "tmp") }

func (s *Server) env() []string { return append(os.Environ(), "TMPDIR="+s.tmp()) }

// give makes name the owner of the directories.
func (s *Server) give(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return errors.Join(os.Chown(s.dir, uid, gid), os.Chown(s.tmp(), uid, gid))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Run starts a server again that Kill has ended, on the same data, socket and port.
func (s *Server) Run() error {
	log := new(bytes.Buffer)
	args := append([]string{"--datadir=" + s.data(), "--socket=" + s.Socket, "--port=" + strconv.Itoa(s.Port),
		"--tmpdir=" + s.tmp(), "--bind-address=127.0.0.1", "--pid-file=" + filepath.Join(s.dir, "pid"), "--skip-log-bin"}, s.user...)
	cmd := s.product.serve(append(args, s.args...)...)
	cmd.Env = s.env()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the child is killed when the thread that made it ends
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in the log
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended, s.log = cmd.Process, ended, log
	if err := s.await(); err != nil {
		s.Kill()
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, log.Bytes())
	}
	return nil
}

// await returns when the server answers.
func (s *Server) await() error {
	db, err := sql.Open("mysql", "root@unix("+s.Socket+")/")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// PID is the process that runs.
func (s *Server) PID() int { return s.process.Pid }

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	_ = s.process.Kill() // it may have ended
	<-s.ended
}

// Stop ends the server and removes its data, unless StartIn made it. It gives an error with
// the server's log when that has ended by itself.
func (s *Server) Stop() error {
	var err error
	select {
	case <-s.ended:
		err = fmt.Errorf("the server ended by itself\n%s", s.log)
	default:
		if s.keep {
			err = s.process.Signal(syscall.SIGTERM)
			<-s.ended
			return err
		}
		s.Kill()
	}
	if s.keep {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// DSN is how a user with a password, which may be empty, reaches a database.
func (s *Server) DSN(user, password, database string) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = user, password, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), database
	return cfg.FormatDSN()
}

// Exec runs statements as root.
func (s *Server) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	db, err := sql.Open("mysql", s.DSN("root", "", ""))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for _, text := range statements {
		if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), text); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
}

// Database makes an empty database, which is dropped when the test ends, and returns its DSN
// for root.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("decnet_%d", s.next.Add(1))
	s.Exec(tb, "CREATE DATABASE "+name)
	tb.Cleanup(func() { s.Exec(tb, "DROP DATABASE IF EXISTS "+name) })
	return s.DSN("root", "", name)
}

// Create makes a database unless there is one of this name.
func (s *Server) Create(name string) error {
	db, err := sql.Open("mysql", s.DSN("root", "", ""))
	if err != nil {
		return err
	}
	_, err = db.Exec("CREATE DATABASE IF NOT EXISTS `" + name + "`")
	return errors.Join(err, db.Close())
}

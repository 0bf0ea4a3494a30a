package mysqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// galera is where Debian's galera-4 has the library that makes servers a cluster.
const galera = "/usr/lib/galera/libgalera_smm.so"

// ErrNoGalera is the error of StartCluster where that is not installed.
var ErrNoGalera = errors.New(galera + " is not installed (Debian: galera-4, rsync)")

// joinTimeout is how long a node may take until it has what the others have.
const joinTimeout = 3 * time.Minute

// StartCluster makes n empty servers that are the nodes of one Galera cluster on loopback.
// A node that was killed joins again with [Server.Run] and [Server.AwaitSync].
func StartCluster(n int, args ...string) (nodes []*Server, err error) {
	if _, err := os.Stat(galera); err != nil {
		return nil, ErrNoGalera
	}
	defer func() {
		if err != nil {
			for _, s := range nodes {
				err = errors.Join(err, s.Stop())
			}
			nodes = nil
		}
	}()
	groups := make([]string, n)
	for i := range groups {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		groups[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	for i := range n {
		incremental, err := freePort()
		if err != nil {
			return nodes, err
		}
		whole, err := freePort()
		if err != nil {
			return nodes, err
		}
		own := slices.Concat(args, []string{"--wsrep-on=ON", "--wsrep-provider=" + galera, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
			"--wsrep-cluster-name=decnet", "--wsrep-cluster-address=gcomm://" + strings.Join(groups, ","), "--wsrep-sst-method=rsync",
			fmt.Sprintf("--wsrep-node-name=node%d", i), "--wsrep-node-address=127.0.0.1", fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", whole),
			fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://%s;ist.recv_addr=127.0.0.1:%d;gcache.size=32M", groups[i], incremental)})
		first := own
		if i == 0 {
			first = append(slices.Clone(own), "--wsrep-new-cluster")
		}
		s, err := start(mariaDB{}, "mysql", first) // rsync, which brings a node what the others have, gives up the rights of root
		if err != nil {
			return nodes, err
		}
		s.args = own
		nodes = append(nodes, s)
		if err := s.AwaitSync(); err != nil {
			return nodes, err
		}
	}
	return nodes, nil
}

// AwaitSync returns when a node of a cluster has what the others have.
func (s *Server) AwaitSync() error {
	db, err := sql.Open("mysql", s.DSN("root", "", ""))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var name, state string
		err := db.QueryRowContext(ctx, "SHOW STATUS LIKE 'wsrep_local_state_comment'").Scan(&name, &state)
		if err == nil && state == "Synced" {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended by itself\n%s", s.log)
		case <-ctx.Done():
			return fmt.Errorf("the node is %q: %w", state, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

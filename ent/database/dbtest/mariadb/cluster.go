package mariadb

import (
	"context"
	_ "embed" // for the script
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const clusterTimeout = 3 * time.Minute

// ErrNoGalera says how to get what makes a cluster of MariaDB servers.
var ErrNoGalera = errors.New("there is no Galera library: run `make test`, or `apt-get install galera-4`")

// copyState has a node that joins copy the state of another.
//
//go:embed wsrep_sst_copy
var copyState []byte

// Cluster is a Galera cluster: each of its servers holds everything, and any of
// them can be written to.
type Cluster []*Server

// StartCluster starts a cluster of so many servers. The caller stops it.
func StartCluster(ctx context.Context, size int) (Cluster, error) {
	binary, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	provider, err := findProvider()
	if err != nil {
		return nil, err
	}
	template, err := systemTables(ctx, binary)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	for range attempts {
		var c Cluster
		if c, err = startCluster(ctx, size, binary, template, provider); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("start a cluster: %w", err)
}

func startCluster(ctx context.Context, size int, binary, template, provider string) (c Cluster, err error) {
	group := "gcomm://" // of the first, which has nobody to join
	for range size {
		var address string
		s, err := start(ctx, binary, template, func(s *Server) ([]string, error) {
			if err := os.WriteFile(filepath.Join(s.dir, "wsrep_sst_copy"), copyState, 0o755); err != nil { //nolint:gosec // the server's user runs it
				return nil, fmt.Errorf("write the script of the cluster: %w", err)
			}
			var flags []string
			flags, address, err = galera(ctx, provider, group)
			return flags, err
		})
		if err == nil {
			c = append(c, s)
			err = s.awaitReady(ctx)
		}
		if err != nil {
			c.Stop()
			return nil, err
		}
		if group == "gcomm://" {
			group += address
		}
	}
	return c, nil
}

// galera returns the flags of a node, and the address at which others join it.
func galera(ctx context.Context, provider, group string) (flags []string, address string, err error) {
	var ports [2]int
	for i := range ports {
		if ports[i], err = freePort(ctx); err != nil {
			return nil, "", err
		}
	}
	address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	return []string{
		"--wsrep-on=ON", "--wsrep-provider=" + provider, "--wsrep-cluster-address=" + group,
		"--wsrep-node-address=127.0.0.1", "--wsrep-sst-method=copy",
		"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		// A node that has to wait long for a processor is not dead.
		fmt.Sprintf("--wsrep-provider-options=base_port=%d;gmcast.listen_addr=tcp://%s;ist.recv_addr=127.0.0.1:%d;"+
			"gcache.size=16M;pc.recovery=false;evs.suspect_timeout=PT30S;evs.inactive_timeout=PT60S", ports[0], address, ports[1]),
	}, address, nil
}

// awaitReady waits until the node has joined and takes statements.
func (s *Server) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var name, value string
		err := s.admin.QueryRowContext(ctx, "SHOW STATUS LIKE 'wsrep_ready'").Scan(&name, &value)
		if err == nil && value == "ON" {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return errors.New("a node exited")
		case <-ctx.Done():
			return fmt.Errorf("a node does not join: %w", ctx.Err())
		}
	}
}

// NewDatabase makes an empty database and returns its URL on each server.
func (c Cluster) NewDatabase(ctx context.Context) ([]string, error) {
	first, err := c[0].NewDatabase(ctx)
	if err != nil {
		return nil, err
	}
	urls := []string{first}
	for _, s := range c[1:] {
		urls = append(urls, s.url(filepath.Base(first)))
	}
	return urls, nil
}

// Stop ends the cluster and removes what it stored.
func (c Cluster) Stop() {
	for _, s := range c {
		s.Stop()
	}
}

func findProvider() (string, error) {
	for _, pattern := range []string{"/usr/lib/galera/libgalera_smm.so", "/usr/lib*/galera*/libgalera_smm.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", ErrNoGalera
}

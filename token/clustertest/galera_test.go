package clustertest

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/database/dbtest/mariadb"
)

// TestGalera has each of three servers use a node of its own of a Galera cluster,
// while large transactions on the first hold up the others: these have yet to
// apply what is committed, and must not be believed meanwhile.
func TestGalera(t *testing.T) {
	cluster, err := mariadb.StartCluster(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	urls, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := startNodes(t, urls, 1)
	ctx, stop := context.WithTimeout(t.Context(), 6*time.Second)
	defer stop()
	h := newHistory()
	var wg sync.WaitGroup
	wg.Go(func() { holdUp(ctx, t, dbtest.Open(t, urls[0]).SQL()) })
	for range 4 {
		random := rand.New(rand.NewPCG(rand.Uint64(), 0))
		wg.Go(func() {
			for ctx.Err() == nil {
				oneLife(t, nodes, h, random)
			}
		})
	}
	wg.Wait()
	if err := h.check(); err != nil {
		t.Error(err)
	}
	h.wantMany(t)
}

// holdUp commits large transactions until ctx is done.
func holdUp(ctx context.Context, t *testing.T, db *sql.DB) {
	t.Helper()
	_, err := db.ExecContext(ctx, "CREATE TABLE ballast (n INT PRIMARY KEY, filling CHAR(100) NOT NULL)")
	for err == nil {
		_, err = db.ExecContext(ctx, "INSERT INTO ballast SELECT seq, '' FROM seq_1_to_50000")
		if err == nil {
			_, err = db.ExecContext(ctx, "DELETE FROM ballast")
		}
	}
	if ctx.Err() == nil {
		t.Error(err)
	}
}

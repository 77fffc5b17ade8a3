// Package clustertest proves that revocation is finished when it returns: several
// servers on one MariaDB, cut off from it, delayed, frozen and killed, while
// everything they answer is noted and checked.
//
// What counts is the number of verifications that were begun after a revocation
// had returned and were answered "active", and of requests in flight that were
// answered with anything but a refusal after it: both must be zero. It is a
// package of tests only.
//
// KELOA_SOAK=10m has the random test run for that long, and KELOA_SEED=… repeats
// the faults of an earlier run.
package clustertest

import (
	"os"
	"testing"

	"github.com/keloa/apitokens/ent/database/dbtest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(child(url))
	}
	os.Exit(dbtest.Main(m))
}

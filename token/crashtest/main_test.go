// Package crashtest proves that nothing of the audit log is lost or doubled: a
// server is killed again and again, each time at another named point of the way
// from a mutation to the cursor of a sink, or frozen for longer than its lease
// while another takes over. Then what was acknowledged, what the database holds
// and what a file, a JetStream stream, a Kafka topic, a folder of objects and a
// webhook hold is compared, and each checkpoint among it. It is a package of tests
// only.
//
// KELOA_SOAK=10m goes on for that long, and KELOA_SEED=… kills at the moments of
// an earlier run.
package crashtest

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

package auditsink_test

import (
	"testing"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// BenchmarkNewRecord makes a record of what the database holds, as a relay does
// with each one.
func BenchmarkNewRecord(b *testing.B) {
	canonical, err := sinktest.Event(1).Canonical()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := auditsink.NewRecord(1, canonical); err != nil {
			b.Fatal(err)
		}
	}
}

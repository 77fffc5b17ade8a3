package bearer_test

import (
	"crypto/rand"
	"testing"

	"github.com/keloa/apitokens/token/bearer"
)

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bearer.New(bearer.Live, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bearer.Parse("keloa_pk_live_" + body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	secret, err := bearer.Parse("keloa_pk_live_" + body)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		secret.Hash()
	}
}

// BenchmarkMayHold is what looking for secrets costs a usual URL.
func BenchmarkMayHold(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if bearer.MayHold("/forward-auth?ability=write_contacts") {
			b.Fatal("there is none")
		}
	}
}

package usage_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/usage"
)

func BenchmarkMark(b *testing.B) {
	r, marks := usage.New(usage.Options{}), someMarks()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Mark(marks[i%len(marks)])
		i++
	}
}

func BenchmarkMarkParallel(b *testing.B) {
	r, marks := usage.New(usage.Options{}), someMarks()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r.Mark(marks[i%len(marks)])
		}
	})
}

// BenchmarkMarkAMillion marks random ones of a million tokens that are marked.
func BenchmarkMarkAMillion(b *testing.B) {
	r := usage.New(usage.Options{})
	tokens := make([]uuid.UUID, 1_000_000)
	mark := usage.Mark{Abilities: ability.Of(ability.Read), Requests: 1, IP: "192.0.2.1", UserAgent: "bench/1", At: time.Now()}
	for i := range tokens {
		tokens[i] = uuid.Must(uuid.NewV7())
		mark.Token = tokens[i]
		r.Mark(mark)
	}
	b.ReportAllocs()
	for b.Loop() {
		mark.Token = tokens[rand.IntN(len(tokens))]
		r.Mark(mark)
	}
}

// Marking what is marked already allocates nothing.
func TestMarkAllocatesNothing(t *testing.T) {
	r, marks := usage.New(usage.Options{}), someMarks()
	all := func() {
		for _, m := range marks {
			r.Mark(m)
		}
	}
	all()
	if n := testing.AllocsPerRun(10, all); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func someMarks() []usage.Mark {
	marks := make([]usage.Mark, 1000)
	for i := range marks {
		marks[i] = usage.Mark{
			Token: uuid.Must(uuid.NewV7()), Abilities: ability.Of(ability.Read), Requests: 1,
			IP: "192.0.2.1", UserAgent: "bench/1", At: time.Now(),
		}
		if i%2 == 1 { // another consumer of the token before
			marks[i].Token, marks[i].IP, marks[i].UserAgent = marks[i-1].Token, "2001:db8::1", "other/2"
		}
	}
	return marks
}

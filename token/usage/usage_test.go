package usage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/abilityuse"
	"github.com/keloa/apitokens/ent/usagebucket"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// patience is how long a test waits for what happens in the background.
const patience = 10 * time.Second

func newRecorder(e *tokentest.Env, log *bytes.Buffer) *usage.Recorder {
	logger := slog.New(slog.DiscardHandler)
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, nil))
	}
	return usage.New(usage.Options{Database: e.DB, Logger: logger, Interval: time.Hour, Now: e.Now})
}

func flush(t *testing.T, r *usage.Recorder) {
	t.Helper()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// lastUse is what is written of the last use of a token, its abilities included.
func lastUse(t *testing.T, e *tokentest.Env, id uuid.UUID) string {
	t.Helper()
	found := e.Client().Token.GetX(t.Context(), id)
	if found.LastUsedAt == nil {
		return "never"
	}
	orNone := func(text *string) string {
		if text == nil {
			return "-"
		}
		return *text
	}
	line := fmt.Sprintf("%s %s %s", found.LastUsedAt.Format(time.RFC3339Nano), orNone(found.LastUsedIP), orNone(found.LastUsedUserAgent))
	for _, use := range e.Client().AbilityUse.Query().Where(abilityuse.TokenID(id)).Order(abilityuse.ByAbility()).AllX(t.Context()) {
		line += fmt.Sprintf(" %s=%s", use.Ability, use.LastUsedAt.Format(time.RFC3339Nano))
	}
	return line
}

// requests is how many requests were counted for a token.
func requests(t *testing.T, e *tokentest.Env, id uuid.UUID) (sum int64) {
	t.Helper()
	for _, bucket := range e.Client().UsageBucket.Query().Where(usagebucket.TokenID(id)).AllX(t.Context()) {
		sum += bucket.Requests
	}
	return sum
}

func TestLastUseMovesForwardOnly(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.FullAccess)
		here, there := newRecorder(e, nil), newRecorder(e, nil)
		noon := time.Date(2026, 11, 23, 12, 0, 0, 250_000_000, time.UTC)
		mark := func(r *usage.Recorder, after time.Duration, from string, abilities ...ability.Ability) {
			r.Mark(usage.Mark{
				Token: minted.ID, Abilities: ability.Of(abilities...), Requests: 1,
				IP: from, UserAgent: "agent of " + from, At: noon.Add(after),
			})
		}
		want := func(line string) {
			t.Helper()
			if got := lastUse(t, e, minted.ID); got != line {
				t.Errorf("got  %s\nwant %s", got, line)
			}
		}
		want("never")
		mark(here, 2*time.Second, "192.0.2.2", ability.Read, ability.ManageWebhooks)
		mark(here, time.Second, "192.0.2.1", ability.WriteContacts) // clocks are stepped back
		want("never")
		flush(t, here)
		const second = "2026-11-23T12:00:02.25Z 192.0.2.2 agent of 192.0.2.2"
		want(second + " MANAGE_WEBHOOKS=2026-11-23T12:00:02.25Z READ=2026-11-23T12:00:02.25Z WRITE_CONTACTS=2026-11-23T12:00:01.25Z")

		// A server that flushes late, or whose clock is late, takes nothing back.
		mark(there, time.Millisecond, "198.51.100.1", ability.Read, ability.WriteContacts, ability.WriteConversations)
		flush(t, there)
		want(second + " MANAGE_WEBHOOKS=2026-11-23T12:00:02.25Z READ=2026-11-23T12:00:02.25Z" +
			" WRITE_CONTACTS=2026-11-23T12:00:01.25Z WRITE_CONVERSATIONS=2026-11-23T12:00:00.251Z")

		// Nothing is known of where from: nothing stays of where from before.
		there.Mark(usage.Mark{Token: minted.ID, Requests: 1, At: noon.Add(2*time.Second + time.Microsecond)})
		flush(t, there)
		want("2026-11-23T12:00:02.250001Z - - MANAGE_WEBHOOKS=2026-11-23T12:00:02.25Z READ=2026-11-23T12:00:02.25Z" +
			" WRITE_CONTACTS=2026-11-23T12:00:01.25Z WRITE_CONVERSATIONS=2026-11-23T12:00:00.251Z")
		if n := requests(t, e, minted.ID); n != 4 {
			t.Errorf("%d requests were counted, want 4", n)
		}
	})
}

// Uses of two hours in one flush are two hours.
func TestHours(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read)
		r := newRecorder(e, nil)
		midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
		for _, m := range []struct {
			at       time.Duration
			requests int
		}{{-time.Microsecond, 1}, {0, 1}, {0, 0}, {time.Hour - 1, 1}, {time.Hour, 3}} {
			r.Mark(usage.Mark{Token: minted.ID, Requests: m.requests, At: midnight.Add(m.at), IP: "192.0.2.1"})
		}
		flush(t, r)
		var got []string
		for _, b := range e.Client().UsageBucket.Query().Order(usagebucket.ByStart()).AllX(t.Context()) {
			got = append(got, fmt.Sprintf("%s %d", b.Start.Format(time.RFC3339), b.Requests))
		}
		if want := "2026-11-23T23:00:00Z 1, 2026-11-24T00:00:00Z 2, 2026-11-24T01:00:00Z 3"; strings.Join(got, ", ") != want {
			t.Errorf("got %v", got)
		}
		if got := lastUse(t, e, minted.ID); got != "2026-11-24T01:00:00Z 192.0.2.1 -" {
			t.Error(got)
		}
	})
}

// Three servers write the same tokens at once, in part without an answer to
// their commits, while tokens are minted and revoked. Nothing fails, and every
// request is counted once.
func TestRequestsAddUpOnce(t *testing.T) {
	const tokens, rounds, servers = 40, 15, 3
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ids := make([]uuid.UUID, tokens)
		for i := range ids {
			minted, _ := e.Mint(t, "x", ability.Read)
			ids[i] = minted.ID
		}
		_, secret := e.Mint(t, "revoker", ability.FullAccess)
		revoker := e.As(t, secret)
		errs := make([]error, servers+1)
		var wg sync.WaitGroup
		for server := range servers {
			r := newRecorder(e, nil)
			wg.Go(func() {
				for round := range rounds {
					for i := range tokens {
						r.Mark(usage.Mark{Token: ids[(i*7+server)%tokens], Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
					}
					write := r.Flush
					if round%3 == server {
						write = r.FlushWithoutAnswer
					}
					errs[server] = errors.Join(errs[server], write(t.Context()))
				}
				errs[server] = errors.Join(errs[server], r.Flush(t.Context()))
			})
		}
		wg.Go(func() {
			for i := range tokens / 2 {
				_, err := e.Service.Revoke(t.Context(), revoker, ids[i], "")
				errs[servers] = errors.Join(errs[servers], err)
			}
		})
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if n := requests(t, e, id); n != rounds*servers {
				t.Errorf("%d requests were counted, want %d", n, rounds*servers)
			}
		}
	})
}

// A flush that fails in the middle leaves nothing behind, and the next one
// writes all of it, with what has come since.
func TestFailedFlushKeepsItsMarks(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read)
		r := newRecorder(e, nil)
		mark := func() {
			r.Mark(usage.Mark{Token: minted.ID, Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
		}
		rename := func(from, to string) {
			if _, err := e.DB.SQL().ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		mark()
		rename("usage_buckets", "elsewhere")
		for range 3 {
			if r.Flush(t.Context()) == nil {
				t.Fatal("a flush into no table succeeded")
			}
			mark()
		}
		if got := lastUse(t, e, minted.ID); got != "never" {
			t.Errorf("half a flush was written: %s", got)
		}
		rename("elsewhere", "usage_buckets")
		flush(t, r)
		if n := requests(t, e, minted.ID); n != 4 {
			t.Errorf("%d requests were counted, want 4", n)
		}
		if got := lastUse(t, e, minted.ID); got == "never" {
			t.Error("the last use was not written")
		}
	})
}

// Marks of tokens that are revoked, or gone, are harmless.
func TestMarksOfTheDead(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		alive, _ := e.Mint(t, "alive", ability.Read)
		dead, _ := e.Mint(t, "dead", ability.Read)
		if _, err := e.Service.Revoke(t.Context(), e.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		r := newRecorder(e, nil)
		for _, id := range []uuid.UUID{alive.ID, dead.ID, uuid.New()} {
			r.Mark(usage.Mark{Token: id, Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
		}
		flush(t, r)
		if lastUse(t, e, alive.ID) == "never" || lastUse(t, e, dead.ID) == "never" {
			t.Error("a last use was not written")
		}
		found := e.Client().Token.GetX(t.Context(), dead.ID)
		if n := e.Client().Token.Query().CountX(t.Context()); n != 2 || found.RevokedAt == nil {
			t.Errorf("%d tokens, revoked at %v", n, found.RevokedAt)
		}
	})
}

// A stop flushes, and a flush comes before its time when many tokens are in use.
func TestRun(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read)
		r := newRecorder(e, nil)
		const room = 2000
		r.SetRoom(room)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		for i := range room / 2 {
			r.Mark(usage.Mark{Token: inShard(i), Requests: 1, At: e.Now()})
		}
		deadline := time.After(patience)
		for e.Client().UsageBucket.Query().CountX(t.Context()) == 0 {
			select {
			case <-deadline:
				t.Fatal("no flush came before its time")
			case <-time.After(time.Millisecond):
			}
		}
		r.Mark(usage.Mark{Token: minted.ID, Requests: 1, At: e.Now()})
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if n := requests(t, e, minted.ID); n != 1 {
			t.Errorf("%d requests were written at the stop, want 1", n)
		}
	})
}

// inShard is ids of one shard.
func inShard(i int) uuid.UUID {
	return uuid.UUID{byte(i >> 16), byte(i >> 8), byte(i), 15: 7}
}

// Of more tokens than there is memory for some go unrecorded, and that is logged.
func TestMarksAreBounded(t *testing.T) {
	const room, extra = 2000, 10
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		var log bytes.Buffer
		r := newRecorder(e, &log)
		r.SetRoom(room)
		for i := range room + extra {
			r.Mark(usage.Mark{Token: inShard(i), Requests: 1, At: e.Now()})
		}
		r.Mark(usage.Mark{Token: inShard(0), Requests: 1, At: e.Now()}) // known: not dropped
		flush(t, r)
		if n := e.Client().UsageBucket.Query().CountX(t.Context()); n != room {
			t.Errorf("%d tokens were written, want %d", n, room)
		}
		if n := requests(t, e, inShard(0)); n != 2 {
			t.Errorf("%d requests of the first, want 2", n)
		}
		if !strings.Contains(log.String(), fmt.Sprintf("uses=%d", extra)) {
			t.Errorf("the log does not say so: %s", &log)
		}
	})
}

// What takes too long to write is written in parts. What is marked meanwhile
// waits, and all of it is written once.
func TestFloodIsWrittenInParts(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		r := usage.New(usage.Options{Database: e.DB, Logger: slog.New(slog.DiscardHandler), Interval: time.Nanosecond, Now: e.Now})
		mark := func(tokens int) {
			for i := range tokens {
				r.Mark(usage.Mark{Token: inShard(i), Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
			}
		}
		mark(240)
		for round, want := range []int64{100, 200, 240, 241} {
			if err := r.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				mark(1) // what is written already
			}
			var all int64
			for _, b := range e.Client().UsageBucket.Query().AllX(t.Context()) {
				all += b.Requests
			}
			if all != want {
				t.Errorf("round %d: %d requests are written, want %d", round, all, want)
			}
		}
		mark(240)
		if err := r.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		flush(t, r) // as a stop does
		if n := requests(t, e, inShard(239)); n != 2 {
			t.Errorf("%d requests of the last, want 2", n)
		}
	})
}

// A token that comes from ever new places takes no more memory for it.
func TestPlacesAreForgotten(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		const room = 4
		r := newRecorder(e, nil)
		r.SetRoom(room)
		resting, _ := e.Mint(t, "resting", ability.Read)
		moving, _ := e.Mint(t, "moving", ability.Read)
		r.Mark(usage.Mark{Token: resting.ID, Requests: 1, At: e.Now(), IP: "192.0.2.1", UserAgent: "resting/1"})
		for i := range 1000 {
			r.Mark(usage.Mark{Token: moving.ID, Requests: 1, At: e.Now(), IP: fmt.Sprintf("198.51.100.%d", i%250), UserAgent: fmt.Sprintf("moving/%d", i)})
		}
		if n := r.Places(); n > 4*room {
			t.Errorf("%d places are kept in mind", n)
		}
		flush(t, r)
		if got := lastUse(t, e, resting.ID); !strings.HasSuffix(got, " 192.0.2.1 resting/1") {
			t.Error(got)
		}
		if got := lastUse(t, e, moving.ID); !strings.HasSuffix(got, " 198.51.100.249 moving/999") {
			t.Error(got)
		}
	})
}

func TestSweep(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		hour, client := e.Now().Truncate(time.Hour), e.Client()
		bucket := func(age time.Duration) *ent.UsageBucketCreate {
			return client.UsageBucket.Create().SetTokenID(uuid.New()).SetStart(hour.Add(-age)).SetRequests(1)
		}
		const many = 1100 // takes three rounds
		for range 11 {
			var rows []*ent.UsageBucketCreate
			for range many / 11 {
				rows = append(rows, bucket(usage.Keep+time.Hour))
			}
			client.UsageBucket.CreateBulk(rows...).ExecX(t.Context())
		}
		bucket(usage.Keep - time.Hour).ExecX(t.Context())
		flushed := func(age time.Duration) {
			client.UsageFlush.Create().SetRecorder(uuid.New()).SetN(1).SetAt(e.Now().Add(-age)).SetTokens([]byte{}).ExecX(t.Context())
		}
		flushed(8 * 24 * time.Hour)
		flushed(time.Hour)
		r := newRecorder(e, nil)
		left := []int{601, 101, 1, 1}
		for round, want := range left {
			if err := r.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := client.UsageBucket.Query().CountX(t.Context()); n != want {
				t.Errorf("round %d: %d hours are left, want %d", round, n, want)
			}
		}
		if n := client.UsageFlush.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d flushes are left, want 1", n)
		}
	})
}

// A server removes its own flushes once all others must have seen them, but for
// the last.
func TestOldFlushesGo(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		r := newRecorder(e, nil)
		for range 5 {
			r.Mark(usage.Mark{Token: uuid.New(), Requests: 1, At: e.Now()})
			flush(t, r)
			e.Advance(10 * time.Minute)
		}
		if n := e.Client().UsageFlush.Query().CountX(t.Context()); n != 2 {
			t.Errorf("%d flushes are kept, want 2", n)
		}
	})
}

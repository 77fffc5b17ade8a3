package usage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/abilityuse"
	"github.com/keloa/apitokens/ent/usagebucket"
	"github.com/keloa/apitokens/ent/usageflush"
)

// flushKept is how long a flush is kept for the other servers, which look at each
// interval.
const flushKept = 3 * MaxInterval

// maxOld is how many old flushes one flush removes.
const maxOld = 32

// write writes a batch, or finds that it is written.
func (r *Recorder) write(ctx context.Context, b batch) error {
	err := r.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		written, err := tx.UsageFlush.Query().Where(usageflush.Recorder(r.id), usageflush.N(b.n)).Exist(ctx)
		if err != nil || written {
			return err
		}
		if err := r.writeFlush(ctx, tx, b); err != nil {
			return err
		}
		if err := writeTokens(ctx, tx, r.db.Dialect(), b); err != nil {
			return err
		}
		if err := writeAbilities(ctx, tx, b); err != nil {
			return err
		}
		return writeBuckets(ctx, tx, b)
	})
	if err != nil {
		return fmt.Errorf("write last use: %w", err)
	}
	return nil
}

// writeFlush writes that the batch is written, and removes older flushes. The
// last one stays, however old: it may be the one that is in doubt.
func (r *Recorder) writeFlush(ctx context.Context, tx *ent.Tx, b batch) error {
	now := r.now().UTC().Truncate(time.Microsecond)
	// Of those that are too old only the first are looked for: in a flood there are
	// thousands that are not.
	first, err := tx.UsageFlush.Query().Where(usageflush.Recorder(r.id)).
		Order(usageflush.ByN()).Limit(1).Select(usageflush.FieldN).Ints(ctx)
	if err != nil {
		return err
	}
	if len(first) > 0 {
		until := min(b.n, int64(first[0])+maxOld)
		_, err := tx.UsageFlush.Delete().
			Where(usageflush.Recorder(r.id), usageflush.NLT(until), usageflush.AtLT(now.Add(-flushKept))).
			Exec(ctx)
		if err != nil {
			return err
		}
	}
	var ids []byte
	for i, e := range b.entries {
		if i == 0 || e.token != b.entries[i-1].token {
			ids = append(ids, e.token[:]...)
		}
	}
	return tx.UsageFlush.Create().SetRecorder(r.id).SetN(b.n).SetAt(now).SetTokens(ids).Exec(ctx)
}

// writeTokens updates the tokens that were last used before. Entries are sorted
// by token and hour, and the last of a token counts. It is not an upsert, which
// ent could make: it must not make a token.
func writeTokens(ctx context.Context, tx *ent.Tx, kind string, b batch) error {
	var args []any
	for i, e := range b.entries {
		if i+1 == len(b.entries) || b.entries[i+1].token != e.token {
			from := b.of.origins[e.origin]
			args = append(args, e.token, e.time(e.at), nullable(from.ip), nullable(from.agent))
		}
	}
	rows := len(args) / 4
	statement := mysqlTokens(rows)
	if kind == dialect.SQLite {
		statement = sqliteTokens(rows)
	}
	_, err := tx.ExecContext(ctx, statement, args...)
	return err
}

func mysqlTokens(rows int) string {
	// Straight, so that rows are locked in the order of the batch.
	return "UPDATE (SELECT ? AS id, CAST(? AS DATETIME(6)) AS used_at, ? AS ip, ? AS agent" +
		strings.Repeat(" UNION ALL SELECT ?, CAST(? AS DATETIME(6)), ?, ?", rows-1) +
		") AS u STRAIGHT_JOIN tokens AS t ON t.id = u.id" +
		" SET t.last_used_at = u.used_at, t.last_used_ip = u.ip, t.last_used_user_agent = u.agent" +
		" WHERE t.last_used_at IS NULL OR t.last_used_at < u.used_at"
}

func sqliteTokens(rows int) string {
	return "WITH u (id, used_at, ip, agent) AS (VALUES (?, ?, ?, ?)" + strings.Repeat(", (?, ?, ?, ?)", rows-1) + ")" +
		" UPDATE tokens SET last_used_at = u.used_at, last_used_ip = u.ip, last_used_user_agent = u.agent" +
		" FROM u WHERE tokens.id = u.id AND (last_used_at IS NULL OR last_used_at < u.used_at)"
}

func writeAbilities(ctx context.Context, tx *ent.Tx, b batch) error {
	type use struct {
		token uuid.UUID
		bit   int
	}
	last := map[use]time.Time{}
	var order []use
	for _, e := range b.entries {
		for bit, moment := range b.of.all(&e).abilities {
			if moment == 0 {
				continue
			}
			u := use{e.token, bit}
			if _, again := last[u]; !again {
				order = append(order, u)
			}
			last[u] = e.time(moment) // of the last hour, which comes last
		}
	}
	return inChunks(order, func(chunk []use) error {
		rows := make([]*ent.AbilityUseCreate, len(chunk))
		for i, u := range chunk {
			rows[i] = tx.AbilityUse.Create().SetTokenID(u.token).SetAbility(abilityAt(u.bit)).SetLastUsedAt(last[u])
		}
		return tx.AbilityUse.CreateBulk(rows...).
			OnConflict(
				sql.ConflictColumns(abilityuse.FieldTokenID, abilityuse.FieldAbility),
				merged(abilityuse.FieldLastUsedAt, later),
			).
			Exec(ctx)
	})
}

func writeBuckets(ctx context.Context, tx *ent.Tx, b batch) error {
	var rows []*ent.UsageBucketCreate
	for _, e := range b.entries {
		if e.requests > 0 {
			by := b.of.all(&e).by
			rows = append(rows, tx.UsageBucket.Create().SetTokenID(e.token).SetStart(e.start()).SetRequests(int64(e.requests)).
				SetAgents(by.agents).SetNetworks(by.networks))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.UsageBucket.CreateBulk(rows...).OnConflict(
		sql.ConflictColumns(usagebucket.FieldTokenID, usagebucket.FieldStart),
		merged(usagebucket.FieldRequests, sum),
		merged(usagebucket.FieldAgents, union),
		merged(usagebucket.FieldNetworks, union),
	).Exec(ctx)
}

// merged says what becomes of the column of a row that exists.
func merged(column string, merge func(b *sql.Builder, old, given string)) sql.ConflictOption {
	return sql.ResolveWith(func(u *sql.UpdateSet) {
		u.Set(column, sql.ExprFunc(func(b *sql.Builder) {
			given := "excluded." + column
			if b.Dialect() == dialect.MySQL {
				given = "VALUES(" + column + ")"
			}
			merge(b, u.Table().C(column), given)
		}))
	})
}

func sum(b *sql.Builder, old, given string) { b.WriteString(old + " + " + given) }

func union(b *sql.Builder, old, given string) { b.WriteString(old + " | " + given) }

func later(b *sql.Builder, old, given string) {
	greatest := "MAX"
	if b.Dialect() == dialect.MySQL {
		greatest = "GREATEST"
	}
	b.WriteString(greatest + "(" + old + ", " + given + ")")
}

func inChunks[T any](all []T, do func([]T) error) error {
	for len(all) > 0 {
		n := min(len(all), maxBatch)
		if err := do(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/auditquarantine"
)

// What bounds a quarantine.
const (
	maxQuarantine = 1000 // records of one sink
	// A record is offered again after firstOffer, then after twice as long
	// each time, and at last every lastOffer.
	firstOffer = 10 * time.Second
	lastOffer  = time.Hour
	maxProblem = 255 // bytes of what is kept of an error
)

// Report keeps why the sink is down, or with an empty problem that it is up.
func (j *Journal) Report(ctx context.Context, lease auditsink.Lease, problem string) error {
	err := j.held(ctx, lease, func(ctx context.Context, tx *ent.Tx, row *ent.SinkCursor) error {
		if problem == "" {
			return row.Update().ClearDownSince().ClearProblem().Exec(ctx)
		}
		since, err := j.clock(ctx, tx.QueryContext)
		if err != nil {
			return err
		}
		if row.DownSince != nil {
			since = *row.DownSince
		}
		return row.Update().SetDownSince(since).SetProblem(short(problem)).Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("report on audit sink %s: %w", lease.Sink, err)
	}
	return nil
}

// short is what is kept of the text of an error: a line, cut to maxProblem bytes.
func short(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) <= maxProblem {
		return text
	}
	return strings.ToValidUTF8(text[:maxProblem], "")
}

// Quarantine notes that the sink refuses a record.
func (j *Journal) Quarantine(ctx context.Context, lease auditsink.Lease, seq int64, reason string) error {
	err := j.held(ctx, lease, func(ctx context.Context, tx *ent.Tx, _ *ent.SinkCursor) error {
		there, err := tx.AuditQuarantine.Query().Where(auditquarantine.Sink(lease.Sink), auditquarantine.Seq(seq)).Exist(ctx)
		if err != nil || there {
			return err
		}
		n, err := tx.AuditQuarantine.Query().Where(auditquarantine.Sink(lease.Sink)).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxQuarantine {
			return auditsink.ErrQuarantineFull
		}
		now, err := j.clock(ctx, tx.QueryContext)
		if err != nil {
			return err
		}
		return tx.AuditQuarantine.Create().
			SetSink(lease.Sink).SetSeq(seq).SetReason(short(reason)).SetTries(0).SetRetryAt(now.Add(firstOffer)).
			Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("put audit record %d into quarantine: %w", seq, err)
	}
	return nil
}

// Quarantined returns the record that is to be offered to the sink again next,
// if one is due; else its Seq is 0.
func (j *Journal) Quarantined(ctx context.Context, sink string) (auditsink.Record, error) {
	record, err := j.quarantined(ctx, sink)
	if err != nil {
		return auditsink.Record{}, fmt.Errorf("read the quarantine of audit sink %s: %w", sink, err)
	}
	return record, nil
}

func (j *Journal) quarantined(ctx context.Context, sink string) (auditsink.Record, error) {
	client := j.db.Client()
	now, err := j.clock(ctx, j.db.Read)
	if err != nil {
		return auditsink.Record{}, err
	}
	due, err := client.AuditQuarantine.Query().
		Where(auditquarantine.Sink(sink), auditquarantine.RetryAtLTE(now)).
		Order(ent.Asc(auditquarantine.FieldRetryAt, auditquarantine.FieldSeq)).
		First(ctx)
	if ent.IsNotFound(err) {
		return auditsink.Record{}, nil
	}
	if err != nil {
		return auditsink.Record{}, err
	}
	row, err := client.AuditEntry.Query().Where(auditentry.Seq(due.Seq)).Select(auditentry.FieldRecord).Only(ctx)
	if err != nil {
		return auditsink.Record{}, fmt.Errorf("record %d: %w", due.Seq, err)
	}
	return auditsink.NewRecord(due.Seq, row.Record)
}

// Offered says what became of offering a record again: an empty problem ends its
// quarantine.
func (j *Journal) Offered(ctx context.Context, lease auditsink.Lease, seq int64, problem string) error {
	err := j.held(ctx, lease, func(ctx context.Context, tx *ent.Tx, _ *ent.SinkCursor) error {
		row, err := tx.AuditQuarantine.Query().Where(auditquarantine.Sink(lease.Sink), auditquarantine.Seq(seq)).Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if problem == "" {
			return tx.AuditQuarantine.DeleteOne(row).Exec(ctx)
		}
		now, err := j.clock(ctx, tx.QueryContext)
		if err != nil {
			return err
		}
		return row.Update().AddTries(1).SetReason(short(problem)).SetRetryAt(now.Add(pauseAfter(row.Tries + 1))).Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("offer audit record %d again: %w", seq, err)
	}
	return nil
}

// pauseAfter is how long to wait after so many tries.
func pauseAfter(tries int) time.Duration {
	return min(lastOffer, firstOffer<<min(tries, 16))
}

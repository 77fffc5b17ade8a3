package usage

import "context"

// MaxMarkedShard is how many tokens of one shard are kept in mind.
const MaxMarkedShard = maxMarked

// Round is what Run does at each interval.
func (r *Recorder) Round(ctx context.Context) error { return r.round(ctx) }

// FlushWithoutAnswer flushes as if the answer to each commit were lost.
func (r *Recorder) FlushWithoutAnswer(ctx context.Context) error {
	r.flushing.Lock()
	r.makeBatches(r.drain(ctx))
	unanswered := r.pending
	err := r.writePending(ctx)
	r.pending = unanswered
	r.flushing.Unlock()
	return err
}

package usage

import "context"

// SetRoom has so many tokens of each shard kept in mind.
func (r *Recorder) SetRoom(n int) {
	for i := range r.shards {
		r.shards[i].room = n
	}
}

// Places is how many places are kept in mind that uses have come from.
func (r *Recorder) Places() (n int) {
	for i := range r.shards {
		n += len(r.shards[i].origins.all)
	}
	return n
}

// Round is what Run does at each interval.
func (r *Recorder) Round(ctx context.Context) error { return r.round(ctx) }

// FlushWithoutAnswer flushes as if the answer to each commit were lost.
func (r *Recorder) FlushWithoutAnswer(ctx context.Context) error {
	r.flushing.Lock()
	r.makeBatches(ctx)
	unanswered := r.pending
	err := r.writePending(ctx, 0)
	r.pending = unanswered
	r.flushing.Unlock()
	return err
}

package remote

import (
	"errors"

	"github.com/keloa/apitokens/auditsink"
)

// Refusal says that the receiver will not take a request as it stands, because
// of one record in it or because they are too many.
type Refusal struct{ Reason string }

func (e *Refusal) Error() string { return e.Reason }

// Parts sends records in as few parts as a receiver takes. The zero Parts begins
// with one.
type Parts struct {
	most int // records that go into one part; 0 for no limit
}

// InParts calls post with the records, in order, in as few parts as the
// receiver takes: a part that is refused is halved, down to the one record that
// is to blame. What was learnt about their size is kept for the next time, and
// slowly forgotten.
func (p *Parts) InParts(records []auditsink.Record, post func([]auditsink.Record) error) (auditsink.Result, error) {
	accepted := 0
	for rest := records; len(rest) > 0; rest = records[accepted:] {
		n := len(rest)
		if p.most > 0 {
			n = min(n, p.most)
		}
		err := post(rest[:n])
		refusal, refused := errors.AsType[*Refusal](err)
		switch {
		case err == nil:
			accepted += n
			if p.most > 0 {
				p.most++
			}
		case refused && n > 1:
			p.most = n / 2
		case refused:
			return auditsink.Result{Accepted: accepted}, &auditsink.RejectedError{Seq: rest[0].Seq, Reason: refusal.Reason}
		default:
			return auditsink.Result{Accepted: accepted}, err
		}
	}
	return auditsink.Result{}, nil
}

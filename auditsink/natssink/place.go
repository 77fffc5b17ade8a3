package natssink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keloa/apitokens/auditsink"
)

// maxLooks bounds how often publishing a record looks for its place again,
// where others write to the subject too.
const maxLooks = 10

// place is how far the log has come on a subject of a stream.
type place struct {
	conn            *nats.Conn
	js              jetstream.JetStream
	stream, subject string
	together        bool // the stream takes batches that are stored whole or not at all

	last  int64  // the sequence of the last record on the subject; 0 for none
	above uint64 // the stream's sequence of the last message on the subject, whosever it is; 0 for none
}

// message is the record, and a checkpoint beside it if it has one.
func (p *place) message(r auditsink.Record) *nats.Msg {
	message := &nats.Msg{Subject: p.subject, Data: r.Line, Header: nats.Header{
		jetstream.MsgIDHeader:          {r.ID.String() + "@" + p.subject}, // the same record may go to another subject, too
		jetstream.ExpectedStreamHeader: {p.stream},
	}}
	if r.Checkpoint.Size > 0 {
		message.Header.Set(auditsink.CheckpointField, r.Checkpoint.Encoded())
	}
	return message
}

// behind has the stream store the message only behind all that is known to be
// there.
func (p *place) behind(message *nats.Msg) {
	message.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(p.above, 10))
}

// publish publishes those of the records that the stream does not hold yet, and
// returns how many of all it holds.
func (p *place) publish(ctx context.Context, records []auditsink.Record) (accepted int, err error) {
	for accepted < len(records) && records[accepted].Seq <= p.last {
		accepted++
	}
	if rest := records[accepted:]; p.together && len(rest) > 1 {
		stored, err := p.publishTogether(ctx, rest)
		if err != nil {
			return accepted, err
		}
		if stored {
			return len(records), nil
		}
	}
	for _, r := range records[accepted:] {
		if err := p.publishOne(ctx, r); err != nil {
			return accepted, err
		}
		accepted++
	}
	return accepted, nil
}

// The headers of a batch that is stored whole or not at all:
// https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md
const (
	batchIDHeader       = "Nats-Batch-Id"
	batchSequenceHeader = "Nats-Batch-Sequence"
	batchCommitHeader   = "Nats-Batch-Commit"
)

// publishTogether publishes the records as one batch, which is acknowledged once.
// It reports false if the stream refused it and has stored none of them: which of
// them is the cause, or whether another has written to the subject, is found out
// one at a time.
func (p *place) publishTogether(ctx context.Context, records []auditsink.Record) (stored bool, err error) {
	id := uuid.NewString()
	var ack *jetstream.PubAck
	for i, r := range records {
		message := p.message(r)
		message.Header.Set(batchIDHeader, id)
		message.Header.Set(batchSequenceHeader, strconv.Itoa(i+1))
		if i == 0 {
			p.behind(message)
		}
		if i < len(records)-1 {
			err = p.conn.PublishMsg(message)
		} else {
			message.Header.Set(batchCommitHeader, "1")
			ack, err = p.js.PublishMsg(ctx, message)
		}
		if _, refused := errors.AsType[*jetstream.APIError](err); refused || errors.Is(err, nats.ErrMaxPayload) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("publish: %w", err)
		}
	}
	p.last, p.above = records[len(records)-1].Seq, ack.Sequence
	return true, nil
}

// publishOne publishes the record, if the stream does not hold it yet, behind all
// that is known to be there.
func (p *place) publishOne(ctx context.Context, r auditsink.Record) error {
	for range maxLooks {
		if r.Seq <= p.last {
			return nil
		}
		message := p.message(r)
		p.behind(message)
		ack, err := p.js.PublishMsg(ctx, message)
		switch {
		case err == nil && !ack.Duplicate:
			p.last, p.above = r.Seq, ack.Sequence
			return nil
		case err == nil, outrun(err):
			// It, or something else, has come there in between.
			if err := p.look(ctx); err != nil {
				return err
			}
			if ack != nil { // it was kept, whatever the stream has done with it since
				p.last = max(p.last, r.Seq)
			}
		case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
			return &auditsink.RejectedError{Seq: r.Seq, Reason: "it is larger than NATS is configured to take"}
		default:
			return fmt.Errorf("publish: %w", err)
		}
	}
	return errors.New("publish: others write to the same subject without a pause: give the audit log one of its own")
}

// outrun reports whether the last message on the subject was not the expected
// one.
func outrun(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// look finds the last message and the last record on the subject. Behind the
// record may be what others have published: ever larger parts of the stream are
// gone through, backwards.
func (p *place) look(ctx context.Context) error {
	end, err := p.get(ctx, request{LastFor: p.subject})
	if err != nil {
		return err
	}
	p.last, p.above = 0, end.Seq
	for to, width := end.Seq, uint64(1); to > 0; width *= 2 {
		from := to - min(width, to) + 1
		for at := from; at <= to; {
			next, err := p.get(ctx, request{Seq: at, NextFor: p.subject})
			if err != nil {
				return err
			}
			if next.Seq == 0 || next.Seq > to {
				break
			}
			if r, err := auditsink.ParseStamp(next.Data); err == nil {
				p.last = r.Seq
			}
			at = next.Seq + 1
		}
		if p.last > 0 {
			return nil
		}
		to = from - 1
	}
	return nil
}

// request asks for a message of the stream: the last one of a subject, or the
// first one of a subject from a sequence on.
type request struct {
	Seq     uint64 `json:"seq,omitempty"`
	LastFor string `json:"last_by_subj,omitempty"`
	NextFor string `json:"next_by_subj,omitempty"`
}

// message is a message of the stream. Its Seq is 0 if there is none.
type message struct {
	Seq  uint64 `json:"seq"`
	Data []byte `json:"data"`
}

// get asks the leader of the stream. Package jetstream asks any replica where
// the stream allows it, and one may lag behind.
func (p *place) get(ctx context.Context, what request) (message, error) {
	body, err := json.Marshal(what)
	if err != nil {
		return message{}, err
	}
	answer, err := p.conn.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+p.stream, body)
	if err != nil {
		return message{}, fmt.Errorf("read the stream: %w", err)
	}
	var got struct {
		Message message             `json:"message"`
		Error   *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return message{}, fmt.Errorf("read the stream: %w", err)
	}
	if got.Error != nil && got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return message{}, nil
	}
	if got.Error != nil {
		return message{}, fmt.Errorf("read the stream: %w", got.Error)
	}
	return got.Message, nil
}

// Package blobsink keeps the audit log as objects: in a bucket of S3, or of what
// speaks its protocol, under s3://BUCKET/PREFIX, and in a folder under
// blob+file:PATH.
//
// An object holds a batch, a record a line, and is never changed. It is called
// after the sequence of its first record, in four parts, so that names sort and
// no listing is long: 000000000/000/000/042.jsonl. Now and then a signed checkpoint
// of the log is kept beside them, called after how many records it is of:
// 000000000/000/000/057.checkpoint.
//
// # Durability
//
// A record is acknowledged when the object store has acknowledged its object.
// In a folder, file and folders are synced first.
//
// Every record is there exactly once, also after kill -9. The last object is
// read to find out how far the log has come, and an object is only ever made
// and never replaced (If-None-Match): of two writers, however long one of them
// was stopped for, one makes the next object, and the other looks again.
//
// # Errors
//
// A server that replaces an object all the same, which is found out with the
// first one that is made, is an error of each delivery.
//
// # Concurrency
//
// After an error the client is given up, and the next call makes another.
package blobsink

import (
	"context"
	"errors"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// timeout is less than what a relay allows for a delivery, so that the error
// says what hung.
const timeout = 20 * time.Second

// Sink makes objects in one place.
type Sink struct {
	open func(ctx context.Context) (*place, error)
	gate remote.Gate

	place *place // nil until it is needed, and after every doubt; belongs to who is in the gate
}

// Deliver makes an object of those records of the batch that are not held yet.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		var result auditsink.Result
		err := s.use(ctx, func(ctx context.Context, p *place) error {
			if err := p.add(ctx, b.Records); err != nil {
				return err
			}
			result.Accepted = len(b.Records)
			return p.witness(ctx, b.Records[len(b.Records)-1].Checkpoint)
		})
		return result, err
	})
}

// HighWater reads the last record back.
func (s *Sink) HighWater(ctx context.Context) (last int64, err error) {
	_, err = s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(ctx context.Context, p *place) error {
			err := p.look(ctx)
			last = p.last
			return err
		})
	})
	return last, err
}

// Probe sees that objects can be listed.
func (s *Sink) Probe(ctx context.Context) error {
	_, err := s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(ctx context.Context, p *place) error {
			_, err := p.list(ctx, "")
			return err
		})
	})
	return err
}

// Close gives up the connections.
func (s *Sink) Close(context.Context) error {
	var err error
	s.gate.Shut(func() { err = s.forget() })
	return err
}

func (s *Sink) forget() error {
	if s.place == nil {
		return nil
	}
	p := s.place
	s.place = nil
	return p.close()
}

// use calls fn with the place and how far it has come.
func (s *Sink) use(ctx context.Context, fn func(context.Context, *place) error) error {
	ctx, done := context.WithTimeout(ctx, timeout)
	defer done()
	if s.place == nil {
		var err error
		if s.place, err = s.open(ctx); err != nil {
			return err
		}
		if err := s.place.look(ctx); err != nil {
			return errors.Join(err, s.forget())
		}
	}
	err := fn(ctx, s.place)
	if err != nil {
		err = errors.Join(err, s.forget())
	}
	return err
}

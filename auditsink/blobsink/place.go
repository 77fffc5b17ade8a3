package blobsink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/keloa/apitokens/auditsink"
)

const (
	// maxLooks bounds how often a delivery looks for its place again.
	maxLooks = 10
	// maxObject bounds what is read of an object: more than any batch.
	maxObject = 64 << 20

	recordsEnd    = ".jsonl"
	checkpointEnd = ".checkpoint"
)

// levels are what the names of our folders, and at last of our objects, look
// like.
var levels = [...]*regexp.Regexp{
	regexp.MustCompile(`^\d{9}/$`), regexp.MustCompile(`^\d{3}/$`), regexp.MustCompile(`^\d{3}/$`), regexp.MustCompile(`^\d{3}\.jsonl$`),
}

// keyOf is the name of the object that begins with a sequence, or of the checkpoint
// over all up to it, but for its end.
func keyOf(seq int64) string {
	digits := fmt.Sprintf("%018d", seq)
	return digits[:9] + "/" + digits[9:12] + "/" + digits[12:15] + "/" + digits[15:]
}

// store is where objects are.
type store interface {
	// list returns the names under one that ends in "/", or is empty, in
	// order. Of what has others under it, a name ends in "/".
	list(ctx context.Context, under string) ([]string, error)
	// read returns what an object holds, up to maxObject bytes, once that is
	// durable.
	read(ctx context.Context, key string) ([]byte, error)
	// create makes an object durably, and reports false if there is one of
	// that name.
	create(ctx context.Context, key string, lines []byte) (bool, error)
	close() error
}

// place is how far the log has come in a store.
type place struct {
	store

	last int64 // the sequence of the last record; 0 for none
	// guarded is whether an object was seen not to be replaced.
	guarded bool
}

// add makes an object of the records that are not held yet.
func (p *place) add(ctx context.Context, records []auditsink.Record) error {
	for range maxLooks {
		for len(records) > 0 && records[0].Seq <= p.last {
			records = records[1:]
		}
		if len(records) == 0 {
			return nil
		}
		key, lines := keyOf(records[0].Seq)+recordsEnd, auditsink.AppendLines(nil, records)
		made, err := p.create(ctx, key, lines)
		if err != nil {
			return err
		}
		if !made {
			if err := p.look(ctx); err != nil {
				return err
			}
			continue
		}
		p.last = records[len(records)-1].Seq
		return p.guard(ctx, key, lines)
	}
	return errors.New("an object of the name that comes next is there, and holds no audit record: move it away, or give the audit log a place of its own")
}

// witness keeps a checkpoint beside the records, unless there is one over as many.
func (p *place) witness(ctx context.Context, c auditsink.Checkpoint) error {
	if c.Size == 0 {
		return nil
	}
	line, err := c.AppendLine(nil)
	if err == nil {
		_, err = p.create(ctx, keyOf(c.Size)+checkpointEnd, line)
	}
	if err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	return nil
}

// guard sees once that an object that is there is not replaced, by trying to
// replace one with itself.
func (p *place) guard(ctx context.Context, key string, lines []byte) error {
	if p.guarded {
		return nil
	}
	made, err := p.create(ctx, key, lines)
	if made {
		return errors.New("the object store replaces objects although it is asked not to (If-None-Match), so two servers could lose each other's records: use one that does not")
	}
	p.guarded = err == nil
	return err
}

// look finds the last record.
func (p *place) look(ctx context.Context) (err error) {
	p.last, err = p.lastUnder(ctx, "", 0)
	return err
}

// lastUnder returns the sequence of the last record under a name that ends in
// "/", or is empty, 0 if there is none. What is not ours is passed over.
func (p *place) lastUnder(ctx context.Context, under string, level int) (int64, error) {
	names, err := p.list(ctx, under)
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Backward(names) {
		if !levels[level].MatchString(name) {
			continue
		}
		var last int64
		if level == len(levels)-1 {
			last, err = p.lastIn(ctx, under+name)
		} else {
			last, err = p.lastUnder(ctx, under+name, level+1)
		}
		if last > 0 || err != nil {
			return last, err
		}
	}
	return 0, nil
}

// lastIn returns the sequence of the last record in an object.
func (p *place) lastIn(ctx context.Context, key string) (last int64, err error) {
	text, err := p.read(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("read the last object: %w", err)
	}
	for line := range bytes.Lines(text) {
		if r, err := auditsink.ParseStamp(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			last = max(last, r.Seq)
		}
	}
	return last, nil
}

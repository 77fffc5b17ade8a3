package blobsink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/keloa/apitokens/auditsink"
)

const (
	// maxLooks bounds how often a delivery looks for its place again.
	maxLooks = 10
	// maxObject bounds what is read of an object: more than any batch.
	maxObject = 64 << 20

	contentType = "application/x-ndjson"
)

// levels are what the names of our folders, and at last of our objects, look
// like.
var levels = [...]*regexp.Regexp{
	regexp.MustCompile(`^\d{9}/$`), regexp.MustCompile(`^\d{3}/$`), regexp.MustCompile(`^\d{3}/$`), regexp.MustCompile(`^\d{3}\.jsonl$`),
}

// keyOf is the name of the object that begins with a sequence.
func keyOf(seq int64) string {
	digits := fmt.Sprintf("%018d", seq)
	return digits[:9] + "/" + digits[9:12] + "/" + digits[12:15] + "/" + digits[15:] + ".jsonl"
}

// place is how far the log has come.
type place struct {
	bucket  *blob.Bucket
	sync    func(key string) error // makes an object durable; nil where an acknowledgement is enough
	release func()                 // of what is below the bucket; nil for nothing

	last int64 // the sequence of the last record; 0 for none
	// guarded is whether an object was seen not to be replaced.
	guarded bool
}

func (p *place) close() error {
	err := p.bucket.Close()
	if p.release != nil {
		p.release()
	}
	if err != nil {
		return fmt.Errorf("close the bucket: %w", err)
	}
	return nil
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
		key, lines := keyOf(records[0].Seq), auditsink.AppendLines(nil, records)
		made, err := p.make(ctx, key, lines)
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

// make makes an object, and reports false if there is one of that name.
func (p *place) make(ctx context.Context, key string, lines []byte) (bool, error) {
	err := p.bucket.WriteAll(ctx, key, lines, &blob.WriterOptions{ContentType: contentType, DisableContentTypeDetection: true, IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return false, nil
	}
	if err == nil && p.sync != nil {
		err = p.sync(key)
	}
	if err != nil {
		return false, fmt.Errorf("make an object: %w", err)
	}
	return true, nil
}

// guard sees once that an object that is there is not replaced, by trying to
// replace one with itself.
func (p *place) guard(ctx context.Context, key string, lines []byte) error {
	if p.guarded {
		return nil
	}
	made, err := p.make(ctx, key, lines)
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
	names, err := p.list(ctx, under, levels[level])
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Backward(names) {
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

// list returns the names of what lies under a name and matches, in order.
func (p *place) list(ctx context.Context, under string, pattern *regexp.Regexp) ([]string, error) {
	var names []string
	objects := p.bucket.List(&blob.ListOptions{Prefix: under, Delimiter: "/"})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the objects: %w", err)
		}
		if name := object.Key[len(under):]; pattern.MatchString(name) {
			names = append(names, name)
		}
	}
}

// lastIn returns the sequence of the last record in an object.
func (p *place) lastIn(ctx context.Context, key string) (last int64, err error) {
	object, err := p.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return 0, fmt.Errorf("read the last object: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(object, maxObject))
	if err := errors.Join(err, object.Close()); err != nil {
		return 0, fmt.Errorf("read the last object: %w", err)
	}
	for line := range bytes.Lines(text) {
		if r, err := auditsink.ParseStamp(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			last = max(last, r.Seq)
		}
	}
	return last, nil
}

package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
)

// copyReader reads the records of a copy, in the order of their sequence. What
// is no record it passes over, as a sink that writes to a file does; so is a
// record that was delivered again.
type copyReader struct {
	lines   *bufio.Scanner
	line    int64
	foreign int64
	next    auditsink.Record // its Seq is 0 before the first and after the last
	// mapped is the leaf hash of next, if it is in another format than ours,
	// which has nothing else to compare.
	mapped *tlog.Hash
}

func newCopyReader(from io.Reader) *copyReader {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, auditsink.MaxLine+2) // the newline, and a carriage return before it
	return &copyReader{lines: lines}
}

// advance reads until the next record is at seq or after it.
func (c *copyReader) advance(seq int64) error {
	for c.next.Seq < seq {
		if !c.lines.Scan() {
			c.next = auditsink.Record{}
			return c.end()
		}
		c.line++
		// The record keeps its line, which the scanner writes over.
		record, err := auditsink.ParseLine(bytes.Clone(c.lines.Bytes()))
		c.mapped = nil
		if errors.Is(err, auditsink.ErrMalformed) {
			var stamp auditsink.Stamp
			if stamp, err = auditsink.ParseStamp(c.lines.Bytes()); err == nil {
				record, c.mapped = auditsink.Record{Seq: stamp.Seq}, &stamp.Leaf
			}
		}
		switch {
		case errors.Is(err, auditsink.ErrLeafHash):
			return fmt.Errorf("line %d of the copy was changed after it was written: %w", c.line, err)
		case err != nil:
			c.foreign++
		default:
			c.next = record
		}
	}
	return nil
}

func (c *copyReader) end() error {
	err := c.lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d of the copy is longer than any record: is it a copy of an audit log?", c.line+1)
	}
	if err != nil {
		return fmt.Errorf("read the copy: %w", err)
	}
	return nil
}

// compare sees that the copy has the same of record seq, if it has that, and that
// it has it, if it is to.
func (v *verification) compare(seq int64, action string, canonical []byte) error {
	if v.copied == nil {
		return nil
	}
	if err := v.copied.advance(seq); err != nil {
		return err
	}
	switch {
	case v.copied.next.Seq == seq && v.copied.mapped != nil:
		if *v.copied.mapped != tlog.RecordHash(canonical) {
			return tampered(seq, "is not what the copy was made of")
		}
		v.report.Copied++
		v.report.Mapped++
	case v.copied.next.Seq == seq && v.copied.next.IsStub():
		if v.copied.next.LeafHash() != tlog.RecordHash(canonical) {
			return tampered(seq, "is not what the copy has a stub of")
		}
		v.report.Copied++
		v.report.Stubs++
	case v.copied.next.Seq == seq:
		if !bytes.Equal(v.copied.next.Canonical(), canonical) {
			return tampered(seq, "is not what the copy holds")
		}
		v.report.Copied++
	case v.copied.next.Seq > 0 && v.report.Copied > 0 && v.options.CopyFilter.Passes(auditsink.Record{Action: action}):
		return tampered(seq, "is not in the copy, which has some before and after it: if the sink has a filter, say which")
	}
	return nil
}

// endOfCopy sees that the copy does not go on where the log ends.
func (v *verification) endOfCopy(ctx context.Context) error {
	if v.copied == nil {
		return nil
	}
	if err := v.copied.advance(v.head + 1); err != nil {
		return err
	}
	head, err := v.Head(ctx) // what was sealed meanwhile may be in the copy
	if err != nil {
		return err
	}
	if v.copied.next.Seq > head {
		return tampered(v.head+1, "is missing: the log ends before it, and the copy has record %d", v.copied.next.Seq)
	}
	return nil
}

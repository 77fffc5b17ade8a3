package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token"
)

type auditVerifyCommand struct {
	databaseFlag

	Against    string   `placeholder:"FILE" help:"Compare with what a sink has written to this file, a record a line."`
	Filter     string   `placeholder:"FILTER" help:"The filter of the sink that wrote the file, as in action:developers.api_token.*. Default: the file has every record."`
	Checkpoint []string `sep:"none" placeholder:"FILE" help:"Compare with a checkpoint that was kept in this file. The flag repeats."`
	Key        []string `sep:"none" placeholder:"KEY" help:"Trust checkpoints that are signed with this public key, as audit keys prints it, and no others. The flag repeats. Default: the keys that the database names."`
}

// Run says what was verified and what that does not show, or names the first
// record that is not what was sealed.
func (c auditVerifyCommand) Run(ctx context.Context, std streams) (err error) {
	o := journal.VerifyOptions{Keys: c.Key}
	var from []string // the files of o.Checkpoints
	for _, path := range c.Checkpoint {
		text, err := os.ReadFile(path)
		if err != nil {
			return usagef("--checkpoint: %s", err)
		}
		kept := checkpointsIn(text)
		if len(kept) == 0 {
			return fmt.Errorf("--checkpoint: %s holds no checkpoint", path)
		}
		o.Checkpoints = append(o.Checkpoints, kept...)
		from = append(from, slices.Repeat([]string{path}, len(kept))...)
	}
	if c.Filter != "" && c.Against == "" {
		return usagef("--filter: says what the file of a sink has; give that with --against")
	}
	if c.Against != "" {
		file, err := openFile(c.Against)
		if err != nil {
			return usagef("--against: %s", err)
		}
		defer file.Close()
		o.Copy = file
		if c.Filter != "" {
			if o.CopyFilter, err = auditsink.ParseFilter(c.Filter); err != nil {
				return usagef("--filter: %s", err)
			}
		}
		beside, err := os.ReadFile(c.Against + ".checkpoints")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--against: %w", err)
		}
		o.Beside = checkpointsIn(beside)
	}
	return c.log(ctx, std, func(audit *journal.Journal, _ *token.Service) error {
		bar := newProgress(std, "records")
		o.Progress = bar.tell
		report, err := audit.Verify(ctx, o)
		bar.end()
		if errors.Is(err, journal.ErrPublicKey) {
			return usagef("--key: one is %s", journal.ErrPublicKey)
		}
		if bad, ok := errors.AsType[*journal.CheckpointError](err); ok {
			return c.unopened(from[bad.Kept], bad)
		}
		if err != nil {
			return err
		}
		if c.Against != "" && report.Copied == 0 && report.Records > 0 {
			return fmt.Errorf("--against: %s holds no record of this audit log", c.Against)
		}
		return c.print(std, report)
	})
}

// openFile opens what is not a folder, which opens as well and cannot be read.
func openFile(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("read %s: is a directory", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// unopened says why a checkpoint in a file proves nothing.
func (c auditVerifyCommand) unopened(path string, bad *journal.CheckpointError) error {
	switch {
	case !bad.Unknown:
		return fmt.Errorf("--checkpoint: %s holds no checkpoint of an audit log: %w", path, bad)
	case len(c.Key) > 0:
		return fmt.Errorf("--checkpoint: %s is signed with none of the keys that --key gives", path)
	}
	return fmt.Errorf("--checkpoint: %s is signed with no key that the database names: give the key that you wrote down with --key", path)
}

// checkpointsIn returns the checkpoints in a file: one, as audit checkpoint prints
// it, or one a line, as a sink keeps them. A line that is none was cut short.
func checkpointsIn(text []byte) []string {
	if len(text) > 0 && text[0] != '{' && text[0] != '\n' {
		return []string{string(text)}
	}
	var notes []string
	for line := range bytes.Lines(text) {
		if c, err := auditsink.ParseCheckpoint(line); err == nil {
			notes = append(notes, c.Note)
		}
	}
	return notes
}

func (c auditVerifyCommand) print(std streams, r journal.Report) error {
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	gap := "without a gap"
	if len(r.Lost) > 0 {
		gap = "but for those that are lost"
	}
	say("Records: %d, %s, each as the tree beside them has it.", r.Records, gap)
	if r.Signed > 0 {
		say("Checkpoints: %d, the last over record %d, each over these records and signed with one of:", r.Checkpoints, r.Signed)
		for _, key := range r.Keys {
			say("  %s", key)
		}
	}
	if c.Against != "" {
		say("Records in %s: %d, each the same, and none left out between the first and the last; lines that are no records: %d.",
			c.Against, r.Copied, r.Foreign)
	}
	if r.Stubs > 0 {
		say("Of those, stubs of records that the sink refused, each with the leaf hash of its record: %d.", r.Stubs)
	}
	for _, lost := range r.Lost {
		say("Lost: records %d to %d, when the database went back in time; found at %s, and recorded since.", lost.From, lost.To, lost.At.Format(time.RFC3339))
		if c.Against != "" {
			say("Of those, %s has %d.", c.Against, lost.Copied)
		}
		if lost.Signed > 0 {
			say("Up to record %d each is in %s as it was signed: a checkpoint that was kept covers them, and nothing of that is lost.", lost.Signed, c.Against)
		}
	}
	if r.Mapped > 0 {
		say("Of the records in %s, in OCSF: %d. Each was made of the record that is in the database (the leaf hash is the same); the rest of its text was not compared.", c.Against, r.Mapped)
	}
	say("")
	say("What this does not show:")
	say("- what was never recorded, and what somebody who can write the database had recorded: it is sealed as if a server had written it")
	if len(r.Lost) > 0 && len(c.Checkpoint) == 0 {
		say("- that what is lost was lost by mishap, and not cut off by who can write the database:" +
			" compare with a checkpoint that was kept elsewhere, with --checkpoint")
	}
	if len(c.Key) == 0 {
		say("- that the keys are yours: the database names them, and who can write it can have signed with their own;" +
			" give those that you wrote down with --key")
	}
	if c.Against == "" && len(c.Checkpoint) == 0 {
		say("- that the end was not cut off after some checkpoint, by who can write the database:" +
			" compare with what is kept elsewhere, a sink's file with --against or a checkpoint with --checkpoint")
	}
	_, err := fmt.Fprint(std.out, text.String())
	return err
}

type auditCheckpointCommand struct{ databaseFlag }

// Run prints the newest checkpoint.
func (c auditCheckpointCommand) Run(ctx context.Context, std streams) error {
	return c.log(ctx, std, func(audit *journal.Journal, _ *token.Service) error {
		signed, err := audit.LastCheckpoint(ctx)
		if errors.Is(err, journal.ErrNotFound) {
			return errors.New("there is no checkpoint yet: a server makes them")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(std.out, signed)
		return err
	})
}

type auditKeysCommand struct{ databaseFlag }

// Run prints a public key a line, the oldest first.
func (c auditKeysCommand) Run(ctx context.Context, std streams) error {
	return c.log(ctx, std, func(audit *journal.Journal, _ *token.Service) error {
		keys, err := audit.PublicKeys(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if _, err := fmt.Fprintln(std.out, key); err != nil {
				return err
			}
		}
		return nil
	})
}

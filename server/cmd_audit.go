package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token"
)

type auditCommands struct {
	Tail       auditTailCommand       `cmd:"" help:"Print the end of the audit log, of all workspaces."`
	Export     auditExportCommand     `cmd:"" help:"Print the audit log, oldest first."`
	Verify     auditVerifyCommand     `cmd:"" help:"See that the audit log is what was sealed."`
	Sinks      auditSinksCommand      `cmd:"" help:"List the audit sinks and how far they have come."`
	Checkpoint auditCheckpointCommand `cmd:"" help:"Print the newest signed checkpoint, to be kept elsewhere."`
	Certify    auditCertifyCommand    `cmd:"" help:"See whether a sink keeps the contract, by delivering made-up records to a destination for tests."`
	Keys       auditKeysCommand       `cmd:"" help:"Print the public keys that checkpoints are signed with, to be kept elsewhere."`
}

// exportBatch is how many records are held at once.
const exportBatch = 500

// log calls fn with the audit log of a database that has one.
func (f databaseFlag) log(ctx context.Context, std streams, fn func(*journal.Journal, *token.Service) error) (err error) {
	db, err := f.open(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := current(ctx, db); err != nil {
		return err
	}
	audit := journal.New(journal.Options{Database: db})
	if err := fn(audit, token.New(token.Options{Database: db, Journal: audit})); err != nil {
		return err
	}
	unsealed, err := audit.Backlog(ctx)
	if err == nil && unsealed.Age > journal.MaxLag {
		std.note("Not sealed, and so not shown, verified or delivered: records %d, the oldest from %s ago. A server seals them: see its log.",
			unsealed.Entries, unsealed.Age.Round(time.Second))
	}
	return err
}

type auditTailCommand struct {
	databaseFlag
	jsonFlag

	Lines  lineCount `short:"n" default:"10" help:"How many records. Default: 10."`
	Follow bool      `short:"f" help:"Go on with what is sealed from now on, until interrupted."`
}

// lineCount is a number of lines.
type lineCount int64

// Decode reads one. What begins with a hyphen is taken for the value, too, and not
// for another flag: it may be a number.
func (n *lineCount) Decode(d *kong.DecodeContext) error {
	value, err := strconv.ParseInt(d.Scan.Pop().String(), 10, 64)
	if err != nil || value < 0 {
		return errors.New("must be a number, 0 or more")
	}
	*n = lineCount(value)
	return nil
}

// followEvery is how soon a new record is seen.
const followEvery = 500 * time.Millisecond

// Run prints the last records, and those that follow.
func (c auditTailCommand) Run(ctx context.Context, std streams) error {
	return c.log(ctx, std, func(audit *journal.Journal, _ *token.Service) error {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		head, err := audit.Head(ctx)
		if err != nil {
			return err
		}
		last, err := c.print(ctx, std.out, audit, max(0, head-int64(c.Lines)))
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for err == nil && c.Follow {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				last, err = c.print(ctx, std.out, audit, last)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
}

// print prints what there is after a sequence, and returns the last that it
// printed.
func (c auditTailCommand) print(ctx context.Context, out io.Writer, audit *journal.Journal, after int64) (int64, error) {
	for {
		records, err := audit.Read(ctx, after, exportBatch)
		if err != nil || len(records) == 0 {
			return after, err
		}
		if c.JSON {
			_, err = out.Write(auditsink.AppendLines(nil, records))
		} else {
			err = printRecords(out, records)
		}
		if err != nil {
			return after, err
		}
		after = records[len(records)-1].Seq
	}
}

func printRecords(out io.Writer, records []auditsink.Record) error {
	rows := make([][]string, len(records))
	for i, r := range records {
		e, err := r.Event()
		if err != nil {
			return fmt.Errorf("read audit record %d: %w", r.Seq, err)
		}
		rows[i] = []string{
			strconv.FormatInt(r.Seq, 10), stamp(e.At), e.Workspace.Slug, e.Action, string(e.Outcome), e.Actor.Name, e.Target.Label,
		}
	}
	return printTable(out, rows)
}

type auditExportCommand struct {
	databaseFlag

	Format    string `default:"jsonl" help:"jsonl, the records as sinks receive them, or csv. Default: jsonl."`
	Workspace string `placeholder:"SLUG" help:"Only this workspace. Default: all."`
	Since     string `placeholder:"TIME" help:"Only what was at or after this time, such as 2026-11-01 or 2026-11-01T09:30:00Z."`
	Until     string `placeholder:"TIME" help:"Only what was before this time."`
}

// Run prints the sealed records of a range.
func (c auditExportCommand) Run(ctx context.Context, std streams) error {
	var err error
	format := take(&err, "--format", c.Format, oneOf("jsonl", "csv"))
	within := journal.Range{
		Since: take(&err, "--since", c.Since, parseMoment),
		Until: take(&err, "--until", c.Until, parseMoment),
	}
	if err != nil {
		return err
	}
	return c.log(ctx, std, func(audit *journal.Journal, tokens *token.Service) error {
		if c.Workspace != "" {
			by, err := commandLine(ctx, tokens, c.Workspace)
			if err != nil {
				return err
			}
			within.Workspace = &by.Workspace.ID
		}
		write := func(records []auditsink.Record) error {
			_, err := std.out.Write(auditsink.AppendLines(nil, records))
			return err
		}
		if format == "csv" {
			out := newAuditCSV(std.out)
			if err := out.head(); err != nil {
				return err
			}
			write = out.records
		}
		return export(ctx, std, audit, within, write)
	})
}

// export hands the records of a range to write, up to the head of now.
func export(ctx context.Context, std streams, audit *journal.Journal, within journal.Range, write func([]auditsink.Record) error) error {
	head, err := audit.Head(ctx)
	if err != nil {
		return err
	}
	bar := newProgress(std, "records")
	defer bar.end()
	for after := int64(0); after < head; {
		records, err := audit.Export(ctx, within, after, exportBatch)
		if err != nil {
			return err
		}
		if err := write(records); err != nil {
			return err
		}
		if len(records) < exportBatch {
			return nil
		}
		after = records[len(records)-1].Seq
		bar.tell(after, head)
	}
	return write(nil)
}

// records writes those records, and all that was written before.
func (c auditCSV) records(records []auditsink.Record) error {
	for _, r := range records {
		e, err := r.Event()
		if err != nil {
			return fmt.Errorf("read audit record %d: %w", r.Seq, err)
		}
		if err := c.row(e); err != nil {
			return err
		}
	}
	return c.flush()
}

// parseMoment reads a time, or a day for its beginning in UTC; nil for none.
func parseMoment(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no moment narrows nothing
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return &at, nil
		}
	}
	return nil, errors.New("must be a time such as 2026-11-01T09:30:00Z, or a day such as 2026-11-01")
}

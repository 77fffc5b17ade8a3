package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token"
)

type auditSinksCommand struct {
	databaseFlag
	jsonFlag

	Forget string `placeholder:"NAME" help:"Forget a sink that no server feeds any more: a sink of that name would start over."`
}

// sinkView is what is printed of a sink.
type sinkView struct {
	Name        string     `json:"name"`
	Cursor      int64      `json:"cursor"`
	Behind      int64      `json:"behind"`
	State       string     `json:"state"`
	Holder      string     `json:"holder,omitempty"`
	LagSeconds  float64    `json:"lagSeconds"`
	Quarantined int        `json:"quarantined"`
	Required    bool       `json:"required"`
	DownSince   *time.Time `json:"downSince,omitempty"`
	Problem     string     `json:"problem,omitempty"`
}

func viewOf(s journal.SinkState) sinkView {
	v := sinkView{
		Name: s.Name, Cursor: s.Cursor, Behind: s.Behind, LagSeconds: s.Lag.Seconds(), Quarantined: s.Quarantined,
		Required: s.Required, DownSince: s.DownSince, Problem: s.Problem, State: s.State(),
	}
	if s.Fed {
		v.Holder = s.Holder.String()
	}
	return v
}

// Run prints the sinks, by name.
func (c auditSinksCommand) Run(ctx context.Context, std streams) error {
	return c.log(ctx, std, func(audit *journal.Journal, _ *token.Service) error {
		if c.Forget != "" {
			return forget(ctx, std, audit, c.Forget)
		}
		states, err := audit.Sinks(ctx)
		if err != nil {
			return err
		}
		views := make([]sinkView, len(states))
		for i, s := range states {
			views[i] = viewOf(s)
		}
		if c.JSON {
			return printJSON(std.out, views)
		}
		rows := [][]string{{"NAME", "CURSOR", "BEHIND", "LAG", "QUARANTINE", "STATE", "HOLDER", "PROBLEM"}}
		for i, v := range views {
			rows = append(rows, []string{
				v.Name, strconv.FormatInt(v.Cursor, 10), strconv.FormatInt(v.Behind, 10), states[i].Lag.Round(time.Second).String(),
				strconv.Itoa(v.Quarantined), v.State, v.Holder, v.Problem,
			})
		}
		return printTable(std.out, rows)
	})
}

func forget(ctx context.Context, std streams, audit *journal.Journal, name string) error {
	switch err := audit.Forget(ctx, name); {
	case errors.Is(err, journal.ErrNotFound):
		return fmt.Errorf("there is no audit sink %q: see %s audit sinks", name, programName)
	case errors.Is(err, auditsink.ErrHeld):
		return fmt.Errorf("a server feeds the audit sink %s: take it out of its configuration first", name)
	case err != nil:
		return err
	}
	std.note("Forgotten: %s.", name)
	return nil
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// tokenPrinter prints a list of tokens page by page: a table, or a JSON array.
type tokenPrinter struct {
	out    io.Writer
	asJSON bool
	any    bool // whether something was printed
}

// page prints the next tokens.
func (p *tokenPrinter) page(tokens []tokenView) error {
	if p.asJSON {
		return p.elements(tokens)
	}
	var rows [][]string
	if !p.any {
		p.any = true
		rows = append(rows, []string{"ID", "SECRET", "STATE", "ABILITIES", "MINTED", "EXPIRES", "LAST USED", "LABEL"})
	}
	for _, t := range tokens {
		rows = append(rows, []string{
			t.ID.String(), t.Hint, string(t.State), t.abilities(), stamp(t.CreatedAt), moment(t.ExpiresAt, "never"), moment(t.LastUsedAt, "never"), t.Label,
		})
	}
	return printTable(p.out, rows)
}

func (p *tokenPrinter) elements(tokens []tokenView) error {
	for _, t := range tokens {
		text, err := json.MarshalIndent(t, "  ", "  ")
		if err != nil {
			return err
		}
		before := ",\n  "
		if !p.any {
			before, p.any = "[\n  ", true
		}
		if _, err := fmt.Fprintf(p.out, "%s%s", before, text); err != nil {
			return err
		}
	}
	return nil
}

// end finishes the list.
func (p *tokenPrinter) end() error {
	if !p.asJSON {
		return nil
	}
	after := "\n]\n"
	if !p.any {
		after = "[]\n"
	}
	_, err := io.WriteString(p.out, after)
	return err
}

package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/advice"
)

// tokenView is what is printed of a token. As JSON its fields have the names
// that GraphQL gives them.
type tokenView struct {
	ID            uuid.UUID         `json:"id"`
	Workspace     string            `json:"workspace"` // the slug
	Label         string            `json:"label"`
	Hint          string            `json:"hint"`
	Mode          enttoken.Mode     `json:"mode"`
	State         token.State       `json:"state"`
	Abilities     []ability.Ability `json:"abilities"`
	MintedBy      auditsink.Actor   `json:"mintedBy"`
	CreatedAt     time.Time         `json:"createdAt"`
	ExpiresAt     *time.Time        `json:"expiresAt"`
	LastUsedAt    *time.Time        `json:"lastUsedAt"`
	LastUsedIP    *string           `json:"lastUsedIp"`
	LastUsedAgent *string           `json:"lastUsedUserAgent"`
	RotatedFrom   *uuid.UUID        `json:"rotatedFrom"` // the ids
	RotatedTo     *uuid.UUID        `json:"rotatedTo"`
	Advice        []advice.Advice   `json:"advice"`
	RevokedAt     *time.Time        `json:"revokedAt"`
	RevokedBy     *auditsink.Actor  `json:"revokedBy"`
	RevokeReason  *string           `json:"revokeReason"`
}

// viewTokens shows some tokens of a workspace, whose grants are loaded.
func viewTokens(ctx context.Context, tokens *token.Service, workspace string, list ...*ent.Token) ([]tokenView, error) {
	advised, err := tokens.Advice(ctx, list)
	if err != nil {
		return nil, err
	}
	views := make([]tokenView, len(list))
	for i, t := range list {
		views[i] = viewToken(tokens, workspace, t)
		views[i].Advice = append(views[i].Advice, advised[t.ID]...)
	}
	return views, nil
}

// viewToken shows t without advice.
func viewToken(tokens *token.Service, workspace string, t *ent.Token) tokenView {
	view := tokenView{
		ID:            t.ID,
		Workspace:     workspace,
		Label:         t.Label,
		Hint:          token.Hint(t),
		Mode:          t.Mode,
		State:         tokens.State(t),
		Abilities:     token.Abilities(t).List(),
		MintedBy:      auditsink.Actor{Kind: t.MintedByKind, ID: t.MintedByID, Name: t.MintedByName},
		CreatedAt:     t.CreatedAt,
		ExpiresAt:     t.ExpiresAt,
		LastUsedAt:    t.LastUsedAt,
		LastUsedIP:    t.LastUsedIP,
		LastUsedAgent: t.LastUsedUserAgent,
		RotatedFrom:   t.RotatedFromID,
		RotatedTo:     t.RotatedToID,
		Advice:        []advice.Advice{}, // which viewTokens adds
		RevokedAt:     t.RevokedAt,
		RevokeReason:  t.RevokeReason,
	}
	if t.RevokedByKind != nil && t.RevokedByName != nil {
		view.RevokedBy = &auditsink.Actor{Kind: *t.RevokedByKind, ID: t.RevokedByID, Name: *t.RevokedByName}
	}
	return view
}

// print writes one token: a line a field, or JSON.
func (v tokenView) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, v)
	}
	rows := [][]string{
		{"Id", v.ID.String()},
		{"Label", v.Label},
		{"Secret", v.Hint},
		{"Workspace", v.Workspace},
		{"State", string(v.State)},
		{"Mode", string(v.Mode)},
		{"Abilities", v.abilities()},
		{"Minted", stamp(v.CreatedAt) + " by " + v.MintedBy.Name},
		{"Expires", moment(v.ExpiresAt, "never")},
		{"Last used", v.lastUsed()},
	}
	if v.RotatedFrom != nil {
		rows = append(rows, []string{"Rotated from", v.RotatedFrom.String()})
	}
	if v.RotatedTo != nil {
		rows = append(rows, []string{"Rotated to", v.RotatedTo.String()})
	}
	for _, a := range v.Advice {
		rows = append(rows, []string{"Advice", a.Message})
	}
	if v.RevokedBy != nil {
		rows = append(rows, []string{"Revoked", moment(v.RevokedAt, "") + " by " + v.RevokedBy.Name})
	}
	if v.RevokeReason != nil {
		rows = append(rows, []string{"Reason", *v.RevokeReason})
	}
	return printTable(out, rows)
}

// lastUsed is when, where from and by what program, as far as that is known.
func (v tokenView) lastUsed() string {
	text := moment(v.LastUsedAt, "never")
	if v.LastUsedIP != nil {
		text += " from " + *v.LastUsedIP
	}
	if v.LastUsedAgent != nil {
		text += " by " + strconv.QuoteToGraphic(*v.LastUsedAgent)
	}
	return text
}

func (v tokenView) abilities() string {
	names := make([]string, len(v.Abilities))
	for i, a := range v.Abilities {
		names[i] = string(a)
	}
	return strings.Join(names, " ")
}

package token

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/predicate"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// maxIdempotencyKey is how many bytes an idempotency key may have.
const maxIdempotencyKey = 255

// MintInput is what is asked of a new token.
type MintInput struct {
	Label     string // 1 to 100 characters after trimming
	Abilities []ability.Ability
	Mode      enttoken.Mode
	ExpiresAt *time.Time // nil for never
	// IdempotencyKey makes a repeated call harmless: the same caller's same
	// key returns the token that was minted first. Empty for none.
	IdempotencyKey string
}

// Minted is a new token with its secret, which is never to be had again.
type Minted struct {
	Token *ent.Token
	// Secret is nil when an idempotency key was replayed.
	Secret *bearer.Secret
}

// Mint makes a token in the caller's workspace. Only full access mints, so that
// no token ever grants more than its minter holds, and a test-mode token mints
// test-mode tokens only.
//
// It reports [LimitError] when the plan allows no more, [ErrConflict] when the
// idempotency key came before with another input, [InputError] and
// [ForbiddenError].
func (s *Service) Mint(ctx context.Context, by Caller, in MintInput) (Minted, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionMint); err != nil {
		return Minted{}, err
	}
	if err := s.auditable(ctx); err != nil {
		return Minted{}, err
	}
	if by.TestOnly && in.Mode != enttoken.ModeTEST {
		return Minted{}, s.refuse(ctx, by, auditsink.ActionMint,
			&ForbiddenError{Reason: "a test-mode token mints test-mode tokens only"})
	}
	in, err := in.clean(s.now())
	if err != nil {
		return Minted{}, err
	}
	draft, err := s.draft(by, in)
	if err != nil {
		return Minted{}, err
	}
	var minted Minted
	err = s.act(ctx, by, auditsink.ActionMint, func(ctx context.Context, tx *ent.Tx) error {
		minted, err = draft.save(ctx, tx, s)
		return err
	})
	if err != nil {
		return Minted{}, fmt.Errorf("mint a token: %w", err)
	}
	return minted, nil
}

// clean trims and checks the input.
func (in MintInput) clean(now time.Time) (MintInput, error) {
	var err error
	if in.Label, err = cleanLabel(in.Label); err != nil {
		return in, err
	}
	if in.Abilities, err = cleanAbilities(in.Abilities); err != nil {
		return in, err
	}
	if enttoken.ModeValidator(in.Mode) != nil {
		return in, &InputError{Field: "mode", Reason: "must be LIVE or TEST"}
	}
	if in.ExpiresAt != nil {
		at := in.ExpiresAt.UTC().Truncate(time.Microsecond)
		if !at.After(now) {
			return in, &InputError{Field: "expiresAt", Reason: "must be in the future", Fault: FaultPast}
		}
		if at.Year() > 9999 {
			return in, &InputError{Field: "expiresAt", Reason: "must be before the year 10000"}
		}
		in.ExpiresAt = &at
	}
	if len(in.IdempotencyKey) > maxIdempotencyKey {
		return in, &InputError{Field: "idempotencyKey", Reason: fmt.Sprintf("must have at most %d bytes", maxIdempotencyKey)}
	}
	return in, nil
}

// cleanAbilities sorts and checks what a token is to be granted.
func cleanAbilities(abilities []ability.Ability) ([]ability.Ability, error) {
	if len(abilities) == 0 {
		return nil, &InputError{Field: "abilities", Reason: "must name at least one ability", Fault: FaultEmpty}
	}
	for _, a := range abilities {
		if !a.Valid() {
			return nil, &InputError{Field: "abilities", Reason: "holds an unknown ability"}
		}
	}
	return ability.Of(abilities...).List(), nil
}

// draft is a token before it is saved. Its id and secret are drawn outside the
// transaction, so that a second attempt at the transaction saves the same one.
type draft struct {
	by     Caller
	in     MintInput
	id     uuid.UUID
	at     time.Time
	secret bearer.Secret
	// key finds an earlier mint of the same caller with the same key, asked
	// is what was asked for then. Both are nil without a key. They are
	// digests because a key may be anything, a secret included.
	key, asked []byte
	// from is whose successor the token is, and pending that its first use
	// is awaited; nil for one that is minted.
	from    *uuid.UUID
	pending bool
	tries   int
}

func (s *Service) draft(by Caller, in MintInput) (*draft, error) {
	kind := bearer.Live
	if in.Mode == enttoken.ModeTEST {
		kind = bearer.Test
	}
	secret, err := bearer.New(kind, s.rand)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	d := &draft{by: by, in: in, id: id, at: s.now(), secret: secret}
	if in.IdempotencyKey != "" {
		d.key = digest(by.Workspace.ID, by.Actor, in.IdempotencyKey)
		d.asked = digest(in)
	}
	return d, nil
}

// digest is the SHA-256 of the parts as JSON, which keeps them apart.
func digest(parts ...any) []byte {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings, times and UUIDs: cannot fail
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

func (d *draft) save(ctx context.Context, tx *ent.Tx, s *Service) (Minted, error) {
	d.tries++
	if d.tries > 1 {
		// The first attempt may have been committed and only its answer lost.
		if t, err := d.find(ctx, tx, enttoken.ID(d.id)); !ent.IsNotFound(err) {
			return Minted{t, &d.secret}, err
		}
	}
	// Locking the workspace puts its mints in a row, without which two of
	// them could both take the last place of a plan or the same key.
	home, err := s.lockWorkspace(ctx, tx, d.by.Workspace.ID)
	if err != nil {
		return Minted{}, err
	}
	if d.key != nil {
		earlier, err := d.find(ctx, tx, enttoken.IdempotencyKey(d.key))
		switch {
		case err == nil && string(*earlier.IdempotencyInput) == string(d.asked):
			return Minted{Token: earlier}, nil
		case err == nil:
			return Minted{}, ErrConflict
		case !ent.IsNotFound(err):
			return Minted{}, err
		}
	}
	if err := s.room(ctx, tx, home, d.at); err != nil {
		return Minted{}, err
	}
	if err := d.insert(ctx, tx); err != nil {
		return Minted{}, err
	}
	t, err := d.find(ctx, tx, enttoken.ID(d.id))
	if err != nil {
		return Minted{}, err
	}
	return Minted{t, &d.secret}, journal.Append(ctx, tx, d.event(t))
}

func (d *draft) find(ctx context.Context, tx *ent.Tx, where predicate.Token) (*ent.Token, error) {
	return tx.Token.Query().Where(where).WithGrants().WithWorkspace().Only(ctx)
}

func (d *draft) insert(ctx context.Context, tx *ent.Tx) error {
	hash := d.secret.Hash()
	create := tx.Token.Create().
		SetID(d.id).
		SetWorkspaceID(d.by.Workspace.ID).
		SetLabel(d.in.Label).
		SetLabelKey(labelKey(d.in.Label)).
		SetSecretHash(hash[:]).
		SetSecretTail(d.secret.Tail()).
		SetMode(d.in.Mode).
		SetCreatedAt(d.at).
		SetNillableExpiresAt(d.in.ExpiresAt).
		SetNillableDueAt(d.in.ExpiresAt).
		SetNillableRotatedFromID(d.from).
		SetPending(d.pending).
		SetMintedByKind(d.by.Actor.Kind).
		SetNillableMintedByID(d.by.Actor.ID).
		SetMintedByName(d.by.Actor.Name)
	if d.key != nil {
		create.SetIdempotencyKey(d.key).SetIdempotencyInput(d.asked)
	}
	if err := create.Exec(ctx); err != nil {
		return err
	}
	grants := make([]*ent.GrantCreate, len(d.in.Abilities))
	for i, a := range d.in.Abilities {
		grants[i] = tx.Grant.Create().SetTokenID(d.id).SetAbility(a)
	}
	return tx.Grant.CreateBulk(grants...).Exec(ctx)
}

func (d *draft) event(t *ent.Token) auditsink.Event {
	event := d.by.tokenEvent(auditsink.ActionMint, d.at, t)
	event.Changes = map[string][2]any{
		"abilities": {nil, d.in.Abilities},
		"mode":      {nil, d.in.Mode},
		"state":     {nil, StateActive},
	}
	if d.in.ExpiresAt != nil {
		event.Changes["expiresAt"] = [2]any{nil, d.in.ExpiresAt}
	}
	return event
}

// room reports a [LimitError] if the plan of the workspace allows no more
// tokens.
func (s *Service) room(ctx context.Context, tx *ent.Tx, home *ent.Workspace, now time.Time) error {
	limit := s.plans[home.Plan].Tokens
	if limit == 0 {
		return nil
	}
	// At least half of those that are alive count, so that more need not be
	// read than twice the limit.
	living, err := tx.Token.Query().
		Where(enttoken.WorkspaceID(home.ID), alive(now)).
		Select(enttoken.FieldID, enttoken.FieldRotatedFromID, enttoken.FieldRotatedToID).
		Limit(2 * limit).All(ctx)
	if err != nil {
		return err
	}
	if counted(living) >= limit {
		return &LimitError{string(home.Plan), limit}
	}
	return nil
}

// counted is how many of the living tokens of a workspace a plan's limit is
// about. One whose successor lives too is none of them: the two count as one. But
// a third in their chain counts, or a plan would have no limit.
func counted(living []*ent.Token) (n int) {
	lives := make(map[uuid.UUID]bool, len(living))
	for _, t := range living {
		lives[t.ID] = true
	}
	for _, t := range living {
		hasNext := t.RotatedToID != nil && lives[*t.RotatedToID]
		hasLast := t.RotatedFromID != nil && lives[*t.RotatedFromID]
		if !hasNext || hasLast {
			n++
		}
	}
	return n
}

// lockRows tells whether reading a row in a transaction needs a lock to keep it
// as it is. SQLite has one writer, needs none and knows none.
func (s *Service) lockRows() bool { return s.db.Dialect() == dialect.MySQL }

// lockWorkspace reads the workspace and holds it until the transaction ends.
func (s *Service) lockWorkspace(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Workspace, error) {
	query := tx.Workspace.Query().Where(workspace.ID(id))
	if s.lockRows() {
		query.ForUpdate()
	}
	return query.Only(ctx)
}

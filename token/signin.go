package token

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/signincode"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// SignInCodeLife is how long a one-time link signs in.
const SignInCodeLife = 15 * time.Minute

const maxEmail = 254 // bytes, RFC 5321 section 4.5.3.1.3

// cleanEmail lowers and checks an e-mail address. It is a name to find an
// operator by: nothing is ever sent to it.
func cleanEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > maxEmail {
		return "", &InputError{Field: "email", Reason: "must be an e-mail address such as ana@example.com"}
	}
	return email, nil
}

// SignInCode makes a code that signs the operator with that e-mail address in
// to the workspace, once, within [SignInCodeLife]. It reports [ErrNotFound] if
// there is no such operator.
func (s *Service) SignInCode(ctx context.Context, slug, email string) (bearer.Secret, error) {
	email, err := cleanEmail(email)
	if err != nil {
		return bearer.Secret{}, err
	}
	found, err := s.db.Client().Operator.Query().
		Where(
			operator.Email(email),
			operator.RemovedAtIsNil(),
			operator.HasWorkspaceWith(workspace.Slug(slug)),
		).
		Only(ctx)
	if ent.IsNotFound(err) {
		return bearer.Secret{}, fmt.Errorf("operator %q in workspace %q: %w", email, slug, ErrNotFound)
	}
	if err != nil {
		return bearer.Secret{}, fmt.Errorf("find an operator: %w", err)
	}
	code, err := bearer.New(bearer.SignIn, s.rand)
	if err != nil {
		return bearer.Secret{}, err
	}
	hash, now := code.Hash(), s.now()
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		// What has expired opens nothing: it goes when the next one is made.
		if _, err := tx.SignInCode.Delete().Where(signincode.ExpiresAtLT(now)).Exec(ctx); err != nil {
			return err
		}
		return tx.SignInCode.Create().
			SetSecretHash(hash[:]).SetOperatorID(found.ID).
			SetCreatedAt(now).SetExpiresAt(now.Add(SignInCodeLife)).
			OnConflict().DoNothing(). // a second attempt after a lost answer
			Exec(ctx)
	})
	if err != nil {
		return bearer.Secret{}, fmt.Errorf("make a sign-in code: %w", err)
	}
	return code, nil
}

// SignIn exchanges a code for a session. A code that was used, has expired or
// never was is [ErrUnauthenticated]; the first two are recorded.
func (s *Service) SignIn(ctx context.Context, code bearer.Secret, from Origin) (bearer.Secret, error) {
	if code.Kind() != bearer.SignIn {
		return bearer.Secret{}, ErrUnauthenticated
	}
	secret, err := bearer.New(bearer.Session, s.rand)
	if err != nil {
		return bearer.Secret{}, err
	}
	var used *auditsink.Event // the attempt with a code that is spent
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		used, err = s.signIn(ctx, tx, code, secret, from)
		return err
	})
	if err != nil {
		return bearer.Secret{}, fmt.Errorf("sign in: %w", err)
	}
	if used != nil {
		if err := s.journal.Refuse(ctx, *used); err != nil {
			return bearer.Secret{}, fmt.Errorf("record a refusal: %w", err)
		}
		return bearer.Secret{}, ErrUnauthenticated
	}
	s.journal.Wake()
	return secret, nil
}

// signIn spends the code and starts a session. It returns the event of a
// refused attempt if the code is spent already.
func (s *Service) signIn(ctx context.Context, tx *ent.Tx, code, secret bearer.Secret, from Origin) (*auditsink.Event, error) {
	codeHash, hash, now := code.Hash(), secret.Hash(), s.now()
	found, err := tx.SignInCode.Query().
		Where(signincode.SecretHash(codeHash[:]), signincode.HasOperatorWith(operator.RemovedAtIsNil())).
		WithOperator(func(q *ent.OperatorQuery) { q.WithWorkspace() }).
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, err
	}
	// The lock keeps the operator from being removed before they are in.
	who, err := s.lockOperator(ctx, tx, operator.ID(found.OperatorID))
	if err != nil {
		return nil, err
	}
	if who.RemovedAt != nil {
		return nil, ErrUnauthenticated
	}
	who.Edges.Workspace = found.Edges.Operator.Edges.Workspace
	// Of two that come with one code at once, the update lets one through.
	spent, err := tx.SignInCode.Update().
		Where(signincode.ID(found.ID), signincode.UsedAtIsNil(), signincode.ExpiresAtGT(now)).
		SetUsedAt(now).
		Save(ctx)
	if err != nil {
		return nil, err
	}
	if spent == 0 {
		// Spent by an earlier attempt at this very transaction, perhaps.
		if mine, err := tx.Session.Query().Where(session.SecretHash(hash[:])).Exist(ctx); mine || err != nil {
			return nil, err
		}
		by := Caller{Origin: from, Actor: operatorActor(who), Workspace: recordWorkspace(who.Edges.Workspace)}
		event := by.operatorEvent(auditsink.ActionSignIn, now, who)
		event.Outcome = auditsink.Refused
		event.Changes = map[string][2]any{"reason": {nil, "the sign-in link was used or has expired"}}
		return &event, nil
	}
	_, err = s.start(ctx, tx, newSession{
		hash: hash, operator: who, role: who.Role, way: session.WayLINK, ends: now.Add(SessionLife), from: from,
	})
	return nil, err
}

func roleAbilities(role session.Role) ability.Set {
	if role == session.RoleADMIN {
		return ability.Of(ability.FullAccess)
	}
	return ability.Of(ability.Read)
}

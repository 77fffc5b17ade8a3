package token

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/signincode"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

// How long what signs an operator in lasts.
const (
	SignInCodeLife = 15 * time.Minute
	SessionLife    = 12 * time.Hour
)

const maxEmail = 254 // bytes, RFC 5321 section 4.5.3.1.3

// cleanEmail lowers and checks an e-mail address. It is a name to find an
// operator by: nothing is ever sent to it.
func cleanEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > maxEmail {
		return "", &InputError{"email", "must be an e-mail address such as ana@example.com"}
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
		if _, err := tx.Session.Delete().Where(session.ExpiresAtLT(now)).Exec(ctx); err != nil {
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
	who := found.Edges.Operator
	by := Caller{Origin: from, Actor: operatorActor(who), Workspace: recordWorkspace(who.Edges.Workspace)}
	event := by.event(auditsink.ActionSignIn, now)
	event.Target = auditsink.Target{Type: "Operator", ID: &who.ID, Label: who.Email}

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
		event.Outcome = auditsink.Refused
		event.Changes = map[string][2]any{"reason": {nil, "the sign-in link was used or has expired"}}
		return &event, nil
	}
	err = tx.Session.Create().
		SetSecretHash(hash[:]).SetOperatorID(who.ID).
		SetCreatedAt(now).SetExpiresAt(now.Add(SessionLife)).
		Exec(ctx)
	if err != nil {
		return nil, err
	}
	return nil, journal.Append(ctx, tx, event)
}

// SignOut ends the session that the caller came with, everywhere, as Revoke ends
// a token. For a caller without one it does nothing.
func (s *Service) SignOut(ctx context.Context, by Caller) error {
	if by.Session == uuid.Nil {
		return nil
	}
	var n int64
	now := s.now()
	err := s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		ended, err := tx.Session.Update().
			Where(session.ID(by.Session), session.EndedAtIsNil()).
			SetEndedAt(now).
			Save(ctx)
		if err != nil {
			return err
		}
		if ended == 0 { // long ago, or by an earlier attempt at this
			n, err = feed.Last(ctx, tx)
			return err
		}
		n, err = feed.Announce(ctx, tx, feed.SessionEnded, by.Session, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	_, err = s.settle(ctx, feed.Change{N: n, Kind: feed.SessionEnded, Subject: by.Session}, now)
	return err
}

func operatorActor(o *ent.Operator) auditsink.Actor {
	return auditsink.Actor{Kind: auditsink.Operator, ID: &o.ID, Name: o.Email}
}

func roleAbilities(role operator.Role) ability.Set {
	if role == operator.RoleADMIN {
		return ability.Of(ability.FullAccess)
	}
	return ability.Of(ability.Read)
}

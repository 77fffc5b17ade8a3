package token

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/predicate"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/signincode"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

const maxOperatorName = 100 // characters

// AddOperator makes the person with that e-mail address an operator of the
// caller's workspace. An empty name is the address. Who was removed is added
// again as the same operator. It reports [ErrExists] for an operator who is one
// already, [InputError] and [ForbiddenError].
func (s *Service) AddOperator(ctx context.Context, by Caller, email, name string, role operator.Role) (*ent.Operator, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionAdd); err != nil {
		return nil, err
	}
	email, name, err := cleanPerson(email, name)
	if err != nil {
		return nil, err
	}
	if operator.RoleValidator(role) != nil {
		return nil, &InputError{Field: "role", Reason: "must be ADMIN or MEMBER"}
	}
	var added *ent.Operator
	err = s.act(ctx, by, auditsink.ActionAdd, func(ctx context.Context, tx *ent.Tx) error {
		added, err = s.addOperator(ctx, tx, by, email, name, role)
		return err
	})
	if ent.IsConstraintError(err) {
		err = ErrExists // another was faster
	}
	if err != nil {
		return nil, fmt.Errorf("add operator %q: %w", email, err)
	}
	return added, nil
}

func (s *Service) addOperator(ctx context.Context, tx *ent.Tx, by Caller, email, name string, role operator.Role) (*ent.Operator, error) {
	now := s.now()
	before, err := s.lockOperator(ctx, tx, operator.WorkspaceID(by.Workspace.ID), operator.Email(email))
	var added *ent.Operator
	switch {
	case ent.IsNotFound(err):
		added, err = tx.Operator.Create().
			SetWorkspaceID(by.Workspace.ID).SetEmail(email).SetName(name).SetRole(role).SetCreatedAt(now).
			Save(ctx)
	case err == nil && before.RemovedAt == nil:
		return nil, ErrExists
	case err == nil:
		added, err = tx.Operator.UpdateOne(before).SetName(name).SetRole(role).ClearRemovedAt().Save(ctx)
	}
	if err != nil {
		return nil, err
	}
	event := by.operatorEvent(auditsink.ActionAdd, now, added)
	event.Changes = map[string][2]any{"role": {nil, role}}
	return added, journal.Append(ctx, tx, event)
}

// RemovedOperator is an operator who is one no more.
type RemovedOperator struct {
	Operator *ent.Operator
	// Tokens are those that the operator minted and that still work, oldest
	// first, with their grants: somebody else may know their secrets now, and
	// nobody may know what uses them.
	Tokens  []*ent.Token
	Receipt Receipt
}

// RemoveOperator takes the operator with that e-mail address out of the caller's
// workspace. When it returns, the operator's sessions have ended everywhere, and
// their requests with them, as with [Service.Revoke]. Tokens that the operator
// minted go on: they are the workspace's. Removing again changes nothing.
//
// It reports [ErrNotFound] for who never was an operator of the workspace,
// [ErrLastAdmin] for its only admin, [InputError], [ForbiddenError], and [ErrUnavailable] as Revoke does.
func (s *Service) RemoveOperator(ctx context.Context, by Caller, email string) (RemovedOperator, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionRemove); err != nil {
		return RemovedOperator{}, err
	}
	email, err := cleanEmail(email)
	if err != nil {
		return RemovedOperator{}, err
	}
	var gone *ent.Operator
	var n int64
	err = s.act(ctx, by, auditsink.ActionRemove, func(ctx context.Context, tx *ent.Tx) error {
		gone, n, err = s.removeOperator(ctx, tx, by, email)
		return err
	})
	if err != nil {
		return RemovedOperator{}, fmt.Errorf("remove operator %q: %w", email, err)
	}
	receipt, err := s.settle(ctx, *gone.RemovedAt, feed.Change{N: n, Kind: feed.OperatorRemoved, Subject: gone.ID})
	if err != nil {
		return RemovedOperator{}, fmt.Errorf("remove operator %q: %w", email, err)
	}
	tokens, err := s.db.Client().Token.Query().
		Where(enttoken.WorkspaceID(gone.WorkspaceID), enttoken.MintedByID(gone.ID), alive(s.now())).
		WithGrants().
		Order(enttoken.ByID()).
		All(ctx)
	if err != nil {
		return RemovedOperator{}, fmt.Errorf("list what operator %q minted: %w", email, err)
	}
	return RemovedOperator{gone, tokens, receipt}, nil
}

// removeOperator returns the operator, and the number of the change that they
// are removed by at the latest.
func (s *Service) removeOperator(ctx context.Context, tx *ent.Tx, by Caller, email string) (*ent.Operator, int64, error) {
	// Two admins who are removed at once must not both count on the other.
	if _, err := s.lockWorkspace(ctx, tx, by.Workspace.ID); err != nil {
		return nil, 0, err
	}
	gone, err := s.lockOperator(ctx, tx, operator.WorkspaceID(by.Workspace.ID), operator.Email(email))
	if ent.IsNotFound(err) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	if gone.RemovedAt != nil {
		n, err := feed.Last(ctx, tx)
		return gone, n, err
	}
	if err := s.othersAdminister(ctx, tx, gone); err != nil {
		return nil, 0, err
	}
	now := s.now()
	if gone, err = tx.Operator.UpdateOne(gone).SetRemovedAt(now).Save(ctx); err != nil {
		return nil, 0, err
	}
	if _, err := tx.SignInCode.Delete().Where(signincode.OperatorID(gone.ID)).Exec(ctx); err != nil {
		return nil, 0, err
	}
	// The sessions end by themselves with their operator. Ending them here
	// waits for the changes that are being made with them.
	err = tx.Session.Update().Where(session.OperatorID(gone.ID), session.EndedAtIsNil()).SetEndedAt(now).Exec(ctx)
	if err != nil {
		return nil, 0, err
	}
	n, err := feed.Announce(ctx, tx, feed.OperatorRemoved, gone.ID, now)
	if err != nil {
		return nil, 0, err
	}
	event := by.operatorEvent(auditsink.ActionRemove, now, gone)
	event.Changes = map[string][2]any{"role": {gone.Role, nil}}
	return gone, n, journal.Append(ctx, tx, event)
}

// othersAdminister reports [ErrLastAdmin] if the workspace has no admin but o.
func (s *Service) othersAdminister(ctx context.Context, tx *ent.Tx, o *ent.Operator) error {
	if o.Role != operator.RoleADMIN {
		return nil
	}
	others, err := tx.Operator.Query().
		Where(operator.WorkspaceID(o.WorkspaceID), operator.RoleEQ(operator.RoleADMIN), operator.RemovedAtIsNil(), operator.IDNEQ(o.ID)).
		Exist(ctx)
	if err == nil && !others {
		err = ErrLastAdmin
	}
	return err
}

// Operators returns the operators of the caller's workspace by e-mail address,
// those who were removed included.
func (s *Service) Operators(ctx context.Context, by Caller) ([]*ent.Operator, error) {
	if err := s.Can(ctx, by, ability.FullAccess, "operators"); err != nil {
		return nil, err
	}
	return s.db.Client().Operator.Query().
		Where(operator.WorkspaceID(by.Workspace.ID)).
		Order(operator.ByEmail()).
		All(ctx)
}

// lockOperator reads an operator and holds it until the transaction ends, so
// that nobody is removed while they are let in.
func (s *Service) lockOperator(ctx context.Context, tx *ent.Tx, where ...predicate.Operator) (*ent.Operator, error) {
	query := tx.Operator.Query().Where(where...)
	if s.lockRows() {
		query.ForUpdate()
	}
	return query.Only(ctx)
}

// operatorEvent is the record of something that was done to an operator, or by
// one to themself.
func (c Caller) operatorEvent(action string, at time.Time, o *ent.Operator) auditsink.Event {
	event := c.event(action, at)
	event.Target = auditsink.Target{Type: "Operator", ID: &o.ID, Label: o.Email}
	return event
}

func operatorActor(o *ent.Operator) auditsink.Actor {
	return auditsink.Actor{Kind: auditsink.Operator, ID: &o.ID, Name: o.Email}
}

// cleanPerson checks an e-mail address and a name, which is the address if empty.
func cleanPerson(email, name string) (string, string, error) {
	email, err := cleanEmail(email)
	if err != nil {
		return "", "", err
	}
	if name, err = cleanText("name", name, 0, maxOperatorName); err != nil {
		return "", "", err
	}
	return email, cmp.Or(name, email), nil
}

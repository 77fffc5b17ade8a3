package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/predicate"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/bearer"
)

const (
	maxSubject = 255 // bytes of what others call a person
	// maxPlaces is how many workspaces others may name for one person.
	maxPlaces = 100
)

// Person is somebody whom another party vouches for: the provider that they
// signed in with, or the host application. An operator is known by e-mail
// address, so whoever vouches must know that it is theirs.
type Person struct {
	Email   string
	Name    string // empty for none
	Subject string // what whoever vouches calls them, for the audit log
	// Roles are the roles that whoever vouches gives them, by the slug of
	// the workspace: there they become operators if they are not. If it is
	// nil, they are let in where they were added, with the role of that.
	Roles map[string]operator.Role
}

// Entry is what lets a person in.
type Entry struct {
	Person
	Way       session.Way
	Workspace string    // the one that is asked for; empty for whichever there is
	Ends      time.Time // when the session does, at the latest
	From      Origin
}

// Entered is a session that was begun for somebody.
type Entered struct {
	Secret  bearer.Secret
	Session *ent.Session // with its operator, who has their workspace
}

// LetIn begins a session for a person whom another party vouches for. It reports
// [InputError], and [ForbiddenError] for whom there is no workspace: they were
// added to none, those that were named do not exist, or they were removed.
func (s *Service) LetIn(ctx context.Context, a Entry) (Entered, error) {
	secret, err := bearer.New(bearer.Session, s.rand)
	if err != nil {
		return Entered{}, err
	}
	made, err := s.letIn(ctx, a, secret.Hash())
	if err != nil {
		return Entered{}, fmt.Errorf("let a person in: %w", err)
	}
	return Entered{secret, made}, nil
}

// AuthenticateSigned says who comes with a credential that another party signed,
// such as a JSON Web Token, and that was found to be good until a.Ends. Signed is
// what the signature is over: the signature itself, of which one can make others
// that are as good, is no part of it. The credential is a session from its first
// use on, which is recorded and can be ended as any other.
func (s *Service) AuthenticateSigned(ctx context.Context, signed []byte, a Entry) (Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	hash := signedHash(signed)
	found, err := s.sessionOf(ctx, hash)
	if ent.IsNotFound(err) {
		if found, err = s.letIn(ctx, a, hash); ent.IsConstraintError(err) {
			found, err = s.sessionOf(ctx, hash) // another request was faster
		}
	}
	var forbidden *ForbiddenError
	var input *InputError
	switch {
	case errors.As(err, &forbidden), errors.As(err, &input):
		return Caller{}, err
	case err != nil:
		return Caller{}, unavailable("look up a session", err)
	case !s.isOpen(found):
		return Caller{}, ErrUnauthenticated
	}
	return s.sessionCaller(found, a.From), nil
}

// signedHash keeps what others signed apart from our own secrets.
func signedHash(signed []byte) bearer.Hash {
	return bearer.Hash(digest("signed", string(signed)))
}

// sessionOf returns the session with that hash whatever its state.
func (s *Service) sessionOf(ctx context.Context, hash bearer.Hash) (*ent.Session, error) {
	return s.db.Client().Session.Query().
		Where(session.SecretHash(hash[:])).
		WithOperator(func(q *ent.OperatorQuery) { q.WithWorkspace() }).
		Only(ctx)
}

func (s *Service) isOpen(found *ent.Session) bool {
	return found.EndedAt == nil && found.ExpiresAt.After(s.now()) && found.Edges.Operator.RemovedAt == nil
}

// letIn begins a session that is opened by what has that hash.
func (s *Service) letIn(ctx context.Context, a Entry, hash bearer.Hash) (*ent.Session, error) {
	a, err := a.clean()
	if err != nil {
		return nil, err
	}
	var made *ent.Session
	attempt := func() error {
		return s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			who, role, err := s.place(ctx, tx, a)
			if err != nil {
				return err
			}
			// After a commit whose answer was lost it is there.
			made, err = tx.Session.Query().Where(session.SecretHash(hash[:])).Only(ctx)
			if err == nil {
				made.Edges.Operator = who
				return nil
			}
			if !ent.IsNotFound(err) {
				return err
			}
			made, err = s.start(ctx, tx, newSession{
				hash: hash, operator: who, role: role, way: a.Way, ends: a.Ends,
				places: a.places(), subject: a.Subject, from: a.From,
			})
			return err
		})
	}
	if err = attempt(); ent.IsConstraintError(err) || errors.Is(err, ErrExists) {
		err = attempt() // another has made the operator meanwhile
	}
	if refused, ok := errors.AsType[*refusedEntry](err); ok {
		return nil, s.refuseEntry(ctx, a, refused)
	}
	if err != nil {
		return nil, err
	}
	s.journal.Wake()
	return made, nil
}

func (a Entry) clean() (Entry, error) {
	var err error
	if a.Email, a.Name, err = cleanPerson(a.Email, a.Name); err != nil {
		return a, err
	}
	if len(a.Subject) > maxSubject {
		return a, &InputError{Field: "id", Reason: fmt.Sprintf("must have at most %d bytes", maxSubject)}
	}
	if a.Subject, err = cleanText("id", a.Subject, 0, maxSubject); err != nil {
		return a, err
	}
	if len(a.Roles) > maxPlaces {
		return a, &InputError{Field: "workspace", Reason: fmt.Sprintf("must be at most %d", maxPlaces)}
	}
	a.Ends = a.Ends.UTC().Truncate(time.Microsecond)
	return a, nil
}

// places are the memberships that the session keeps.
func (a Entry) places() map[string]string {
	if a.Roles == nil {
		return nil
	}
	places := make(map[string]string, len(a.Roles))
	for slug, role := range a.Roles {
		places[slug] = string(role)
	}
	return places
}

// refusedEntry is why somebody is not let in, and where they would have been.
type refusedEntry struct {
	operator *ent.Operator // with the workspace; nil for none
	reason   string
}

func (e *refusedEntry) Error() string { return e.reason }

// place finds the workspace that a person is let in to, as which operator, whom
// it locks, and with which role. Where they are named, they become operators, so
// that they can switch.
func (s *Service) place(ctx context.Context, tx *ent.Tx, a Entry) (*ent.Operator, operator.Role, error) {
	homes, err := tx.Workspace.Query().Where(candidates(a)...).Order(workspace.BySlug()).Limit(maxPlaces).All(ctx)
	if err != nil {
		return nil, "", err
	}
	if i := slices.IndexFunc(homes, func(w *ent.Workspace) bool { return w.Slug == DefaultWorkspace }); i > 0 {
		homes[0], homes[i] = homes[i], homes[0] // that is where one begins
	}
	refused := &refusedEntry{reason: "there is no workspace here that this person belongs to: have them added to one"}
	var in *ent.Operator
	for _, home := range homes {
		who, err := s.operatorIn(ctx, tx, home, a)
		if err != nil {
			return nil, "", err
		}
		switch {
		case who.RemovedAt != nil:
			refused = &refusedEntry{who, "this person was removed from the workspace: they are to be added again first"}
		case in == nil:
			in = who
		}
	}
	if in == nil {
		return nil, "", refused
	}
	role, named := a.Roles[in.Edges.Workspace.Slug]
	if !named {
		role = in.Role
	}
	return in, role, nil
}

// candidates are the workspaces that a person may be let in to.
func candidates(a Entry) []predicate.Workspace {
	var where []predicate.Workspace
	if a.Workspace != "" {
		where = append(where, workspace.Slug(a.Workspace))
	}
	if a.Roles == nil {
		return append(where, workspace.HasOperatorsWith(operator.Email(a.Email)))
	}
	return append(where, workspace.SlugIn(slices.Sorted(maps.Keys(a.Roles))...))
}

// operatorIn reads, and locks, the operator that a person is in a workspace; if
// they are named there and are none, they become one.
func (s *Service) operatorIn(ctx context.Context, tx *ent.Tx, home *ent.Workspace, a Entry) (*ent.Operator, error) {
	who, err := s.lockOperator(ctx, tx, operator.WorkspaceID(home.ID), operator.Email(a.Email))
	if ent.IsNotFound(err) {
		who, err = s.addOperator(ctx, tx, System(home, vouchers[a.Way]), a.Email, a.Name, a.Roles[home.Slug])
	}
	if err != nil {
		return nil, err
	}
	who.Edges.Workspace = home
	return who, nil
}

// vouchers are who adds operators that were not added by hand.
var vouchers = map[session.Way]string{
	session.WayOIDC: "OpenID Connect",
	session.WayHOST: "host application",
	session.WayJWT:  "JSON Web Token",
}

// RefuseEntry records that somebody was not let in, and returns why as a
// [ForbiddenError]: they are known, but not as anybody who may.
func (s *Service) RefuseEntry(ctx context.Context, a Entry, reason string) error {
	return s.refuseEntry(ctx, a, &refusedEntry{reason: reason})
}

func (s *Service) refuseEntry(ctx context.Context, a Entry, refused *refusedEntry) error {
	event, err := s.entryEvent(ctx, a, refused.operator)
	if err != nil {
		return err
	}
	if event != nil {
		event.Outcome = auditsink.Refused
		event.Changes = map[string][2]any{"way": {nil, a.Way}, "reason": {nil, refused.reason}}
		if err := s.journal.Refuse(ctx, *event); err != nil {
			return fmt.Errorf("record a refusal: %w", err)
		}
	}
	return &ForbiddenError{Reason: refused.reason}
}

// entryEvent is the event of a person at the door. Who is no operator knocks at
// the only workspace there is; if there are several, that concerns none, and
// there is no event.
func (s *Service) entryEvent(ctx context.Context, a Entry, who *ent.Operator) (*auditsink.Event, error) {
	if who != nil {
		by := Caller{Origin: a.From, Actor: operatorActor(who), Workspace: recordWorkspace(who.Edges.Workspace)}
		return new(by.operatorEvent(auditsink.ActionSignIn, s.now(), who)), nil
	}
	homes, err := s.db.Client().Workspace.Query().Limit(2).All(ctx)
	if err != nil || len(homes) != 1 {
		return nil, err
	}
	by := System(homes[0], vouchers[a.Way])
	by.Origin = a.From
	event := by.event(auditsink.ActionSignIn, s.now())
	event.Target = auditsink.Target{Type: "Operator", Label: a.Email}
	return &event, nil
}

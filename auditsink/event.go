package auditsink

import (
	"time"

	"github.com/google/uuid"
)

// ActorKind says what kind of actor did something.
type ActorKind string

// The kinds of actor.
const (
	Operator ActorKind = "OPERATOR"
	Token    ActorKind = "TOKEN"
	System   ActorKind = "SYSTEM"
)

// Values lists the kinds; ent reads it to make the column.
func (ActorKind) Values() []string { return []string{string(Operator), string(Token), string(System)} }

// Outcome says whether what was tried was done.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "SUCCEEDED"
	Refused   Outcome = "REFUSED"
)

// Values lists the outcomes; ent reads it to make the column.
func (Outcome) Values() []string { return []string{string(Succeeded), string(Refused)} }

// The actions that are recorded. They are API: what reads an audit log matches
// on them.
const (
	ActionMint          = "developers.api_token.mint"
	ActionRotate        = "developers.api_token.rotate"
	ActionRevoke        = "developers.api_token.revoke"
	ActionUpdate        = "developers.api_token.update"
	ActionExpire        = "developers.api_token.expire"
	ActionRefuse        = "developers.api_token.refuse"
	ActionExpose        = "developers.api_token.expose"
	ActionSignIn        = "operator.sign_in"
	ActionSignOut       = "operator.sign_out"
	ActionAdd           = "operator.add"
	ActionRemove        = "operator.remove"
	ActionWorkspacePlan = "workspace.plan"
	// ActionRestore is the database's: it went back in time, as by a backup
	// that was put back, and has lost records that were sealed.
	ActionRestore = "audit_log.restore"
	// ActionStub stands in a sink for a record that it refused.
	ActionStub = "audit_log.stub"
)

// actions is every action there is.
var actions = [...]string{
	ActionMint, ActionRotate, ActionRevoke, ActionUpdate, ActionExpire, ActionRefuse, ActionExpose,
	ActionSignIn, ActionSignOut, ActionAdd, ActionRemove, ActionWorkspacePlan, ActionRestore, ActionStub,
}

// Event is one thing that happened, before it has a place in the log.
type Event struct {
	ID        uuid.UUID // version 7
	At        time.Time // UTC, whole microseconds
	Workspace Workspace
	Actor     Actor
	Action    string // one of the Action constants
	Outcome   Outcome
	Target    Target
	// Test marks what concerns a test-mode token. The record says so, as
	// its mode, and says nothing of what does not.
	Test bool

	IP        string // empty where there was no network
	UserAgent string
	RequestID string

	// Changes says what became of each field: a pair of the old value and
	// the new. Nil for none. Values must be JSON; none is ever a secret.
	Changes map[string][2]any
}

// Workspace names the workspace of an event.
type Workspace struct {
	ID   uuid.UUID `json:"id"`
	Slug string    `json:"slug"`
}

// Actor is who did it. A system actor has no id.
type Actor struct {
	Kind ActorKind  `json:"kind"`
	ID   *uuid.UUID `json:"id,omitempty"`
	Name string     `json:"name"`
}

// Target is what it was done to.
type Target struct {
	Type  string     `json:"type"` // "ApiToken", "Operator", "Workspace"
	ID    *uuid.UUID `json:"id,omitempty"`
	Label string     `json:"label,omitempty"`
}

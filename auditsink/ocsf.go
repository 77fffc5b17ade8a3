package auditsink

import (
	"github.com/google/uuid"
)

// OCSFPrefix is what every line in OCSF begins with.
const OCSFPrefix = `{"metadata":{"product":{"name":"Keloa API tokens","vendor_name":"Keloa"},`

const (
	ocsfVersion = "1.2.0"
	ocsfOther   = 99 // what the schema has no number for
	// maxOperation is what is kept of an attempted operation, in bytes.
	maxOperation = 256
)

// ocsfEvent is an event of any of the classes that actions are mapped to. The
// metadata come first, so that a line is known by its beginning.
type ocsfEvent struct {
	Metadata     ocsfMetadata  `json:"metadata"`
	Time         int64         `json:"time"` // in milliseconds
	CategoryUID  int           `json:"category_uid"`
	ClassUID     int           `json:"class_uid"`
	TypeUID      int           `json:"type_uid"`
	ActivityID   int           `json:"activity_id"`
	ActivityName string        `json:"activity_name"`
	SeverityID   int           `json:"severity_id"`
	StatusID     int           `json:"status_id"`
	Message      string        `json:"message"`
	Actor        *ocsfActor    `json:"actor,omitempty"`
	SrcEndpoint  *ocsfEndpoint `json:"src_endpoint,omitempty"`
	HTTPRequest  *ocsfRequest  `json:"http_request,omitempty"`
	Entity       *ocsfEntity   `json:"entity,omitempty"`    // of Entity Management
	API          *ocsfAPI      `json:"api,omitempty"`       // of API Activity
	Resources    []ocsfEntity  `json:"resources,omitempty"` // of API Activity
	User         *ocsfUser     `json:"user,omitempty"`      // of Authentication and Account Change
	Service      *ocsfNamed    `json:"service,omitempty"`   // of Authentication
	Unmapped     ocsfUnmapped  `json:"unmapped"`
}

type ocsfMetadata struct {
	Product       ocsfProduct `json:"product"`
	Version       string      `json:"version"`
	UID           uuid.UUID   `json:"uid"`
	Sequence      int64       `json:"sequence"`
	EventCode     string      `json:"event_code"`
	LogName       string      `json:"log_name"`
	OriginalTime  string      `json:"original_time"`
	TenantUID     uuid.UUID   `json:"tenant_uid"`
	CorrelationID string      `json:"correlation_uid,omitempty"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfNamed struct {
	Name string `json:"name"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	Name   string     `json:"name"`
	UID    *uuid.UUID `json:"uid,omitempty"`
	Type   string     `json:"type"`
	TypeID int        `json:"type_id"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfRequest struct {
	UserAgent string `json:"user_agent,omitempty"`
	UID       string `json:"uid,omitempty"`
}

type ocsfEntity struct {
	Type string     `json:"type"`
	UID  *uuid.UUID `json:"uid,omitempty"`
	Name string     `json:"name,omitempty"`
}

type ocsfAPI struct {
	Operation string    `json:"operation"`
	Service   ocsfNamed `json:"service"`
}

type ocsfUnmapped struct {
	LeafHash  string            `json:"leafhash"`
	Workspace string            `json:"workspace_slug"`
	Mode      string            `json:"mode,omitempty"` // TEST, of what concerns a test-mode token
	Changes   map[string][2]any `json:"changes,omitempty"`
}

// The classes of OCSF that actions are mapped to; their first digit is the
// category.
const (
	ocsfBase           = 0
	ocsfAccountChange  = 3001
	ocsfAuthentication = 3002
	ocsfEntityManaged  = 3004
	ocsfAPIActivity    = 6003
)

// ocsfKind is what an action is in OCSF.
type ocsfKind struct {
	class, activity int
	name            string // of the activity
	severity        int    // 1 is informational, 2 low, 4 high
}

// ocsfKinds says what each action is. What is done to a token or a workspace is
// the management of an entity, whoever does it: API Activity would ask where the
// call came from, and what expires by itself was not called. To end a token is to
// delete it, since it never opens anything again. A refusal has changed nothing,
// so it is an API call that failed. People are accounts. For what the log says of
// itself there is no class.
var ocsfKinds = map[string]ocsfKind{
	ActionMint:          {ocsfEntityManaged, 1, "Create", 1},
	ActionRotate:        {ocsfEntityManaged, ocsfOther, "Rotate", 1},
	ActionUpdate:        {ocsfEntityManaged, 3, "Update", 1},
	ActionRevoke:        {ocsfEntityManaged, 4, "Delete", 1},
	ActionExpire:        {ocsfEntityManaged, 4, "Delete", 1},
	ActionExpose:        {ocsfEntityManaged, ocsfOther, "Expose", 4},
	ActionWorkspacePlan: {ocsfEntityManaged, 3, "Update", 1},
	ActionRefuse:        {ocsfAPIActivity, ocsfOther, "Refuse", 2},
	ActionSignIn:        {ocsfAuthentication, 1, "Logon", 1},
	ActionSignOut:       {ocsfAuthentication, 2, "Logoff", 1},
	ActionAdd:           {ocsfAccountChange, 1, "Create", 1},
	ActionRemove:        {ocsfAccountChange, 6, "Delete", 1},
	ActionRestore:       {ocsfBase, ocsfOther, "Restore", 4},
	ActionStub:          {ocsfBase, ocsfOther, "Stub", 2},
}

// ocsfLine returns the record in OCSF, on one line. The same record always gives
// the same bytes.
func ocsfLine(r Record) ([]byte, error) {
	e, err := r.Event()
	if err != nil {
		return nil, err
	}
	kind, known := ocsfKinds[e.Action]
	if !known { // a later version of this program recorded it
		kind = ocsfKind{ocsfBase, ocsfOther, e.Action, 1}
	}
	out := ocsfEvent{
		Metadata: ocsfMetadata{
			Product: ocsfProduct{"Keloa API tokens", "Keloa"}, Version: ocsfVersion, LogName: "audit",
			UID: e.ID, Sequence: r.Seq, EventCode: e.Action, OriginalTime: e.At.UTC().Format(timeLayout),
			TenantUID: e.Workspace.ID, CorrelationID: e.RequestID,
		},
		Time:        e.At.UnixMilli(),
		CategoryUID: kind.class / 1000, ClassUID: kind.class, TypeUID: kind.class*100 + kind.activity,
		ActivityID: kind.activity, ActivityName: kind.name, SeverityID: kind.severity, StatusID: 1,
		Message:  e.Action,
		Unmapped: ocsfUnmapped{LeafHash: r.LeafHash().String(), Workspace: e.Workspace.Slug, Changes: e.Changes},
	}
	if e.Outcome != Succeeded {
		out.StatusID = 2
	}
	if e.Test {
		out.Unmapped.Mode = testMode
	}
	out.place(e, kind.class)
	return encode(out)
}

// place fills in who and what, where the class has it.
func (o *ocsfEvent) place(e Event, class int) {
	target := ocsfEntity{Type: e.Target.Type, UID: e.Target.ID, Name: e.Target.Label}
	if class == ocsfBase {
		return
	}
	o.Actor = &ocsfActor{ocsfUserOf(e.Actor)}
	if e.IP != "" {
		o.SrcEndpoint = &ocsfEndpoint{IP: e.IP}
	}
	if e.UserAgent != "" || e.RequestID != "" {
		o.HTTPRequest = &ocsfRequest{e.UserAgent, e.RequestID}
	}
	switch class {
	case ocsfEntityManaged:
		o.Entity = &target
	case ocsfAPIActivity:
		o.API = &ocsfAPI{Operation: attempted(e), Service: ocsfNamed{"Keloa API tokens"}}
		o.Resources = []ocsfEntity{target}
		if o.SrcEndpoint == nil { // the class requires one
			o.SrcEndpoint = &ocsfEndpoint{Name: "unknown"}
		}
	case ocsfAuthentication:
		user := ocsfUserOf(e.Actor)
		if e.Target.Type == "Operator" { // another may end their session, or vouch for them
			user = ocsfOperator(e.Target)
		}
		o.User, o.Service = &user, &ocsfNamed{"Keloa API tokens"}
	case ocsfAccountChange:
		user := ocsfOperator(e.Target)
		o.User = &user
	}
}

func ocsfOperator(t Target) ocsfUser { return ocsfUser{t.Label, t.ID, "User", 1} }

func ocsfUserOf(a Actor) ocsfUser {
	switch a.Kind {
	case Operator:
		return ocsfUser{a.Name, a.ID, "User", 1}
	case System:
		return ocsfUser{a.Name, a.ID, "System", 3}
	}
	return ocsfUser{a.Name, a.ID, "API token", ocsfOther}
}

// attempted is what somebody who was refused tried to do.
func attempted(e Event) string {
	if what, ok := e.Changes["attempted"][1].(string); ok && what != "" {
		return cut(what, maxOperation)
	}
	return e.Action
}

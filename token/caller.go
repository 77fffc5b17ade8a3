package token

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

// maxUserAgent is how many bytes of a User-Agent header are kept.
const maxUserAgent = 255

// Origin is where a request came from, for the audit log. Make one with
// [NewOrigin].
type Origin struct {
	IP        string // empty where there was no network
	UserAgent string
	RequestID string
}

// NewOrigin cleans what a client says of itself: valid UTF-8, of bounded
// length, with any secret in it replaced by its hint.
func NewOrigin(ip, userAgent, requestID string) Origin {
	agent := bearer.Redact(strings.ToValidUTF8(userAgent, "\uFFFD"))
	for cut := maxUserAgent; len(agent) > maxUserAgent; cut-- {
		if utf8.RuneStart(agent[cut]) {
			agent = agent[:cut]
		}
	}
	// A copy, if it was cut: what is kept must not hold on to the rest.
	if len(agent) < len(userAgent) {
		agent = strings.Clone(agent)
	}
	return Origin{IP: ip, UserAgent: agent, RequestID: requestID}
}

// Caller is who asks, in which workspace, and what it may do there. The zero
// Caller may do nothing.
type Caller struct {
	Origin

	Actor     auditsink.Actor
	Workspace auditsink.Workspace
	Abilities ability.Set
	// TestOnly is set for a test-mode token, which sees and touches
	// test-mode tokens only.
	TestOnly bool
	// Token is the token that authenticated; zero for operators and the
	// system.
	Token uuid.UUID
	// Session is the session an operator came with; zero for others.
	Session uuid.UUID

	hash      bearer.Hash // of the secret of Token
	expiresAt time.Time   // when Token or Session does at the latest; zero for never
	pending   bool        // Token is a successor that was not used yet
	perMinute int         // requests that the plan allows the session; a token's are in its verdict
}

// System is the caller for what no person and no token asked for: the command
// line and the server itself. It may do everything in the workspace.
func System(workspace *ent.Workspace, name string) Caller {
	return Caller{
		Actor:     auditsink.Actor{Kind: auditsink.System, Name: name},
		Workspace: recordWorkspace(workspace),
		Abilities: ability.Of(ability.FullAccess),
	}
}

func tokenCaller(v verdict.Verdict, hash bearer.Hash, from Origin) Caller {
	return Caller{
		Origin:    from,
		Actor:     auditsink.Actor{Kind: auditsink.Token, ID: &v.Token, Name: v.Label},
		Workspace: auditsink.Workspace{ID: v.Workspace, Slug: v.Slug},
		Abilities: v.Abilities,
		TestOnly:  v.Test,
		Token:     v.Token,
		hash:      hash,
		expiresAt: v.ExpiresAt,
		pending:   v.Pending,
	}
}

func sessionCaller(s *ent.Session, from Origin) Caller {
	return Caller{
		Origin:    from,
		Actor:     SessionActor(s),
		Workspace: recordWorkspace(s.Edges.Operator.Edges.Workspace),
		Abilities: roleAbilities(s.Role),
		Session:   s.ID,
		expiresAt: SessionEnd(s),
	}
}

// Abilities is what t was granted. Its grants must be loaded.
func Abilities(t *ent.Token) ability.Set {
	var set ability.Set
	for _, g := range t.Edges.Grants {
		set |= ability.Of(g.Ability)
	}
	return set
}

func recordWorkspace(w *ent.Workspace) auditsink.Workspace {
	return auditsink.Workspace{ID: w.ID, Slug: w.Slug}
}

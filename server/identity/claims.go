package identity

import (
	"errors"
	"strings"

	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/token"
)

// Claims are the names of the claims that say who somebody is and what they may
// do, and the values of roles. A dot in a name leads into an object, unless a claim
// is called so.
type Claims struct {
	Email, Name string
	// Workspace names the slugs of the workspaces that somebody belongs to,
	// one or a list. Where it is missing, or empty here, they belong where they
	// were added.
	Workspace string
	// Role holds a value, or a list with one, that is Admin or Member. Where it
	// is missing, or empty here, who is named for a workspace is a member.
	Role          string
	Admin, Member string
}

// ParseClaims changes what text says, such as "workspace=org,role=groups,admin=ops",
// from the claims that are usual.
func ParseClaims(text string, usual Claims) (Claims, error) {
	c := usual
	if text == "" {
		return c, nil
	}
	fields := map[string]*string{
		"email": &c.Email, "name": &c.Name, "workspace": &c.Workspace, "role": &c.Role, "admin": &c.Admin, "member": &c.Member,
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		field := fields[name]
		if !ok || field == nil || value == "" {
			return Claims{}, errors.New("must be a list such as workspace=org,role=groups,admin=ops of email, name, workspace, role, admin and member, each once")
		}
		*field = value
		delete(fields, name)
	}
	return c, nil
}

// person is whom claims are about. It reports a [Refusal] for one who has no
// e-mail address of their own or no role. Sure says whether whoever makes the
// claims is taken at their word for addresses that are not said to be verified.
func (c Claims) person(claims map[string]any, subject string, sure bool) (token.Person, error) {
	who := token.Person{Email: text(find(claims, c.Email)), Name: text(find(claims, c.Name)), Subject: subject}
	if who.Email == "" {
		return who, &Refusal{Code: EmailMissing, Reason: "The identity provider does not tell your e-mail address"}
	}
	switch claim, said := claims["email_verified"]; {
	case claim == true, claim == "true", !said && sure:
	default:
		return who, &Refusal{who.Email, EmailUnverified, "The identity provider has not verified your e-mail address"}
	}
	named := texts(find(claims, c.Workspace))
	if named == nil {
		return who, nil
	}
	role := c.role(find(claims, c.Role))
	if role == "" {
		return who, &Refusal{who.Email, RoleMissing, "The identity provider gives you no role here"}
	}
	who.Roles = make(map[string]operator.Role, len(named))
	for _, slug := range named {
		who.Roles[slug] = role
	}
	return who, nil
}

// role is the role that a claim gives; empty for none.
func (c Claims) role(claim any) (role operator.Role) {
	if claim == nil {
		return operator.RoleMEMBER
	}
	for _, value := range texts(claim) {
		switch {
		case strings.EqualFold(value, c.Admin):
			return operator.RoleADMIN
		case strings.EqualFold(value, c.Member):
			role = operator.RoleMEMBER
		}
	}
	return role
}

// find is the claim of that name, or nil.
func find(claims map[string]any, name string) any {
	if name == "" {
		return nil
	}
	if claim, ok := claims[name]; ok {
		return claim
	}
	if first, rest, ok := strings.Cut(name, "."); ok {
		inner, _ := claims[first].(map[string]any)
		return find(inner, rest)
	}
	return nil
}

func text(claim any) string {
	value, _ := claim.(string)
	return strings.TrimSpace(value)
}

// texts is a claim that is a text or a list of them; nil for anything else, and
// for an empty one.
func texts(claim any) []string {
	if value := text(claim); value != "" {
		return []string{value}
	}
	list, _ := claim.([]any)
	var values []string
	for _, item := range list {
		if value := text(item); value != "" {
			values = append(values, value)
		}
	}
	return values
}

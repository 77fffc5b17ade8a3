// Package ability names what a token may do and says what each ability allows.
// It knows nothing of storage or transport.
package ability

import (
	"fmt"
	"strings"
)

// Ability is one thing a token may do. Its text is the name that GraphQL and
// the database use.
type Ability string

// The abilities, from the least to the most powerful.
const (
	Read               Ability = "READ"
	WriteContacts      Ability = "WRITE_CONTACTS"
	WriteConversations Ability = "WRITE_CONVERSATIONS"
	ManageWebhooks     Ability = "MANAGE_WEBHOOKS"
	FullAccess         Ability = "FULL_ACCESS"
)

// Info is what people are told about an ability.
type Info struct {
	Name        Ability
	Title       string
	Description string
	// Sparingly marks an ability to be granted only where no other will do.
	Sparingly bool
}

var infos = [...]Info{
	{Read, "Read", "Read contacts, conversations, webhooks and API tokens. Changes nothing.", false},
	{WriteContacts, "Write contacts", "Create, change and delete contacts.", false},
	{WriteConversations, "Write conversations", "Send messages; open, assign and close conversations.", false},
	{ManageWebhooks, "Manage webhooks", "Create, change and delete webhook subscriptions.", false},
	{FullAccess, "Full access", "Everything, API tokens included. Use sparingly: prefer the abilities that the consumer needs.", true},
}

// All returns what people are told about every ability, in a fixed order. The
// caller owns the slice.
func All() []Info { return append([]Info(nil), infos[:]...) }

// Values lists the names of all abilities; ent reads it to make the column.
func (Ability) Values() []string {
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = string(info.Name)
	}
	return names
}

// Parse reads an ability in any letter case, with "-" or "_" between words:
// READ, read and write-contacts are all accepted.
func Parse(text string) (Ability, error) {
	a := Ability(strings.ToUpper(strings.ReplaceAll(text, "-", "_")))
	if !a.Valid() {
		return "", fmt.Errorf("unknown ability %q: use one of %s", text, strings.Join(a.Values(), ", "))
	}
	return a, nil
}

// Valid reports whether a is one of the constants of this package.
func (a Ability) Valid() bool { return a.bit() != 0 }

// Scope is the lower-case name that RFC 7662 answers use.
func (a Ability) Scope() string { return strings.ToLower(string(a)) }

func (a Ability) bit() Set {
	for i, info := range infos {
		if info.Name == a {
			return 1 << i
		}
	}
	return 0
}

// Set is a set of abilities in one byte. The zero Set allows nothing.
type Set uint8

// Of returns the set of the valid abilities among list; what is not an ability
// adds nothing, so a set never allows more than was understood.
func Of(list ...Ability) Set {
	var s Set
	for _, a := range list {
		s |= a.bit()
	}
	return s
}

// Allows reports whether s holds a, itself or through FullAccess. No set
// allows an unknown ability.
func (s Set) Allows(a Ability) bool {
	return a.Valid() && s&(a.bit()|FullAccess.bit()) != 0
}

// List returns the granted abilities, not the implied ones, in the order of
// [All].
func (s Set) List() []Ability {
	list := make([]Ability, 0, len(infos))
	for i, info := range infos {
		if s&(1<<i) != 0 {
			list = append(list, info.Name)
		}
	}
	return list
}

// Scope is the space-separated list of RFC 7662, section 2.2.
func (s Set) Scope() string { return scopes[s&(1<<len(infos)-1)] }

// scopes are the lists of all sets, since one is asked for on every request.
var scopes = func() (all [1 << len(infos)]string) {
	for s := range all {
		all[s] = Set(s).scope()
	}
	return all
}()

func (s Set) scope() string {
	scopes := make([]string, 0, len(infos))
	for _, a := range s.List() {
		scopes = append(scopes, a.Scope())
	}
	return strings.Join(scopes, " ")
}

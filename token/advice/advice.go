// Package advice says what to do about a token: one use a token, no more rights
// than it needs, no secret where others can see it. It knows what was recorded of
// the token and nothing else, neither a database nor a clock.
package advice

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keloa/apitokens/token/ability"
)

// The thresholds, all of them. They are those of the product's advice; programs
// know them from the descriptions of the codes in the schema.
const (
	unusedAfter = 90 * 24 * time.Hour // for an ability
	neverAfter  = 30 * 24 * time.Hour // since a token was minted
	staleAfter  = 90 * 24 * time.Hour // since its last use
	soon        = 14 * 24 * time.Hour // until its expiry
	// SharedFor is for how long it counts that a token was shared.
	SharedFor = 7 * 24 * time.Hour
)

// Code says what was found.
type Code string

// The codes, the most urgent first.
const (
	Exposed            Code = "EXPOSED"
	MinterLeft         Code = "MINTER_LEFT"
	SharedByConsumers  Code = "SHARED_BY_CONSUMERS"
	ExpiresSoon        Code = "EXPIRES_SOON"
	FullAccessUnneeded Code = "FULL_ACCESS_UNNEEDED"
	NeverUsed          Code = "NEVER_USED"
	Stale              Code = "STALE"
	UnusedAbility      Code = "UNUSED_ABILITY"
)

// Advice is one thing to do.
type Advice struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // what was found and what to do, in one or two sentences
}

// Facts is what is known of a token that works.
type Facts struct {
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil for never
	LastUsedAt *time.Time // nil for never
	ExposedAt  *time.Time // nil for never
	Granted    ability.Set
	// Used is when each ability was last exercised, full access included where
	// nothing less would have done.
	Used       map[ability.Ability]time.Time
	Minter     string // by name
	MinterLeft bool
	Shared     bool // by several consumers, within SharedFor
	Rotating   bool // a successor waits for its first use
}

// On returns what to do about a token, the most urgent first.
func On(f Facts, now time.Time) []Advice {
	list := []Advice{}
	for _, find := range []func(Facts, time.Time) (Advice, bool){
		exposed, minterLeft, shared, expiresSoon, fullAccess, neverUsed, stale, unusedAbility,
	} {
		if advice, found := find(f, now); found {
			list = append(list, advice)
		}
	}
	return list
}

func exposed(f Facts, _ time.Time) (Advice, bool) {
	do := "rotate it now, or revoke it"
	if f.Rotating {
		do = "put its successor to use now, or revoke it"
	}
	return Advice{Exposed, "Its secret was seen where others can see it: " + do + "."}, f.ExposedAt != nil
}

func minterLeft(f Facts, _ time.Time) (Advice, bool) {
	do := "rotate it, so that nobody outside has its secret"
	if f.Rotating {
		do = "put its successor to use, so that nobody outside has its secret"
	}
	return Advice{MinterLeft, fmt.Sprintf("%s, who minted it, is no operator any more: %s.", f.Minter, do)}, f.MinterLeft
}

func shared(f Facts, _ time.Time) (Advice, bool) {
	return Advice{SharedByConsumers, "Several programs or networks used it in the same hour: mint a token for each of them."}, f.Shared
}

func expiresSoon(f Facts, now time.Time) (Advice, bool) {
	if f.ExpiresAt == nil || f.ExpiresAt.After(now.Add(soon)) {
		return Advice{}, false
	}
	// Rotating it would not help: a successor keeps the expiry.
	return Advice{ExpiresSoon, fmt.Sprintf("It ends on %s: mint another token for what uses it.",
		f.ExpiresAt.UTC().Format("2 January 2006 at 15:04 UTC"))}, true
}

func fullAccess(f Facts, _ time.Time) (Advice, bool) {
	_, needed := f.Used[ability.FullAccess]
	if !f.Granted.Allows(ability.FullAccess) || needed || len(f.Used) == 0 {
		return Advice{}, false
	}
	return Advice{FullAccessUnneeded, fmt.Sprintf("It has full access and only ever used %s: narrow it to that.", names(used(f)))}, true
}

func neverUsed(f Facts, now time.Time) (Advice, bool) {
	return Advice{NeverUsed, fmt.Sprintf("It was minted on %s and never used: revoke it.", day(f.CreatedAt))},
		f.LastUsedAt == nil && !f.CreatedAt.After(now.Add(-neverAfter))
}

func stale(f Facts, now time.Time) (Advice, bool) {
	if f.LastUsedAt == nil || f.LastUsedAt.After(now.Add(-staleAfter)) {
		return Advice{}, false
	}
	return Advice{Stale, fmt.Sprintf("It was last used on %s: revoke it.", day(*f.LastUsedAt))}, true
}

// unusedAbility is for tokens that are in use, and of which something is known to
// have been exercised: where others check the abilities, by introspection, nothing
// is.
func unusedAbility(f Facts, now time.Time) (Advice, bool) {
	since := now.Add(-unusedAfter)
	if f.CreatedAt.After(since) || f.Granted.Allows(ability.FullAccess) {
		return Advice{}, false
	}
	granted := f.Granted.List()
	idle := slices.DeleteFunc(slices.Clone(granted), func(a ability.Ability) bool { return f.Used[a].After(since) })
	if len(idle) == 0 || len(idle) == len(granted) {
		return Advice{}, false
	}
	return Advice{UnusedAbility, fmt.Sprintf("It has not used %s for 90 days: take that away from it.", names(idle))}, true
}

// used is what f exercised, in the order of all abilities.
func used(f Facts) []ability.Ability {
	var set ability.Set
	for a := range f.Used {
		set |= ability.Of(a)
	}
	return set.List()
}

func names(list []ability.Ability) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = string(a)
	}
	if last := len(texts) - 1; last > 0 {
		return strings.Join(texts[:last], ", ") + " and " + texts[last]
	}
	return texts[0]
}

func day(at time.Time) string { return at.UTC().Format("2 January 2006") }

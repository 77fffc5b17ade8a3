// Package usage records what API tokens are used for, without a write per
// request. A request marks memory; a flush now and then writes what was marked:
// when each token and each of its abilities was last used, from where, and how
// many requests each hour had.
//
// # Durability
//
// A kill loses at most what was marked since the last flush, and what a flush in
// parts has not come to (see [Recorder.Run]). A stop loses nothing that can be
// written in ten seconds. A flush that fails keeps its marks for the next one and fails no
// request. What was last only moves forward, whichever server writes last, and
// requests are added up exactly once: see [Recorder.Flush].
//
// # Concurrency
//
// All methods may be called by any number of goroutines.
package usage

import (
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
)

// Mark is one use of a token.
type Mark struct {
	Token uuid.UUID
	// Abilities is what was exercised; nothing, where the token only said
	// who asks. With full access it is what was done, not the full access.
	Abilities ability.Set
	// Requests is how many requests this is: 1, or 0 for one more thing
	// done in a request that is marked already.
	Requests int
	// Where the request came from, as the audit log has it.
	IP, UserAgent string
	At            time.Time
}

// Keep is for how long hours are kept.
const Keep = 90 * 24 * time.Hour

// AbilityUse is when an ability was last exercised.
type AbilityUse struct {
	Ability    ability.Ability
	LastUsedAt *time.Time // nil for never
}

// Bucket is one hour in which there were requests.
type Bucket struct {
	Start    time.Time
	Requests int
}

package feed

import "time"

// Clock shows how much time has passed since some moment in the past. It never
// goes back, and nobody can set it. [Boot] is the one to use.
type Clock func() time.Duration

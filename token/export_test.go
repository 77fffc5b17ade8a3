package token

import "github.com/keloa/apitokens/token/usage"

// Hear has the watch hear of uses as from the recorder.
func (w *Watch) Hear(uses []usage.Use) { w.hear(uses) }

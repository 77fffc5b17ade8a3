package ratelimit

import (
	"time"

	"github.com/google/uuid"
)

// Memory is memory, with bounds that a test can reach.
type Memory struct{ *memory }

// NewMemory returns one for so many ids.
func NewMemory(now func() time.Time, ids int) Memory { return Memory{newMemory(now, ids)} }

// Take counts.
func (m Memory) Take(id uuid.UUID, limit int) Quota { return m.take(id, limit) }

// IDs is how many are held.
func (m Memory) IDs() int { return m.ids() }

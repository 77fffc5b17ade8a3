package feed

import "context"

// Poll polls once, as Run does.
func (s *Server) Poll(ctx context.Context) error { return s.poll(ctx) }

// Sweep sweeps once, if it is time.
func (s *Server) Sweep(ctx context.Context) error { return s.sweep(ctx) }

// PageSize is how many changes are read at once.
const PageSize = pageSize

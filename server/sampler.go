package main

import (
	"sync/atomic"
	"time"
)

// How many lines a second the log has of forward-auth and introspection.
const (
	loggedAnswers  = 1
	loggedRefusals = 100
)

// sampler lets the first so many in each second pass. Once they have, it is only
// read until the next second, so processors do not fight over it.
type sampler struct {
	limit  int64
	second atomic.Int64
	left   atomic.Int64
}

func (s *sampler) allow(now time.Time) bool {
	if second := now.Unix(); s.second.Load() != second {
		s.left.Store(s.limit)
		s.second.Store(second)
	}
	return s.left.Load() > 0 && s.left.Add(-1) >= 0
}

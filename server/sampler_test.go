package main

import (
	"testing"
	"time"
)

func TestSampler(t *testing.T) {
	s := sampler{limit: 3}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for range 2 {
		passed := 0
		for range 10 {
			if s.allow(now) {
				passed++
			}
			now = now.Add(50 * time.Millisecond)
		}
		if passed != 3 {
			t.Errorf("%d passed in a second, want 3", passed)
		}
		now = now.Add(time.Second)
	}
}

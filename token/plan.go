package token

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/keloa/apitokens/ent/workspace"
)

// Limits are what a plan allows. Zero means no limit.
type Limits struct {
	Tokens            int // active at once, in a workspace
	RequestsPerMinute int // of one token
}

// Plans says what each plan allows. All four are there.
type Plans map[workspace.Plan]Limits

// DefaultPlans are the limits where no file gives others.
func DefaultPlans() Plans {
	return Plans{
		workspace.PlanSTARTER:  {Tokens: 5, RequestsPerMinute: 120},
		workspace.PlanGROWTH:   {Tokens: 25, RequestsPerMinute: 600},
		workspace.PlanBUSINESS: {Tokens: 100, RequestsPerMinute: 3000},
		workspace.PlanSCALE:    {Tokens: 0, RequestsPerMinute: 12000},
	}
}

// LoadPlans reads limits from a YAML file such as
//
//	starter: {tokens: 5, requestsPerMinute: 120}
//
// What the file does not name keeps its default. An unknown plan or key, or a
// negative number, is an error.
func LoadPlans(path string) (Plans, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the plans: %w", err)
	}
	var file map[string]struct {
		Tokens            *int `yaml:"tokens"`
		RequestsPerMinute *int `yaml:"requestsPerMinute"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("read the plans in %s: %w", path, err)
	}
	plans := DefaultPlans()
	seen := map[workspace.Plan]bool{}
	for _, name := range slices.Sorted(maps.Keys(file)) {
		plan, err := ParsePlan(name)
		if err != nil {
			return nil, fmt.Errorf("read the plans in %s: %w", path, err)
		}
		if seen[plan] {
			return nil, fmt.Errorf("read the plans in %s: %s stands there twice", path, plan)
		}
		seen[plan] = true
		limits := plans[plan]
		override(&limits.Tokens, file[name].Tokens)
		override(&limits.RequestsPerMinute, file[name].RequestsPerMinute)
		if limits.Tokens < 0 || limits.RequestsPerMinute < 0 {
			return nil, fmt.Errorf("read the plans in %s: %s: a limit is 0, for none, or more", path, name)
		}
		plans[plan] = limits
	}
	return plans, nil
}

func override(limit, given *int) {
	if given != nil {
		*limit = *given
	}
}

// ParsePlan reads the name of a plan in any letter case.
func ParsePlan(name string) (workspace.Plan, error) {
	plan := workspace.Plan(strings.ToUpper(name))
	if err := workspace.PlanValidator(plan); err != nil {
		return "", fmt.Errorf("unknown plan %q: use STARTER, GROWTH, BUSINESS or SCALE", name)
	}
	return plan, nil
}

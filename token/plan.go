package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/ratelimit"
)

// Limits are what a plan allows. Zero means no limit.
type Limits struct {
	Tokens            int // active at once, in a workspace
	RequestsPerMinute int // of one token
}

// Plans says what each plan allows. All four are there.
type Plans map[workspace.Plan]Limits

// DefaultPlans are the limits where no file gives others. SCALE has a limit on
// requests that no client reaches, for its answers to say something.
func DefaultPlans() Plans {
	return Plans{
		workspace.PlanSTARTER:  {Tokens: 5, RequestsPerMinute: 120},
		workspace.PlanGROWTH:   {Tokens: 25, RequestsPerMinute: 600},
		workspace.PlanBUSINESS: {Tokens: 100, RequestsPerMinute: 3000},
		workspace.PlanSCALE:    {Tokens: 0, RequestsPerMinute: 6_000_000},
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
		Tokens            *wholeNumber `yaml:"tokens"`
		RequestsPerMinute *wholeNumber `yaml:"requestsPerMinute"`
	}
	documents := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField())
	if err := documents.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the plans in %s: %w", path, err)
	}
	if err := documents.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the plans in %s: it must hold one YAML document", path)
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
		err = errors.Join(override(&limits.Tokens, "tokens", file[name].Tokens), override(&limits.RequestsPerMinute, "requestsPerMinute", file[name].RequestsPerMinute))
		if err != nil {
			return nil, fmt.Errorf("read the plans in %s: %s: %w", path, name, err)
		}
		if limits.RequestsPerMinute > ratelimit.MaxPerMinute {
			return nil, fmt.Errorf("read the plans in %s: %s: requestsPerMinute is at most %d, or 0 for no limit", path, name, ratelimit.MaxPerMinute)
		}
		plans[plan] = limits
	}
	return plans, nil
}

// wholeNumber is text that must be an integer: YAML would cut a fraction off for
// one. It is read where it is known which limit it is.
type wholeNumber string

// UnmarshalYAML keeps the text.
func (n *wholeNumber) UnmarshalYAML(text []byte) error {
	*n = wholeNumber(strings.TrimSpace(string(text)))
	return nil
}

// override sets a limit that the file gives.
func override(limit *int, name string, given *wholeNumber) error {
	if given == nil {
		return nil
	}
	n, err := strconv.ParseInt(string(*given), 10, 32) // as GraphQL's Int
	if err != nil || n < 0 {
		return fmt.Errorf("%s must be a whole number from 0, which is no limit, to 2147483647", name)
	}
	*limit = int(n)
	return nil
}

// ParsePlan reads the name of a plan in any letter case.
func ParsePlan(name string) (workspace.Plan, error) {
	plan := workspace.Plan(strings.ToUpper(name))
	if err := workspace.PlanValidator(plan); err != nil {
		return "", fmt.Errorf("unknown plan %q: use STARTER, GROWTH, BUSINESS or SCALE", name)
	}
	return plan, nil
}

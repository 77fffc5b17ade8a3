package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ratelimit"
)

// take parses the value of a flag. The first error of several is kept, after
// the name of the flag. Parsers say what a value must be and do not quote it: it
// may be a secret in the wrong place.
func take[In, Out any](first *error, name string, value In, parse func(In) (Out, error)) Out {
	parsed, err := parse(value)
	if err != nil && *first == nil {
		*first = usagef("%s: %s", name, err)
	}
	return parsed
}

// setting is both names of a flag that can be set in the environment.
func setting(flag string) string { return fmt.Sprintf("--%s (%s)", flag, variable(flag)) }

// variable is the name of a flag in the environment.
func variable(flag string) string {
	name := "KELOA_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	switch flag {
	case "audit-sink", "resource-server", "allowed-origin":
		name += "S" // lists
	}
	return name
}

// misspelt reports a variable of a list that is written as its flag is: what was
// meant to be set would silently be missing.
func misspelt() error {
	for _, flag := range []string{"audit-sink", "resource-server", "allowed-origin"} {
		right := variable(flag)
		if wrong := strings.TrimSuffix(right, "S"); os.Getenv(wrong) != "" {
			return usagef("%s is not a setting: the variable is %s", wrong, right)
		}
	}
	return nil
}

// list is the values of a flag that repeats or, without any, those that spaces
// separate in the environment.
func list(flags []string, variable string) []string {
	if len(flags) > 0 {
		return flags
	}
	return strings.Fields(os.Getenv(variable))
}

func oneOf(values ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(values, text) {
			return "", fmt.Errorf("must be %s", strings.Join(values, " or "))
		}
		return text, nil
	}
}

// parseDuration reads a duration within bounds.
func parseDuration(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("must be a duration such as 1s or 500ms, from %s to %s", least, most)
		}
		return d, nil
	}
}

func parseInternalAddress(text string) (string, error) {
	if text == "off" {
		return "", nil
	}
	address, err := parseAddress(text)
	if err != nil {
		return "", fmt.Errorf("%w, or off", err)
	}
	return address, nil
}

// parseRateLimitStore reads where limits are shared; nil for nowhere.
func parseRateLimitStore(text string) (*redis.Options, error) {
	if text == "memory" {
		return nil, nil //nolint:nilnil // as said
	}
	return ratelimit.ParseURL(text)
}

// parsePlans reads the file of plans. Without one, they are those built in.
func parsePlans(path string) (token.Plans, error) {
	if path == "" {
		return token.DefaultPlans(), nil
	}
	return token.LoadPlans(path)
}

var resourceServerNames = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// parseResourceServers reads NAME:SECRET pairs into secrets by name.
func parseResourceServers(pairs []string) (map[string]string, error) {
	secrets := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, source, ok := strings.Cut(pair, ":")
		if !ok || !resourceServerNames.MatchString(name) {
			return nil, errors.New("must be NAME:SECRET, with a name of lower-case letters, digits, dots, hyphens and underscores")
		}
		if _, twice := secrets[name]; twice {
			return nil, fmt.Errorf("names %s twice", name)
		}
		secret, err := readSecret(source)
		if err != nil {
			return nil, fmt.Errorf("the secret of %s %w", name, err)
		}
		secrets[name] = secret
	}
	return secrets, nil
}

// readSecret takes a secret from where the text says: a variable, a file, or
// the text itself.
func readSecret(source string) (string, error) {
	secret := source
	if name, ok := strings.CutPrefix(source, "env:"); ok {
		if secret, ok = os.LookupEnv(name); !ok {
			return "", errors.New("is to be in an environment variable that is not set")
		}
	} else if path, ok := strings.CutPrefix(source, "file:"); ok {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot be read: %w", err)
		}
		secret = strings.TrimRight(string(text), "\r\n")
	}
	if secret == "" {
		return "", errors.New("is empty")
	}
	return secret, nil
}

package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// prefix begins the name of every key, followed by the id of the token or
// session. A key expires with the wait for the whole limit: at most a minute.
const prefix = "keloa:rate:"

// spendShared is pace.spend on the clock of Redis, which all servers share: those
// of the servers do not matter. It returns the wait and the reset.
var spendShared = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now) or now
full = math.min(math.max(full, now), now + whole)
local wait = full + interval - now - whole
if wait > 0 then
  return {wait, full - now}
end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return {0, full - now}
`)

// shared counts in Redis, for all servers that use it.
type shared struct{ client *redis.Client }

func newShared(o *redis.Options, timeout time.Duration) *shared {
	options := *o
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1 // the limiter counts by itself meanwhile
	options.DialerRetries = 1
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	redis.SetLogger(silent{}) // errors are returned as well
	return &shared{redis.NewClient(&options)}
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

var errReply = errors.New("unexpected reply")

func (s *shared) take(ctx context.Context, id uuid.UUID, limit int) (Quota, error) {
	p := paceOf(limit)
	reply, err := spendShared.Run(ctx, s.client, []string{prefix + id.String()}, p.interval, p.whole).Int64Slice()
	if err != nil {
		return Quota{}, err
	}
	if len(reply) != 2 {
		return Quota{}, errReply
	}
	return p.quota(limit, reply[1], reply[0]), nil
}

// ParseURL reads where limits are shared: redis://HOST:6379/0 or, for TLS,
// rediss://. Before the host, USER:PASSWORD@ or :PASSWORD@ may stand; PASSWORD
// may be env:NAME or file:PATH. No error repeats any part of it that could
// belong to the password.
func ParseURL(text string) (*redis.Options, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "redis" && scheme != "rediss" {
		return nil, errors.New("must be memory or redis://HOST:6379/0, with rediss:// for TLS")
	}
	// The last @ ends the password, which may hold any other character.
	at := strings.LastIndexByte(rest, '@')
	u, err := url.Parse(scheme + "://" + rest[at+1:])
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("must name a host, such as redis://HOST:6379/0, and nothing after the number of the database")
	}
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, errors.New("must end in the number of a database, such as /0, or in the host and port")
	}
	if at < 0 {
		return options, nil
	}
	options.Username, options.Password, err = parseUser(rest[:at])
	return options, err
}

func parseUser(text string) (user, password string, err error) {
	user, password, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", errors.New("must have a colon before the password: redis://:PASSWORD@HOST:6379/0")
	}
	if user, err = url.PathUnescape(user); err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil {
		return "", "", errors.New("must have a % in the user or the password written as %25")
	}
	if name, ok := strings.CutPrefix(password, "env:"); ok {
		password = os.Getenv(name)
	} else if path, ok := strings.CutPrefix(password, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", "", fmt.Errorf("takes its password from a file: %w", err)
		}
		password = strings.TrimRight(string(content), "\r\n")
	}
	if password == "" {
		return "", "", errors.New("takes its password from where there is none")
	}
	return user, password, nil
}

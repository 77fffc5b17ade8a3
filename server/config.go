package main

import (
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/feed"
	"github.com/keloa/apitokens/token/usage"
)

// databaseFlag is the one flag of every command.
type databaseFlag struct {
	Database string `env:"KELOA_DATABASE" default:"sqlite:data/keloa.db" help:"The database: sqlite:PATH, or mysql://USER:PASSWORD@HOST:3306/NAME?tls=true for MySQL, MariaDB, Galera and TiDB. PASSWORD may be env:NAME or file:PATH."`
}

type plansFlag struct {
	Plans string `env:"KELOA_PLANS" placeholder:"FILE" help:"A YAML file of the plans' limits, such as 'starter: {tokens: 5, requestsPerMinute: 120}'; 0 means no limit. Default: built in."`
}

func (f plansFlag) load() (plans token.Plans, err error) {
	plans = take(&err, setting("plans"), f.Plans, parsePlans)
	return plans, err
}

// publicFlags say where users reach the server.
type publicFlags struct {
	Listen    string `env:"KELOA_LISTEN" default:"127.0.0.1:8080" help:"The address of the public listener."`
	PublicURL string `env:"KELOA_PUBLIC_URL" placeholder:"URL" help:"The origin that users see. Default: follows from --listen."`
}

// publicURL is the origin that users see; nil if it follows from where the
// server listens. The error goes to first, as with [take].
func (f publicFlags) publicURL(first *error) *url.URL {
	if f.PublicURL == "" {
		return nil
	}
	return take(first, setting("public-url"), f.PublicURL, parseOrigin)
}

// serverFlags are the configuration of the server as it is written down. The
// lists read the environment themselves, because there, and only there, spaces
// separate their values.
type serverFlags struct {
	databaseFlag
	publicFlags
	plansFlag

	InternalListen string   `env:"KELOA_INTERNAL_LISTEN" default:"127.0.0.1:8081" help:"The address of the listener for introspection, forward-auth and health, or off."`
	AuditSink      []string `sep:"none" placeholder:"NAME=URL" help:"Copy the audit log to a sink, such as archive=file:data/audit.jsonl. The flag repeats ($KELOA_AUDIT_SINKS, separated by spaces). Default: none; the journal in the database is always kept."`
	AuditConfig    string   `env:"KELOA_AUDIT_CONFIG" placeholder:"FILE" help:"Audit sinks as a YAML file, a list of name, url, filter, required and start, which is read again on SIGHUP. Default: none."`
	AuditKey       string   `env:"KELOA_AUDIT_KEY" placeholder:"FILE" help:"The key that signs checkpoints of the audit log; the file is made if it is missing. Default: beside an SQLite database, with .audit-key after its name, or else data/audit-key."`
	ResourceServer []string `sep:"none" placeholder:"NAME:SECRET" help:"A service that may introspect. SECRET may be env:NAME or file:PATH. The flag repeats ($KELOA_RESOURCE_SERVERS, separated by spaces). Mandatory when the internal listener is not on loopback. Default: none."`
	RateLimitStore string   `env:"KELOA_RATE_LIMIT_STORE" default:"memory" help:"Where rate limits are counted: memory, each server for itself, or redis://HOST:6379/0 (rediss:// for TLS), where servers count together. Before HOST, USER:PASSWORD@ may stand; PASSWORD may be env:NAME or file:PATH."`
	OnExposure     string   `env:"KELOA_ON_EXPOSURE" default:"flag" help:"What happens to a token that is seen in a URL or sent by a browser: flag or revoke."`
	Lease          string   `env:"KELOA_LEASE" default:"1s" help:"How long the server may trust its cache without hearing from the database, 100ms to 5s. A revocation waits as long for a server that does not answer."`
	Migrate        string   `env:"KELOA_MIGRATE" default:"on" help:"Apply migrations at the start (on), or refuse to start while any is to be applied (off)."`
	LastUsedFlush  string   `env:"KELOA_LAST_USED_FLUSH" default:"5s" help:"How often it is written when tokens were last used, 100ms to 5m. What is shown of it is that old, and a crash loses as much."`
	LogFormat      string   `env:"KELOA_LOG_FORMAT" default:"text" help:"How the log on standard error is written: text or json."`
	LogLevel       string   `env:"KELOA_LOG_LEVEL" default:"info" help:"The least that is logged: debug, info, warn or error."`

	SecretScanningKeys string `env:"KELOA_SECRET_SCANNING_KEYS" placeholder:"FILE" help:"The keys that GitHub signs reports of found secrets with, as it publishes them; the file is read again on SIGHUP. With them, POST /secret-scanning/github takes such reports. Default: none, and no reports."`

	operatorFlags
}

// config is the checked configuration of the server.
type config struct {
	database        string
	listen          string
	internalListen  string   // empty for no internal listener
	publicURL       *url.URL // nil to take it from the public listener
	plans           token.Plans
	sinkFlags       []sinkText
	auditConfig     string            // a path; empty for none
	sinks           []sinkText        // of the flags and, at the start, of the file
	auditKey        string            // a path
	resourceServers map[string]string // secrets by name
	rateLimitStore  *redis.Options    // nil to count in memory
	scanningFile    string            // a path; empty for none
	scanning        scanningKeys
	revokeExposed   bool
	migrate         bool
	lease           time.Duration
	lastUsedFlush   time.Duration
	logFormat       string
	logLevel        string
	operators       operatorConfig
}

// config checks every flag. It reports the first that is wrong.
func (f serverFlags) config() (config, error) {
	var first error
	cfg := config{
		database:        f.Database,
		listen:          take(&first, setting("listen"), f.Listen, parseAddress),
		internalListen:  take(&first, setting("internal-listen"), f.InternalListen, parseInternalAddress),
		publicURL:       f.publicURL(&first),
		plans:           take(&first, setting("plans"), f.Plans, parsePlans),
		auditConfig:     f.AuditConfig,
		auditKey:        auditKeyPath(f.AuditKey, f.Database),
		resourceServers: take(&first, setting("resource-server"), list(f.ResourceServer, "KELOA_RESOURCE_SERVERS"), parseResourceServers),
		rateLimitStore:  take(&first, setting("rate-limit-store"), f.RateLimitStore, parseRateLimitStore),
		scanningFile:    f.SecretScanningKeys,
		scanning:        take(&first, setting("secret-scanning-keys"), f.SecretScanningKeys, parseScanningKeys),
		revokeExposed:   take(&first, setting("on-exposure"), f.OnExposure, oneOf("flag", "revoke")) == "revoke",
		migrate:         take(&first, setting("migrate"), f.Migrate, oneOf("on", "off")) == "on",
		lease:           take(&first, setting("lease"), f.Lease, parseDuration(feed.MinLease, feed.MaxLease)),
		lastUsedFlush:   take(&first, setting("last-used-flush"), f.LastUsedFlush, parseDuration(usage.MinInterval, usage.MaxInterval)),
		logFormat:       take(&first, setting("log-format"), f.LogFormat, oneOf("text", "json")),
		logLevel:        take(&first, setting("log-level"), f.LogLevel, oneOf("debug", "info", "warn", "error")),
	}
	for _, text := range list(f.AuditSink, "KELOA_AUDIT_SINKS") {
		cfg.sinkFlags = append(cfg.sinkFlags, sinkText{text, "audit-sink"})
	}
	if first == nil {
		cfg.sinks, first = cfg.sinkTexts()
	}
	cfg.operators = f.operatorFlags.config(&first)
	if first == nil {
		first = misspelt()
	}
	if first != nil {
		return config{}, first
	}
	if _, port, err := net.SplitHostPort(cfg.listen); err == nil && port != "0" && cfg.listen == cfg.internalListen {
		return config{}, usagef("%s and %s must not be the same address: the internal listener is not for users", setting("listen"), setting("internal-listen"))
	}
	if cfg.internalListen != "" && !onLoopback(cfg.internalListen) && len(cfg.resourceServers) == 0 {
		return config{}, usagef("the internal listener %s can be reached from other machines: "+
			"say who may introspect with --resource-server (KELOA_RESOURCE_SERVERS), or keep --internal-listen on 127.0.0.1", cfg.internalListen)
	}
	return cfg, nil
}

// sinkTexts returns the sinks of the flags and, as they stand there now, those of
// the file.
func (c config) sinkTexts() ([]sinkText, error) {
	inFile, err := readAuditConfig(c.auditConfig)
	if err != nil {
		return nil, usagef("%s: %s", setting("audit-config"), err)
	}
	return append(slices.Clone(c.sinkFlags), inFile...), nil
}

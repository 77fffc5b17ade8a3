package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// secretInURL is a password that no error may repeat.
const secretInURL = "hunter2pass"

const someID = "01a209a3-8b5b-797e-9deb-112b75d000f0"

// TestMisuse gives the program what it cannot take. Each time it says so in one
// sentence, exits with 2 and leaves nothing behind.
func TestMisuse(t *testing.T) {
	someSecret := "keloa_pk_live_" + strings.Repeat("x", 32)
	for _, c := range []struct {
		name string
		env  string // NAME=VALUE, or empty
		args []string
		want string // in the sentence
	}{
		{"unknown command", "", []string{"frobnicate"}, "unexpected argument frobnicate"},
		{"unknown flag", "", []string{"--frob"}, "unknown flag --frob"},
		{"unknown flag of a command", "", []string{"token", "list", "--frob"}, "see keloa-tokens token list --help"},
		{"misspelt flag", "", []string{"serve", "--lissten=:1"}, `did you mean "--listen"`},
		{"too much", "", []string{"version", "now"}, "unexpected argument now"},
		{"half a command", "", []string{"token"}, "expected one of"},
		{"a value where none goes", "", []string{"token", "list", "--json=maybe"}, "--json"},

		{"listen: empty", "", []string{"--listen="}, "--listen (KELOA_LISTEN): must be HOST:PORT"},
		{"listen: no colon", "", []string{"--listen=8080"}, "--listen (KELOA_LISTEN): must be HOST:PORT"},
		{"listen: no port", "", []string{"--listen=localhost"}, "must be HOST:PORT"},
		{"listen: a word for a port", "", []string{"--listen=127.0.0.1:http"}, "must be HOST:PORT"},
		{"listen: too high a port", "", []string{"--listen=127.0.0.1:65536"}, "must be HOST:PORT"},
		{"listen: a negative port", "", []string{"--listen=127.0.0.1:-1"}, "must be HOST:PORT"},
		{"listen: no host name", "", []string{"--listen=under_score!:80"}, "must be HOST:PORT"},
		{"listen: half a bracket", "", []string{"--listen=[::1:80"}, "must be HOST:PORT"},
		{"listen: in the environment", "KELOA_LISTEN=nowhere", nil, "--listen (KELOA_LISTEN): must be HOST:PORT"},
		{"internal listener: that of users", "", []string{"--listen=127.0.0.1:8081"}, "--listen (KELOA_LISTEN) and --internal-listen (KELOA_INTERNAL_LISTEN) must not be the same address"},
		{"internal listener: a word", "", []string{"--internal-listen=none"}, "--internal-listen (KELOA_INTERNAL_LISTEN): must be HOST:PORT"},
		{"internal listener: open to all", "", []string{"--internal-listen=0.0.0.0:8081"}, "say who may introspect with --resource-server"},
		{"internal listener: every interface", "", []string{"--internal-listen=:8081"}, "say who may introspect with --resource-server"},
		{"internal listener: a name", "", []string{"--internal-listen=internal.example.com:8081"}, "say who may introspect with --resource-server"},

		{"public URL: no scheme", "", []string{"--public-url=tokens.example.com"}, "--public-url (KELOA_PUBLIC_URL): must be an origin such as"},
		{"public URL: another scheme", "", []string{"--public-url=ftp://tokens.example.com"}, "must be an origin such as"},
		{"public URL: no host", "", []string{"--public-url=https://"}, "must be an origin such as"},
		{"public URL: a bad host", "", []string{"--public-url=https://a_b"}, "must be an origin such as"},
		{"public URL: a bad port", "", []string{"--public-url=https://a:99999"}, "must be an origin such as"},
		{"public URL: a password", "", []string{"--public-url=https://me:" + secretInURL + "@a"}, "must be an origin such as"},
		{"public URL: a path", "", []string{"--public-url=https://a/tokens"}, "leave out what follows"},
		{"public URL: a query", "", []string{"--public-url=https://a/?b=c"}, "leave out what follows"},
		{"public URL: an empty query", "", []string{"--public-url=https://a?"}, "leave out what follows"},
		{"public URL: a fragment", "", []string{"--public-url=https://a#b"}, "leave out what follows"},
		{"public URL: of the link", "", []string{"signin", "--public-url=a"}, "must be an origin such as"},

		{"plans: no file", "", []string{"--plans=missing.yaml"}, "--plans (KELOA_PLANS): read the plans"},
		{"plans: no file, minting", "KELOA_PLANS=missing.yaml", []string{"token", "mint", "--label=a", "--ability=read"}, "--plans (KELOA_PLANS): read the plans"},

		{"resource server: no secret", "", []string{"--resource-server=api"}, "--resource-server (KELOA_RESOURCE_SERVERS): must be NAME:SECRET"},
		{"resource server: no name", "", []string{"--resource-server=:" + secretInURL}, "must be NAME:SECRET"},
		{"resource server: a bad name", "", []string{"--resource-server=My API:" + secretInURL}, "must be NAME:SECRET"},
		{"resource server: an empty secret", "", []string{"--resource-server=api:"}, "the secret of api is empty"},
		{"resource server: an unset variable", "", []string{"--resource-server=api:env:KELOA_TEST_UNSET"}, "the secret of api is to be in an environment variable that is not set"},
		{"resource server: no file", "", []string{"--resource-server=api:file:missing"}, "the secret of api cannot be read"},
		{"resource server: twice", "", []string{"--resource-server=api:" + secretInURL, "--resource-server=api:other"}, "names api twice"},
		{"resource server: twice in the environment", "KELOA_RESOURCE_SERVERS=api:a  api:b", nil, "names api twice"},

		{"exposure", "", []string{"--on-exposure=delete"}, "--on-exposure (KELOA_ON_EXPOSURE): must be flag or revoke"},
		{"migrate", "", []string{"--migrate=later"}, "--migrate (KELOA_MIGRATE): must be on or off"},
		{"log format", "", []string{"--log-format=xml"}, "--log-format (KELOA_LOG_FORMAT): must be text or json"},
		{"log level", "KELOA_LOG_LEVEL=loud", nil, "--log-level (KELOA_LOG_LEVEL): must be debug or info or warn or error"},

		{"lease: no duration", "", []string{"--lease=soon"}, "--lease (KELOA_LEASE): must be a duration"},
		{"lease: zero", "", []string{"--lease=0s"}, "must be a duration"},
		{"lease: negative", "", []string{"--lease=-1s"}, "must be a duration"},
		{"lease: an hour", "", []string{"--lease=1h"}, "must be a duration"},
		{"lease: too short", "", []string{"--lease=99ms"}, "--lease (KELOA_LEASE): must be a duration"},
		{"last used: no unit", "", []string{"--last-used-flush=5"}, "must be a duration"},
		{"last used: too often", "", []string{"--last-used-flush=99ms"}, "--last-used-flush (KELOA_LAST_USED_FLUSH): must be a duration such as 1s or 500ms, from 100ms to 5m"},
		{"last used: too seldom", "KELOA_LAST_USED_FLUSH=301s", nil, "from 100ms to 5m"},
		{"rate limits: unknown", "", []string{"--rate-limit-store=etcd"}, "must be memory or redis://"},
		{"rate limits: no host", "", []string{"--rate-limit-store=redis:///0"}, "must name a host"},
		{"rate limits: a password that is not there", "", []string{"--rate-limit-store=redis://:env:KELOA_NONE@cache:6379/0"}, "from where there is none"},
		{"issuer: no client", "", []string{"--oidc-issuer=https://id.example.com"}, "--oidc-client-id (KELOA_OIDC_CLIENT_ID): must be set too"},
		{"issuer: plain HTTP", "", []string{"--oidc-issuer=http://id.example.com", "--oidc-client-id=x"}, "--oidc-issuer (KELOA_OIDC_ISSUER): must be an https URL"},
		{"issuer: none", "", []string{"--oidc-client-id=x"}, "--oidc-issuer (KELOA_OIDC_ISSUER) must be set"},
		{"client secret: a file", "", []string{"--oidc-issuer=https://id.example.com", "--oidc-client-id=x", "--oidc-client-secret=file:none"}, "--oidc-client-secret (KELOA_OIDC_CLIENT_SECRET): cannot be read"},
		{"claims", "", []string{"--oidc-issuer=https://id.example.com", "--oidc-client-id=x", "--oidc-claims=boss=x"}, "--oidc-claims (KELOA_OIDC_CLAIMS): must be a list such as"},
		{"tokens: no audience", "", []string{"--jwt-issuer=app", "--jwt-keys=https://id.example.com/keys"}, "--jwt-audience (KELOA_JWT_AUDIENCE): must be set too"},
		{"tokens: no keys", "", []string{"--jwt-issuer=app", "--jwt-audience=keloa"}, "--jwt-keys (KELOA_JWT_KEYS): must be a URL, or a file that can be read"},
		{"tokens: keys that are none", "", []string{"--jwt-issuer=app", "--jwt-audience=keloa", "--jwt-keys=/etc/passwd"}, "--jwt-keys (KELOA_JWT_KEYS): must hold a JSON Web Key Set with a public key"},
		{"tokens: no issuer", "KELOA_JWT_AUDIENCE=keloa", nil, "--jwt-issuer (KELOA_JWT_ISSUER) must be set"},
		{"origins: a path", "KELOA_ALLOWED_ORIGINS=https://a https://b/c", nil, "--allowed-origin (KELOA_ALLOWED_ORIGINS): must be an origin only"},

		{"sink: no name", "", []string{"--audit-sink=file:a.jsonl"}, "--audit-sink (KELOA_AUDIT_SINKS): an audit sink is written NAME=URL"},
		{"sink: an empty name", "", []string{"--audit-sink==file:a.jsonl"}, "written NAME=URL"},
		{"sink: a bad name", "", []string{"--audit-sink=My Sink=file:a.jsonl"}, "written NAME=URL"},
		{"sink: no URL", "", []string{"--audit-sink=a="}, "unknown scheme"},
		{"sink: unknown scheme", "", []string{"--audit-sink=a=gopher://b"}, "unknown scheme"},
		{"sink: a password", "", []string{"--audit-sink=a=file://me:" + secretInURL + "@b/c"}, "a credential does not belong in the URL"},
		{"sink: no path", "", []string{"--audit-sink=a=file:"}, "names no file"},
		{"sink: unknown key", "KELOA_AUDIT_SINKS=a=file:a.jsonl?colour=" + secretInURL, nil, `unknown key "colour"`},
		{"sink: a key twice", "", []string{"--audit-sink=a=file:a.jsonl?start=now&start=now"}, "appears twice"},
		{"sink: a bad start", "", []string{"--audit-sink=a=file:a.jsonl?start=noon"}, "start must be"},
		{"sink: a bad filter", "", []string{"--audit-sink=a=file:a.jsonl?filter=everything"}, "filter must be"},
		{"sink: a filter that matches nothing", "", []string{"--audit-sink=a=file:a.jsonl?filter=action:nothing.*"}, "filter matches no action"},
		{"sink: required, perhaps", "", []string{"--audit-sink=a=file:a.jsonl?required=perhaps"}, "required must be true or false"},
		{"sink: syslog cannot be required", "", []string{"--audit-sink=a=syslog+udp://127.0.0.1:514?required=true"}, "it cannot be required"},
		{"sink: more than standard output", "", []string{"--audit-sink=a=stdout:b"}, "nothing may follow"},
		{"sink: two of a name", "KELOA_AUDIT_SINKS=a=stdout: a=stdout:", nil, "two sinks are called a"},
		{"sink: one place twice", "KELOA_AUDIT_SINKS=a=stdout: b=stdout:?start=now", nil, "two sinks write to the same place"},
		{"sink: a variable in the singular", "KELOA_AUDIT_SINK=a=stdout:", nil, "the variable is KELOA_AUDIT_SINKS"},

		{"database: with keys", "", []string{"--database=sqlite:a.db?mode=ro"}, "takes no keys"},
		{"database: empty", "", []string{"--database="}, "--database (KELOA_DATABASE): the database URL must begin with"},
		{"database: another kind", "", []string{"--database=postgres://me:" + secretInURL + "@a/b"}, "must begin with"},
		{"database: no file", "", []string{"--database=sqlite:"}, "names no file"},
		{"database: in memory", "", []string{"--database=sqlite::memory:"}, "name a file"},
		{"database: slashes", "", []string{"--database=sqlite://a.db"}, "must not have slashes"},
		{"database: no host", "", []string{"--database=mysql://"}, "mysql://user:password@host:3306/name"},
		{"database: no name", "", []string{"--database=mysql://me:" + secretInURL + "@a"}, "the name of the database is missing"},
		{"database: no user", "", []string{"--database=mysql://:" + secretInURL + "@a/b"}, "it names no user"},
		{"database: unknown key", "", []string{"--database=mysql://me:" + secretInURL + "@a/b?timeout=1s"}, `unknown key "timeout"`},
		{"database: bad TLS", "", []string{"--database=mysql://me:" + secretInURL + "@a/b?tls=maybe"}, "tls must be"},
		{"database: an unset variable", "KELOA_DATABASE=mysql://me:env:KELOA_TEST_UNSET@a/b", nil, "KELOA_TEST_UNSET, which is not set"},
		{"database: of a command", "", []string{"token", "list", "--database=oracle:x"}, "--database (KELOA_DATABASE): the database URL must begin with"},

		{"mint: nothing", "", []string{"token", "mint"}, "missing flags: --ability=ABILITY, --label=TEXT"},
		{"mint: no ability", "", []string{"token", "mint", "--label=a"}, "missing flags: --ability"},
		{"mint: unknown ability", "", []string{"token", "mint", "--label=a", "--ability=fly"}, "--ability: unknown ability"},
		{"mint: unknown mode", "", []string{"token", "mint", "--label=a", "--ability=read", "--mode=prod"}, "--mode: must be live or test"},
		{"mint: expired", "", []string{"token", "mint", "--label=a", "--ability=read", "--expires-in=-1h"}, "--expires-in: must be a duration"},
		{"mint: at once", "", []string{"token", "mint", "--label=a", "--ability=read", "--expires-in=0s"}, "--expires-in: must be a duration"},
		{"mint: some day", "", []string{"token", "mint", "--label=a", "--ability=read", "--expires-in=30d"}, "--expires-in: must be a duration"},
		{"show: nothing", "", []string{"token", "show"}, `expected "<id>"`},
		{"show: no id", "", []string{"token", "show", "first"}, "the token's id must be a UUID"},
		{"show: an id in braces", "", []string{"token", "show", "{" + someID + "}"}, "the token's id must be a UUID"},
		{"show: two", "", []string{"token", "show", someID, someID}, "unexpected argument"},
		{"revoke: no id", "", []string{"token", "revoke", "first"}, "the token's id must be a UUID"},
		{"revoke: a secret", "", []string{"token", "revoke", someSecret}, "a secret on the command line"},
		{"whose: a secret", "", []string{"token", "whose", someSecret}, "a secret on the command line"},
		{"whose: half a secret", "", []string{"token", "whose", someSecret[:20]}, "a secret on the command line"},
		{"a secret in a flag", "", []string{"token", "mint", "--label=" + someSecret, "--ability=read"}, "a secret on the command line"},
		{"no UTF-8", "", []string{"token", "mint", "--label=\xff", "--ability=read"}, "must be valid UTF-8"},
		{"workspace: unknown plan", "", []string{"workspace", "create", "acme", "--plan=gold"}, "--plan: unknown plan"},
		{"workspace: unknown plan to set", "", []string{"workspace", "set-plan", "default", "gold"}, "unknown plan"},
		{"workspace: no plan", "", []string{"workspace", "set-plan", "default"}, `expected "<plan>"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			unset(t)
			t.Chdir(t.TempDir())
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			code, stdout, stderr := runCommand(t, c.args...)
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d, standard output %q", code, stdout)
			}
			checkSentence(t, stderr, c.want)
			for _, secret := range []string{secretInURL, someSecret[:20]} {
				if strings.Contains(stderr, secret) {
					t.Errorf("the sentence repeats a secret: %s", stderr)
				}
			}
			left, err := os.ReadDir(".")
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// TestRefusedInput gives commands what the domain refuses, once the database is
// open.
func TestRefusedInput(t *testing.T) {
	unset(t)
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		name string
		code int
		args []string
		want string
	}{
		{"blank label", exitUsage, []string{"token", "mint", "--label=  ", "--ability=read"}, "label: must have 1 to 100 characters"},
		{"long label", exitUsage, []string{"token", "mint", "--label=" + strings.Repeat("é", 101), "--ability=read"}, "label: must have 1 to 100 characters"},
		{"control character", exitUsage, []string{"token", "mint", "--label=a\x1b[31m", "--ability=read"}, "label: must not contain control characters"},
		{"no such workspace to mint in", exitFailed, []string{"token", "mint", "--label=a", "--ability=read", "--workspace=acme"}, `there is no workspace "acme": see keloa-tokens workspace list`},
		{"no such workspace to list", exitFailed, []string{"token", "list", "--workspace=acme"}, `there is no workspace "acme"`},
		{"no such token to show", exitFailed, []string{"token", "show", someID}, "there is no token " + someID},
		{"no such token to revoke", exitFailed, []string{"token", "revoke", someID}, "there is no token " + someID},
		{"no such operator", exitFailed, []string{"signin", "--operator=ana@example.com"}, "there is no operator"},
		{"no address", exitUsage, []string{"signin", "--operator=ana"}, "email: must be an e-mail address"},
		{"bad slug", exitUsage, []string{"workspace", "create", "Acme!"}, "slug: must be"},
		{"long name", exitUsage, []string{"workspace", "create", "acme", "--name=" + strings.Repeat("a", 101)}, "name: must have 1 to 100 characters"},
		{"bad owner", exitUsage, []string{"workspace", "create", "acme", "--owner=Ana <ana@example.com>"}, "email: must be an e-mail address"},
		{"slug taken", exitFailed, []string{"workspace", "create", "default"}, `there is a workspace "default" already`},
		{"no such workspace to change", exitFailed, []string{"workspace", "set-plan", "acme", "growth"}, `there is no workspace "acme"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := runCommand(t, c.args...)
			if code != c.code || stdout != "" {
				t.Errorf("exit code %d, standard output %q", code, stdout)
			}
			checkSentence(t, stderr, c.want)
		})
	}
	code, stdout, stderr := runCommand(t, "token", "list", "--all", "--json")
	if code != exitDone || stdout != "[]\n" {
		t.Errorf("something was minted: %d %s%s", code, stdout, stderr)
	}
}

func checkSentence(t *testing.T, stderr, want string) {
	t.Helper()
	if !strings.HasPrefix(stderr, programName+": ") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
		t.Errorf("standard error is %q, want one sentence with %q", stderr, want)
	}
}

// TestLostSecret mints to an output that cannot be written to: the token is
// there and its secret is not, so the sentence says which to revoke.
func TestLostSecret(t *testing.T) {
	unset(t)
	t.Chdir(t.TempDir())
	var stderr strings.Builder
	code := run([]string{"token", "mint", "--label=a", "--ability=read"}, streams{strings.NewReader(""), full{}, &stderr})
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	_, rest, _ := strings.Cut(stderr.String(), "revoke token ")
	id, _, _ := strings.Cut(rest, " ")
	checkSentence(t, stderr.String(), "which is lost now")
	if code, _, errs := runCommand(t, "token", "revoke", id); code != exitDone {
		t.Errorf("revoke %q: %s", id, errs)
	}
}

// full is an output without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

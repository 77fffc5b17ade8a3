package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token/tokentest"
)

// provider is a real provider of OpenID Connect: the example server of
// zitadel/oidc, in a process of its own. Each start makes it sign with a new key.
type provider struct {
	issuer, port, users, redirect string
	process                       *exec.Cmd
}

// The people that the provider knows. Their name is what it says of them.
const people = `{
	"ana":   {"ID": "ana", "Username": "ana", "Password": "pw", "FirstName": "default", "LastName": "ops", "Email": "Ana@example.com", "EmailVerified": true},
	"bob":   {"ID": "bob", "Username": "bob", "Password": "pw", "FirstName": "acme", "LastName": "staff", "Email": "bob@example.com", "EmailVerified": true},
	"eve":   {"ID": "eve", "Username": "eve", "Password": "pw", "FirstName": "default", "LastName": "ops", "Email": "ana@example.com", "EmailVerified": false},
	"mal":   {"ID": "mal", "Username": "mal", "Password": "pw", "FirstName": "default", "LastName": "guests", "Email": "mal@example.com", "EmailVerified": true}
}`

// newProvider chooses where the provider will be; it is not started.
func newProvider(t *testing.T) *provider {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	users := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(users, []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	return &provider{issuer: "http://localhost:" + port + "/", port: port, users: users}
}

// start starts the provider, and waits until it answers.
func (p *provider) start(t *testing.T) {
	t.Helper()
	p.process = exec.Command(providerProgram(t))
	p.process.Env = append(os.Environ(), "PORT="+p.port, "USERS_FILE="+p.users, "REDIRECT_URI="+p.redirect)
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	await(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.issuer+".well-known/openid-configuration", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func (p *provider) stop() {
	if p.process != nil {
		_ = p.process.Process.Kill()
		_ = p.process.Wait()
		p.process = nil
	}
}

// providerProgram builds the provider, once for all tests of all time: the go
// command keeps it.
func providerProgram(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "tool", "-C", "..", "-modfile=.ci/provider/go.mod", "-n", "github.com/zitadel/oidc/v3/example/server").Output()
	if err != nil {
		t.Fatalf("build the provider of OpenID Connect (.ci/install gets what it needs): %v", err)
	}
	return strings.TrimSpace(string(out))
}

// options are those of our server for the provider.
func (p *provider) options(claims identity.Claims) *identity.ProviderOptions {
	return &identity.ProviderOptions{Issuer: p.issuer, ClientID: "web", ClientSecret: "secret", Claims: claims}
}

// openWith serves a site where operators sign in with the provider.
func openWith(t *testing.T, p *provider, claims identity.Claims) *site {
	t.Helper()
	s := openSiteWith(t, sqliteEnv(t, tokentest.Config{}), "http", func(o *handlerOptions) { o.Operators.oidc = p.options(claims) })
	p.redirect = s.public + callbackPath
	return s
}

// guest is a browser that follows no redirect by itself.
type guest struct {
	*http.Client
	t *testing.T
}

func newGuest(t *testing.T) *guest {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, t}
}

// seen is an answer, read as far as tests look at it.
type seen struct {
	status         int
	location, body string
}

func (b *guest) ask(method, target string, form url.Values) seen {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := b.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	location := answer.Header.Get("Location")
	if u, err := answer.Location(); err == nil {
		location = u.String()
	}
	return seen{answer.StatusCode, location, string(body)}
}

var hiddenID = regexp.MustCompile(`name="id" value="([^"]*)"`)

// signInAs goes from our server to the provider and signs in there. It returns
// where the provider sends the browser back to.
func (b *guest) signInAs(s *site, who, query string) string {
	b.t.Helper()
	at := b.ask(http.MethodGet, s.public+oidcPath+query, nil)
	if at.status != http.StatusSeeOther {
		b.t.Fatalf("to the provider: %d %s", at.status, at.body)
	}
	for range 3 { // to the form
		if at.location == "" {
			break
		}
		at = b.ask(http.MethodGet, at.location, nil)
	}
	id := hiddenID.FindStringSubmatch(at.body)
	if id == nil {
		b.t.Fatalf("the provider shows no form: %d %s", at.status, at.body)
	}
	origin := strings.TrimSuffix(s.handlers.provider.Issuer, "/")
	at = b.ask(http.MethodPost, origin+"/login/username", url.Values{"id": {id[1]}, "username": {who}, "password": {"pw"}})
	at = b.ask(http.MethodGet, at.location, nil)
	if !strings.HasPrefix(at.location, s.public+callbackPath) {
		b.t.Fatalf("the provider does not lead back: %d %s %s", at.status, at.location, at.body)
	}
	return at.location
}

// viewer is who our server takes the browser for: e-mail address, workspace, way
// and role.
func (b *guest) viewer(s *site) string {
	b.t.Helper()
	query := url.Values{"query": {"{viewer {actor {name} workspace {slug} session {way role}}}"}}
	at := b.ask(http.MethodGet, s.public+graphQLPath+"?"+query.Encode(), nil)
	var answer struct {
		Data struct {
			Viewer struct {
				Actor     struct{ Name string }
				Workspace struct{ Slug string }
				Session   struct{ Way, Role string }
			}
		}
	}
	if err := json.Unmarshal([]byte(at.body), &answer); err != nil {
		b.t.Fatal(err)
	}
	v := answer.Data.Viewer
	return strings.TrimSpace(strings.Join([]string{v.Actor.Name, v.Workspace.Slug, v.Session.Way, v.Session.Role}, " "))
}

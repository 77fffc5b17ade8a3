package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

var hostApp = map[string]string{"app": "s3cret"}

// basic is the Authorization header of the host application.
var basic = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("app:s3cret"))

const jsonBody = "Content-Type: application/json"

// askSession asks for a session as the host application does.
func (s *site) askSession(t *testing.T, body string) answer {
	t.Helper()
	return s.do(t, "POST", s.internal+"/sessions", body, basic, jsonBody)
}

// hostSession returns the Authorization header of a session that the host
// application asked for.
func (s *site) hostSession(t *testing.T, email, role string) string {
	t.Helper()
	a := s.do(t, "POST", s.internal+"/sessions", `{"workspace":"default","operator":{"id":"7","email":"`+email+`","name":"Ana"},"role":"`+role+`","ttlSeconds":600}`, basic, jsonBody)
	var given hostSessionAnswer
	if err := json.Unmarshal([]byte(a.body), &given); err != nil || a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	secret, err := bearer.Parse(given.Session)
	if err != nil || secret.Kind() != bearer.Session {
		t.Fatalf("the session is %v, %v", secret, err)
	}
	if !given.ExpiresAt.Equal(s.Now().Add(10 * time.Minute)) {
		t.Errorf("it expires at %s", given.ExpiresAt)
	}
	return "Authorization: Bearer " + secret.Reveal()
}

func openHosted(t *testing.T) *site {
	t.Helper()
	return openSite(t, sqliteEnv(t, tokentest.Config{}), "http", hostApp)
}

func TestHostSession(t *testing.T) {
	s := openHosted(t)
	header := s.hostSession(t, "ana@example.com", "MEMBER")
	wantViewer(t, s.ask(t, whoAmI, header), "ana@example.com")
	if a := s.ask(t, `{"query":"mutation {mintToken(input: {label: \"x\", abilities: [READ]}) {secret}}"}`, header); !strings.Contains(a.body, "FORBIDDEN") {
		t.Errorf("a member mints: %s", a.body)
	}
	s.Advance(10 * time.Minute)
	if a := s.ask(t, whoAmI, header); a.status != http.StatusUnauthorized {
		t.Errorf("after its time: %d %s", a.status, a.body)
	}
	s.WantAudit(t,
		"operator.add SUCCEEDED host application ana@example.com",
		"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
		"developers.api_token.refuse REFUSED ana@example.com ",
	)
}

func TestHostSessionIsAskedForProperly(t *testing.T) {
	s := openHosted(t)
	const good = `{"workspace":"default","operator":{"id":"7","email":"ana@example.com","name":"Ana"},"role":"ADMIN"}`
	for name, c := range map[string]struct{ body, want string }{
		"empty":                 {``, "body: must be a JSON object"},
		"a list":                {`[]`, "body: must be a JSON object"},
		"cut short":             {good[:len(good)-1], "body: must be a JSON object"},
		"two objects":           {good + `{}`, "body: must be one JSON object"},
		"an unknown field":      {strings.Replace(good, `"role"`, `"Role"`, 1), "body: has a field that is none of operator, role, ttlSeconds, workspace"},
		"a field twice":         {strings.Replace(good, `"role":"ADMIN"`, `"role":"MEMBER","role":"ADMIN"`, 1), "role: must not come twice"},
		"no workspace":          {strings.Replace(good, `"workspace":"default",`, ``, 1), "workspace: must be given"},
		"a number":              {strings.Replace(good, `"default"`, `7`, 1), "workspace: must be a string"},
		"another workspace":     {strings.Replace(good, `default`, `nowhere`, 1), "workspace: is the slug of none"},
		"no operator":           {`{"workspace":"default","role":"ADMIN"}`, "operator: must be given"},
		"an operator's name":    {strings.Replace(good, `{"id":"7","email":"ana@example.com","name":"Ana"}`, `"ana"`, 1), "operator: must be a JSON object"},
		"an unknown one of who": {strings.Replace(good, `"id"`, `"uid"`, 1), "operator: has a field that is none of email, id, name"},
		"a list for an id":      {strings.Replace(good, `"7"`, `[]`, 1), "operator.id: must be a string"},
		"no id":                 {strings.Replace(good, `"id":"7",`, ``, 1), "operator.id: must be given"},
		"no e-mail":             {strings.Replace(good, `ana@example.com`, `ana`, 1), "email: must be an e-mail address such as ana@example.com"},
		"a name of controls":    {strings.Replace(good, `Ana`, `A\u0007`, 1), "name: must not contain control characters"},
		"a role of none":        {strings.Replace(good, `ADMIN`, `admin`, 1), "role: must be ADMIN or MEMBER"},
		"too long":              {strings.Replace(good, `}`, `}`, 1)[:len(good)-1] + `,"ttlSeconds":3601}`, "ttlSeconds: must be 1 to 3600"},
		"too short":             {good[:len(good)-1] + `,"ttlSeconds":0}`, "ttlSeconds: must be 1 to 3600"},
		"a fraction":            {good[:len(good)-1] + `,"ttlSeconds":1.5}`, "ttlSeconds: must be a whole number"},
	} {
		if a := s.askSession(t, c.body); a.status != http.StatusBadRequest || a.code() != "BAD_USER_INPUT" || !strings.Contains(a.body, `"`+c.want+`"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, c := range map[string]struct {
		headers []string
		body    string
		status  int
	}{
		"no credentials":    {[]string{jsonBody}, good, http.StatusUnauthorized},
		"wrong credentials": {[]string{jsonBody, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("app:guess"))}, good, http.StatusUnauthorized},
		"no type":           {[]string{basic}, good, http.StatusUnsupportedMediaType},
		"a form":            {[]string{basic, "Content-Type: text/plain"}, good, http.StatusUnsupportedMediaType},
		"too large":         {[]string{basic, jsonBody}, strings.Repeat(" ", 5000) + good, http.StatusRequestEntityTooLarge},
	} {
		if a := s.do(t, "POST", s.internal+"/sessions", c.body, c.headers...); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.WantAudit(t)
	// On the public listener it is not there, and with nobody to ask for it, it is
	// closed.
	if a := s.do(t, "POST", s.public+"/sessions", good, basic, jsonBody); a.status != http.StatusNotFound {
		t.Errorf("in public: %d", a.status)
	}
	oneSite(t, func(t *testing.T, s *site) {
		if a := s.do(t, "POST", s.internal+"/sessions", good, jsonBody); a.status != http.StatusUnauthorized {
			t.Errorf("without resource servers: %d %s", a.status, a.body)
		}
	})
}

func TestSwitchingWorkspaces(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		target := s.public + "/switch-workspace"
		if _, err := s.Service.CreateWorkspace(t.Context(), "acme", "Acme", "SCALE", owner); err != nil {
			t.Fatal(err)
		}
		s.NewAudit(t)
		formed := "Content-Type: application/x-www-form-urlencoded"
		for name, c := range map[string]struct {
			body    string
			headers []string
			status  int
		}{
			"nobody":            {"workspace=acme", []string{formed}, http.StatusUnauthorized},
			"a bearer":          {"workspace=acme", []string{formed, "Authorization: Bearer " + s.keep(s.OwnerSession)}, http.StatusUnauthorized},
			"a foreign page":    {"workspace=acme", []string{formed, cookie, "Origin: https://evil.example"}, http.StatusForbidden},
			"no workspace":      {"x=y", []string{formed, cookie}, http.StatusBadRequest},
			"no form":           {"workspace=acme", []string{cookie}, http.StatusUnsupportedMediaType},
			"not one of theirs": {"workspace=nowhere", []string{formed, cookie}, http.StatusNotFound},
		} {
			if a := s.do(t, "POST", target, c.body, c.headers...); a.status != c.status || len(a.cookies()) > 0 {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		s.WantAudit(t)
		a := s.do(t, "POST", target, "workspace=acme&return=%2Fsettings%2Fapi-tokens", formed, cookie)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/settings/api-tokens" || len(a.cookies()) != 1 {
			t.Fatalf("%d %s %s", a.status, a.header, a.body)
		}
		if again := s.ask(t, whoAmI, cookie); again.status != http.StatusUnauthorized {
			t.Errorf("the session before goes on: %d", again.status)
		}
		secret, err := bearer.Parse(a.cookies()[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		moved := s.ask(t, `{"query":"{viewer {workspace {slug}}}"}`, "Cookie: keloa_session="+s.keep(secret))
		if !strings.Contains(moved.body, `"acme"`) {
			t.Errorf("moved to %s", moved.body)
		}
		s.WantAudit(t, signedIn, signedOff)
	})
}

func TestOwnPath(t *testing.T) {
	for path, want := range map[string]string{
		"/settings/api-tokens?a=b#c": "/settings/api-tokens?a=b#c",
		"":                           "/", "settings": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/", "javascript:alert(1)": "/",
		"/\t/evil.example": "/", "/a b": "/", "/é": "/", "/%zz": "/", "/" + strings.Repeat("x", 512): "/", "///evil.example": "/",
		"/%5Cevil.example": "/%5Cevil.example",
	} {
		if got := ownPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

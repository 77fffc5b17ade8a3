package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keloa/apitokens/ent/operator"
)

const (
	issuerName = "https://host.example"
	audience   = "keloa"
)

var usual = Claims{Email: "email", Name: "name", Workspace: "workspace", Role: "role", Admin: "ADMIN", Member: "MEMBER"}

// signer is a host application that signs tokens and publishes its keys.
type signer struct {
	t     *testing.T
	now   time.Time
	set   atomic.Pointer[[]byte]
	asked atomic.Int64
	down  atomic.Bool
	url   string
	key   *rsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{t: t, now: time.Now(), key: newRSA(t)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(*s.set.Load())
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.publish(jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: "one", Algorithm: "RS256", Use: "sig"})
	return s
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *signer) publish(list ...jose.JSONWebKey) {
	s.t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: list})
	if err != nil {
		s.t.Fatal(err)
	}
	s.set.Store(&text)
}

// issuer is our side.
func (s *signer) issuer() *Issuer {
	return NewIssuer(IssuerOptions{Issuer: issuerName, Audience: audience, Keys: s.url, Claims: usual, Now: func() time.Time { return s.now }})
}

// claims are good ones, with some of them changed; nil takes one away.
func (s *signer) claims(changes map[string]any) map[string]any {
	all := map[string]any{
		"iss": issuerName, "aud": audience, "sub": "7", "exp": s.now.Add(time.Hour).Unix(), "iat": s.now.Unix(),
		"email": "ana@example.com", "name": "Ana", "workspace": "acme", "role": "ADMIN",
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func (s *signer) sign(changes map[string]any) string {
	return s.signWith(jose.RS256, s.key, "one", changes)
}

func (s *signer) signWith(alg jose.SignatureAlgorithm, key any, kid string, changes map[string]any) string {
	s.t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options.WithHeader("kid", kid)
	}
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		s.t.Fatal(err)
	}
	payload, err := json.Marshal(s.claims(changes))
	if err != nil {
		s.t.Fatal(err)
	}
	signature, err := by.Sign(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := signature.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	s := newSigner(t)
	text := s.sign(nil)
	got, err := s.issuer().Verify(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Email != "ana@example.com" || got.Name != "Ana" || got.Subject != "7" || got.Roles["acme"] != operator.RoleADMIN || len(got.Roles) != 1 ||
		!got.Ends.Equal(s.now.Add(time.Hour+Leeway).Truncate(time.Second)) || string(got.Content) != text[:strings.LastIndex(text, ".")] {
		t.Errorf("it says %+v", got)
	}
	if !Looks(text) || Looks("keloa_os_"+strings.Repeat("x", 32)) || Looks("a.b.c") {
		t.Error("what looks like a token does not, or what does not does")
	}
}

func TestVerifyRefuses(t *testing.T) {
	s := newSigner(t)
	issuer := s.issuer()
	at := func(d time.Duration) int64 { return s.now.Add(d).Unix() }
	for name, changes := range map[string]map[string]any{
		"another issuer":   {"iss": "https://evil.example"},
		"no issuer":        {"iss": nil},
		"another audience": {"aud": "others"},
		"no audience":      {"aud": nil},
		"other audiences":  {"aud": []string{"a", "b"}},
		"expired":          {"exp": at(-Leeway - 2*time.Second)},
		"no end":           {"exp": nil},
		"an end as a text": {"exp": "tomorrow"},
		"an end too far":   {"exp": at(24*time.Hour + time.Minute)},
		"not yet":          {"nbf": at(Leeway + 2*time.Second)},
		"from the future":  {"iat": at(Leeway + 2*time.Second)},
		"nobody":           {"sub": nil},
		"too long":         {"more": strings.Repeat("x", maxSigned)},
	} {
		if _, err := issuer.Verify(t.Context(), s.sign(changes)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, changes := range map[string]map[string]any{
		"one of ours":      {"aud": []string{"others", audience}},
		"just now expired": {"exp": at(-Leeway + 2*time.Second)},
		"just about to be": {"nbf": at(Leeway - 2*time.Second), "iat": at(Leeway - 2*time.Second)},
	} {
		if _, err := issuer.Verify(t.Context(), s.sign(changes)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifyTrustsNoAlgorithmOfTheToken has tokens choose how they are checked.
func TestVerifyTrustsNoAlgorithmOfTheToken(t *testing.T) {
	s := newSigner(t)
	issuer := s.issuer()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	payload, err := json.Marshal(s.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	good := s.sign(nil)
	for name, text := range map[string]string{
		"none":                    encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".",
		"None":                    encode([]byte(`{"alg":"None","kid":"one"}`)) + "." + encode(payload) + ".",
		"our public key as HMAC":  s.signWith(jose.HS256, public, "one", nil),
		"a short secret":          s.signWith(jose.HS256, []byte(strings.Repeat("k", 32)), "", nil),
		"another's key, our name": s.signWith(jose.RS256, newRSA(t), "one", nil),
		"another algorithm":       s.signWith(jose.PS256, s.key, "one", nil),
		"a signature cut short":   good[:len(good)-4],
		"claims changed":          strings.Replace(good, ".", ".e30", 1),
		"no signature":            good[:strings.LastIndex(good, ".")+1],
		"two parts":               good[:strings.LastIndex(good, ".")],
		"nothing":                 "",
	} {
		if _, err := issuer.Verify(t.Context(), text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	s := newSigner(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.publish(
		jose.JSONWebKey{Key: &curve.PublicKey, KeyID: "ec"}, jose.JSONWebKey{Key: edwards, KeyID: "ed"},
		jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: "enc", Use: "enc"}, jose.JSONWebKey{Key: s.key, KeyID: "private"},
		jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32)), KeyID: "oct"},
	)
	issuer := s.issuer()
	for name, text := range map[string]string{
		"ES256": s.signWith(jose.ES256, curve, "ec", nil), "EdDSA": s.signWith(jose.EdDSA, private, "ed", nil),
		"without an id": s.signWith(jose.ES256, curve, "", nil),
	} {
		if _, err := issuer.Verify(t.Context(), text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"a key for encryption": s.signWith(jose.RS256, s.key, "enc", nil), "a private key": s.signWith(jose.RS256, s.key, "private", nil),
		"a secret key": s.signWith(jose.HS256, []byte(strings.Repeat("k", 32)), "oct", nil),
	} {
		if _, err := issuer.Verify(t.Context(), text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	s := newSigner(t)
	issuer := s.issuer()
	verify := func(text string) error {
		_, err := issuer.Verify(t.Context(), text)
		return err
	}
	old := s.sign(nil)
	if err := verify(old); err != nil || s.asked.Load() != 1 {
		t.Fatalf("%v after %d questions", err, s.asked.Load())
	}
	// A key that is not known is asked for, but not again and again.
	next := newRSA(t)
	fresher := s.signWith(jose.RS256, next, "two", nil)
	s.publish(jose.JSONWebKey{Key: &next.PublicKey, KeyID: "two"})
	for range 50 {
		if err := verify(fresher); !errors.Is(err, ErrInvalid) {
			t.Fatalf("at once: %v", err)
		}
	}
	if s.asked.Load() != 1 {
		t.Errorf("%d questions at once", s.asked.Load())
	}
	s.now = s.now.Add(pause)
	if err := verify(fresher); err != nil || s.asked.Load() != 2 {
		t.Errorf("a new key: %v after %d questions", err, s.asked.Load())
	}
	if err := verify(old); !errors.Is(err, ErrInvalid) {
		t.Errorf("a key that is withdrawn: %v", err)
	}
	// One that is withdrawn stops counting after a while, whoever asks.
	s.publish(jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: "one"})
	s.now = s.now.Add(fresh)
	if err := verify(fresher); !errors.Is(err, ErrInvalid) {
		t.Errorf("withdrawn: %v", err)
	}
	// An issuer that does not answer is taken at its last word, for a while.
	s.down.Store(true)
	s.now = s.now.Add(kept - time.Second)
	if err := verify(s.sign(nil)); err != nil {
		t.Errorf("it does not answer: %v", err)
	}
	s.now = s.now.Add(pause)
	if err := verify(s.sign(nil)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("it does not answer for long: %v", err)
	}
	s.down.Store(false)
	s.now = s.now.Add(pause)
	if err := verify(s.sign(nil)); err != nil {
		t.Errorf("it answers again: %v", err)
	}
}

func TestClaims(t *testing.T) {
	ops, err := ParseClaims("workspace=org, role=realm.roles,admin=ops,member=staff", usual)
	if err != nil {
		t.Fatal(err)
	}
	roles := func(list ...any) map[string]any { return map[string]any{"roles": list} }
	s := newSigner(t)
	for name, c := range map[string]struct {
		claims  Claims
		changes map[string]any
		sure    bool
		want    string
	}{
		"as it is":               {usual, nil, true, "acme=ADMIN"},
		"a list":                 {usual, map[string]any{"workspace": []any{"acme", "beta"}, "role": []any{"x", "member"}}, true, "acme=MEMBER beta=MEMBER"},
		"no role":                {usual, map[string]any{"role": nil}, true, "acme=MEMBER"},
		"a role of none":         {usual, map[string]any{"role": "boss"}, true, "refused"},
		"no workspace":           {usual, map[string]any{"workspace": nil}, true, "added"},
		"a workspace of none":    {usual, map[string]any{"workspace": 7}, true, "added"},
		"no e-mail":              {usual, map[string]any{"email": nil}, true, "refused"},
		"not verified":           {usual, map[string]any{"email_verified": false}, true, "refused"},
		"not said, and not sure": {usual, nil, false, "refused"},
		"said as a text":         {usual, map[string]any{"email_verified": "true"}, false, "acme=ADMIN"},
		"said to be a number":    {usual, map[string]any{"email_verified": 1.0}, true, "refused"},
		"nested":                 {ops, map[string]any{"org": "acme", "realm": roles("staff", "ops")}, true, "acme=ADMIN"},
		"nested, a member":       {ops, map[string]any{"org": "acme", "realm": roles("staff")}, true, "acme=MEMBER"},
		"nested, of none":        {ops, map[string]any{"org": "acme", "realm": roles("guests")}, true, "refused"},
		"called with a dot":      {ops, map[string]any{"org": "acme", "realm.roles": "ops", "realm": "x"}, true, "acme=ADMIN"},
		"by other names":         {ops, nil, true, "added"},
	} {
		who, err := c.claims.person(s.claims(c.changes), "7", c.sure)
		got := "added"
		if who.Roles != nil {
			got = ""
			for _, slug := range []string{"acme", "beta"} {
				if role, ok := who.Roles[slug]; ok {
					got += " " + slug + "=" + string(role)
				}
			}
		}
		if _, refused := errors.AsType[*Refusal](err); refused {
			got = "refused"
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, text := range []string{"x", "workspace", "workspace=", "boss=x", "role=a,role=b", ",", "workspace=a,"} {
		if _, err := ParseClaims(text, usual); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

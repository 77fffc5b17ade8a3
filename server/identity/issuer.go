package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keloa/apitokens/token"
)

const (
	// maxLife is how far ahead the end of a token may be: who signs for longer
	// has no way of taking it back.
	maxLife = 24 * time.Hour
	// maxSigned is how long a token may be, in bytes.
	maxSigned = 16 << 10
)

// IssuerOptions say whose tokens are taken.
type IssuerOptions struct {
	Issuer   string
	Audience string // who we are to the issuer
	Keys     string // the URL or the file of its keys
	Claims   Claims
	Now      func() time.Time
}

// Issuer checks the JSON Web Tokens (RFC 7519) of one issuer.
type Issuer struct {
	claims Claims
	now    func() time.Time
	check  verifier
}

// NewIssuer returns an Issuer. Its keys are read when the first token comes.
func NewIssuer(o IssuerOptions) *Issuer {
	set := newKeys(o.Now, keySource(newClient(), o.Keys))
	return &Issuer{o.Claims, o.Now, verifier{o.Issuer, o.Audience, set}}
}

// Signed is what a token says.
type Signed struct {
	token.Person
	// Content is what its signature is over.
	Content []byte
	Ends    time.Time // when it does, with the leeway
}

// Looks reports whether text looks like a JSON Web Token: three parts, of which the
// first begins as JSON in base64.
func Looks(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
}

// Verify checks a token: its signature, issuer, audience and time. It reports
// [ErrInvalid], [ErrUnreachable] and [Refusal].
func (i *Issuer) Verify(ctx context.Context, text string) (Signed, error) {
	checked, claims, err := i.check.verify(ctx, text, i.now())
	if err != nil {
		return Signed{}, err
	}
	ends := checked.Expiry.Time()
	if ends.Sub(i.now()) > maxLife {
		return Signed{}, fmt.Errorf("%w: it lasts for more than %s", ErrInvalid, maxLife)
	}
	who, err := i.claims.person(claims, checked.Subject, true)
	if err != nil {
		return Signed{}, err
	}
	content := text[:strings.LastIndexByte(text, '.')]
	return Signed{who, []byte(content), ends.Add(Leeway)}, nil
}

// verifier knows whose signatures count, and for whom.
type verifier struct {
	issuer, audience string
	keys             *keys
}

// verify checks a token, which must say whom it is about and when it ends, and
// reads its claims.
func (v verifier) verify(ctx context.Context, text string, now time.Time) (checked jwt.Claims, claims map[string]any, err error) {
	if len(text) > maxSigned {
		return checked, nil, fmt.Errorf("%w: it is longer than %d bytes", ErrInvalid, maxSigned)
	}
	payload, err := v.keys.verify(ctx, text)
	if err != nil {
		return checked, nil, err
	}
	err = json.Unmarshal(payload, &checked)
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err == nil {
		expected := jwt.Expected{Issuer: v.issuer, AnyAudience: jwt.Audience{v.audience}, Time: now}
		err = checked.ValidateWithLeeway(expected, Leeway)
	}
	switch {
	case err != nil:
		return checked, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	case checked.Expiry == nil:
		return checked, nil, fmt.Errorf("%w: it does not say when it ends", ErrInvalid)
	case checked.Subject == "":
		return checked, nil, fmt.Errorf("%w: it does not say whom it is about", ErrInvalid)
	}
	return checked, claims, nil
}

package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/keloa/apitokens/token"
)

// ProviderOptions say with whom operators sign in.
type ProviderOptions struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty for a client without one
	RedirectURL  string // where the provider sends them back to
	Claims       Claims
	Now          func() time.Time
}

// Provider signs operators in by OpenID Connect: the code flow with PKCE (RFC
// 7636). It asks the provider nothing before the first of them comes.
type Provider struct {
	ProviderOptions

	client *http.Client
	found  cached[*discovered]
}

// discovered is what the provider says of itself.
type discovered struct {
	*oidc.Provider
	config oauth2.Config
	check  verifier
}

// NewProvider returns a Provider.
func NewProvider(o ProviderOptions) *Provider {
	p := &Provider{ProviderOptions: o, client: newClient()}
	p.found.now, p.found.load = o.Now, p.discover
	return p
}

// discover reads what the provider says of itself (OpenID Connect Discovery 1.0).
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil || !IsURL(more.Keys) {
		return nil, fmt.Errorf("%w: it does not say where its keys are", ErrUnreachable)
	}
	config := oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.RedirectURL,
		Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
	// HTTP Basic is what there is if nothing is said.
	config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	set := newKeys(p.Now, keySource(p.client, more.Keys))
	return &discovered{provider, config, verifier{p.Issuer, p.ClientID, set}}, nil
}

func (p *Provider) provider(ctx context.Context) (*discovered, error) {
	return p.found.get(ctx, func(*discovered) bool { return true })
}

// Flow is what one sign-in remembers until the provider answers. It belongs in a
// cookie of the browser that began it.
type Flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Begin returns where the browser is to be sent to, and what is to be remembered.
func (p *Provider) Begin(ctx context.Context) (string, Flow, error) {
	found, err := p.provider(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	flow := Flow{rand.Text(), rand.Text(), oauth2.GenerateVerifier()}
	return found.config.AuthCodeURL(flow.State, oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier)), flow, nil
}

// Answer is what the provider sent the browser back with. Anyone may have made it
// up.
type Answer struct {
	State, Code, Error string
	Issuer             string // RFC 9207; empty where it is not said
}

// check reports why an answer is none to the sign-in that the browser began, or
// says that nobody signed in.
func (p *Provider) check(flow Flow, answer Answer) error {
	switch {
	case flow.State == "" || subtle.ConstantTimeCompare([]byte(flow.State), []byte(answer.State)) == 0:
		return fmt.Errorf("%w: the answer is to a sign-in that this browser did not begin", ErrInvalid)
	case answer.Issuer != "" && answer.Issuer != p.Issuer:
		return fmt.Errorf("%w: the answer is another provider's", ErrInvalid)
	case answer.Error != "":
		return &Refusal{Code: Declined, Reason: "The identity provider did not sign you in"}
	case answer.Code == "":
		return fmt.Errorf("%w: the answer has no code", ErrInvalid)
	}
	return nil
}

// Finish exchanges the code in the answer for who signed in. It reports
// [ErrInvalid], [ErrUnreachable] and [Refusal].
func (p *Provider) Finish(ctx context.Context, flow Flow, answer Answer) (token.Person, error) {
	if err := p.check(flow, answer); err != nil {
		return token.Person{}, err
	}
	found, err := p.provider(ctx)
	if err != nil {
		return token.Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	given, err := found.config.Exchange(ctx, answer.Code, oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return token.Person{}, exchangeError(err)
	}
	text, _ := given.Extra("id_token").(string)
	checked, claims, err := found.check.verify(ctx, text, p.Now())
	if err != nil {
		return token.Person{}, err
	}
	switch {
	case claims["nonce"] != flow.Nonce:
		return token.Person{}, fmt.Errorf("%w: the ID token is of another sign-in", ErrInvalid)
	case len(checked.Audience) > 1 && claims["azp"] != p.ClientID:
		return token.Person{}, fmt.Errorf("%w: the ID token is another client's", ErrInvalid)
	}
	if err := complete(ctx, found, given, checked.Subject, claims); err != nil {
		return token.Person{}, err
	}
	return p.Claims.person(claims, checked.Subject, false)
}

// complete adds the claims that the provider tells only who asks for them: with an
// access token at hand, many leave them out of the ID token (OpenID Connect Core
// 1.0, section 5.4). What the ID token says counts.
func complete(ctx context.Context, found *discovered, given *oauth2.Token, subject string, claims map[string]any) error {
	if found.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(given))
	if err != nil {
		return fmt.Errorf("%w: ask who signed in", ErrUnreachable) // the error may quote an answer
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil || info.Subject != subject {
		return fmt.Errorf("%w: the provider tells of somebody else", ErrInvalid)
	}
	for name, value := range more {
		if _, said := claims[name]; !said {
			claims[name] = value
		}
	}
	return nil
}

// exchangeError tells a code that is refused from a provider that does not answer.
// What the provider sent is left out: it may hold anything.
func exchangeError(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: the provider refuses the code (%s)", ErrInvalid, refused.Response.Status)
	}
	return fmt.Errorf("%w: exchange the code", ErrUnreachable)
}

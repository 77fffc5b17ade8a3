package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/keloa/apitokens/server/identity"
)

// operatorFlags say who may sign in, besides those with a one-time link.
type operatorFlags struct {
	OIDCIssuer       string   `name:"oidc-issuer" env:"KELOA_OIDC_ISSUER" placeholder:"URL" help:"Operators sign in with this provider of OpenID Connect. Default: none."`
	OIDCClientID     string   `name:"oidc-client-id" env:"KELOA_OIDC_CLIENT_ID" placeholder:"ID" help:"Our client id there. The redirect URI is /sign-in/oidc/callback after the public URL."`
	OIDCClientSecret string   `name:"oidc-client-secret" env:"KELOA_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Our client secret there; it may be env:NAME or file:PATH. Default: none, for a public client."`
	OIDCClaims       string   `name:"oidc-claims" env:"KELOA_OIDC_CLAIMS" placeholder:"LIST" help:"Which claims say what somebody may do, such as workspace=org,role=groups,admin=ops,member=staff. Default: none, so that operators are those who were added."`
	JWTIssuer        string   `name:"jwt-issuer" env:"KELOA_JWT_ISSUER" placeholder:"TEXT" help:"Accept JSON Web Tokens of this issuer, the host application, as operators' credentials. Default: none."`
	JWTAudience      string   `name:"jwt-audience" env:"KELOA_JWT_AUDIENCE" placeholder:"TEXT" help:"The audience that they must name."`
	JWTKeys          string   `name:"jwt-keys" env:"KELOA_JWT_KEYS" placeholder:"URL-OR-FILE" help:"The JSON Web Key Set that they are signed with."`
	JWTClaims        string   `name:"jwt-claims" env:"KELOA_JWT_CLAIMS" placeholder:"LIST" help:"As --oidc-claims. Default: workspace=workspace,role=role,admin=ADMIN,member=MEMBER."`
	AllowedOrigin    []string `sep:"none" placeholder:"ORIGIN" help:"An origin whose pages may call with an operator's bearer session or JSON Web Token, never with an API token. The flag repeats ($KELOA_ALLOWED_ORIGINS, separated by spaces). Default: none."`
}

// operatorConfig is who may sign in.
type operatorConfig struct {
	oidc           *identity.ProviderOptions // nil for none
	jwt            *identity.IssuerOptions   // nil for none
	allowedOrigins []string
}

// The claims that are usual.
var (
	oidcClaims = identity.Claims{Email: "email", Name: "name", Admin: "ADMIN", Member: "MEMBER"}
	jwtClaims  = identity.Claims{Email: "email", Name: "name", Workspace: "workspace", Role: "role", Admin: "ADMIN", Member: "MEMBER"}
)

func (f operatorFlags) config(first *error) operatorConfig {
	return operatorConfig{
		oidc:           f.oidc(first),
		jwt:            f.jwt(first),
		allowedOrigins: take(first, setting("allowed-origin"), list(f.AllowedOrigin, "KELOA_ALLOWED_ORIGINS"), parseOrigins),
	}
}

func (f operatorFlags) oidc(first *error) *identity.ProviderOptions {
	claims := take(first, setting("oidc-claims"), f.OIDCClaims, parseClaims(oidcClaims))
	if f.OIDCIssuer == "" {
		if f.OIDCClientID+f.OIDCClientSecret+f.OIDCClaims != "" && *first == nil {
			*first = usagef("%s must be set for the other settings of OpenID Connect to count", setting("oidc-issuer"))
		}
		return nil
	}
	o := &identity.ProviderOptions{
		Issuer:   take(first, setting("oidc-issuer"), f.OIDCIssuer, parseSecureURL),
		ClientID: take(first, setting("oidc-client-id"), f.OIDCClientID, parseNeeded),
		Claims:   claims,
	}
	if f.OIDCClientSecret != "" {
		o.ClientSecret = take(first, setting("oidc-client-secret"), f.OIDCClientSecret, readSecret)
	}
	return o
}

func (f operatorFlags) jwt(first *error) *identity.IssuerOptions {
	claims := take(first, setting("jwt-claims"), f.JWTClaims, parseClaims(jwtClaims))
	if f.JWTIssuer == "" {
		if f.JWTAudience+f.JWTKeys+f.JWTClaims != "" && *first == nil {
			*first = usagef("%s must be set for the other settings of JSON Web Tokens to count", setting("jwt-issuer"))
		}
		return nil
	}
	return &identity.IssuerOptions{
		Issuer:   f.JWTIssuer,
		Audience: take(first, setting("jwt-audience"), f.JWTAudience, parseNeeded),
		Keys:     take(first, setting("jwt-keys"), f.JWTKeys, parseKeys),
		Claims:   claims,
	}
}

func parseClaims(usual identity.Claims) func(string) (identity.Claims, error) {
	return func(text string) (identity.Claims, error) { return identity.ParseClaims(text, usual) }
}

func parseNeeded(text string) (string, error) {
	if text == "" {
		return "", errors.New("must be set too")
	}
	return text, nil
}

// parseSecureURL checks a URL that what is trusted comes from: by TLS, or from this
// machine.
func parseSecureURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Fragment != "" || !isMachine(u.Hostname()) ||
		u.Scheme != "https" && (u.Scheme != "http" || !onThisMachine(u)) {
		return "", errors.New("must be an https URL, such as https://login.example.com; http will do on this machine only")
	}
	return text, nil
}

// parseKeys checks where keys are, and a file's content. What is at a URL shows
// when the first token comes.
func parseKeys(place string) (string, error) {
	if identity.IsURL(place) {
		return parseSecureURL(place)
	}
	text, err := os.ReadFile(place)
	if err != nil {
		return "", fmt.Errorf("must be a URL, or a file that can be read: %w", err)
	}
	return place, identity.CheckKeys(text)
}

// parseOrigins checks origins of pages, and writes them as browsers do.
func parseOrigins(texts []string) ([]string, error) {
	origins := make([]string, len(texts))
	for i, text := range texts {
		u, err := parseOrigin(text)
		if err != nil {
			return nil, err
		}
		origins[i] = originText(u)
	}
	return origins, nil
}

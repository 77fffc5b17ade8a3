// Package identity checks what others say of who somebody is: the issuer of the
// JSON Web Tokens of a host application, and a provider of OpenID Connect. What
// the person may do here is for the domain to say.
//
// # Keys
//
// Signatures are checked with the keys that the other party publishes, by
// asymmetric algorithms only: with a shared secret, whoever checks could sign. The
// keys are read again every few minutes, so that one that is withdrawn stops
// counting, and at once for a key that is not known, but not oftener than every few
// seconds, whatever comes.
//
// # Errors
//
// [ErrInvalid] is a credential that is good for nothing, and [ErrUnreachable] the
// other party not answering. [Refusal] is somebody who is known, and is not let in.
package identity

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// Leeway is how far the clock of the other party may be from ours.
	Leeway = 30 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
	// answerTimeout bounds a question to the other party.
	answerTimeout = 5 * time.Second
)

var (
	// ErrInvalid is returned for a credential that is not signed by whom it
	// must be, not for us, or not valid now. Its text says why, for the log.
	ErrInvalid = errors.New("the credential is not valid")
	// ErrUnreachable is returned while the other party does not answer.
	ErrUnreachable = errors.New("the identity provider does not answer")
)

// Refusal is returned for somebody who is known, and who is not let in.
type Refusal struct { //nolint:errname // it says no more than it is
	Email  string // as far as it is known; not verified
	Code   string // one of the codes below
	Reason string // in words, for the log and the audit log
}

// The codes of refusals.
const (
	Declined        = "declined"
	EmailMissing    = "email-missing"
	EmailUnverified = "email-unverified"
	RoleMissing     = "role-missing"
)

func (r *Refusal) Error() string { return r.Reason }

// algorithms are those that a signature may have been made by.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// newClient returns a client that no other party can make wait, or fill the
// memory.
func newClient() *http.Client {
	return &http.Client{Timeout: answerTimeout, Transport: bounded{http.DefaultTransport}}
}

// bounded cuts answers off that are too long.
type bounded struct{ http.RoundTripper }

// RoundTrip is that of [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// reporterKey signs the reports that sites take.
var reporterKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

// report sends a report that key has signed, as key-1.
func (s *site) report(t *testing.T, key *ecdsa.PrivateKey, body string) answer {
	t.Helper()
	digest := sha256.Sum256([]byte(body))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, "POST", s.public+"/secret-scanning/github", body, "Content-Type: application/json",
		"Github-Public-Key-Identifier: key-1", "Github-Public-Key-Signature: "+base64.StdEncoding.EncodeToString(signature))
}

func hit(secret string) string {
	return `{"token":"` + secret + `","type":"keloa_api_token","url":"https://github.com/o/r/blob/1/a.txt?x=` + secret + `","source":"commit"}`
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestReportedSecrets has GitHub find a token, one that was never minted, and
// what is none.
func TestReportedSecrets(t *testing.T) {
	t.Run("flags", func(t *testing.T) { reportedSecrets(t, false) })
	t.Run("revokes", func(t *testing.T) { reportedSecrets(t, true) })
}

func reportedSecrets(t *testing.T, revokes bool) {
	t.Helper()
	tokentest.EachWith(t, tokentest.Config{RevokeExposed: revokes}, func(t *testing.T, e *tokentest.Env) {
		s := openSite(t, e, "http", nil)
		made, secret := s.mint(t, "leaked", ability.Read)
		unknown := s.unknown(t, bearer.Live)
		a := s.report(t, reporterKey, "["+hit(secret)+","+hit(unknown)+","+hit("some_token")+"]")
		var got []feedback
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || len(got) != 3 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for i, want := range []feedback{
			{hashOf(secret), "keloa_api_token", "true_positive"},
			{hashOf(unknown), "keloa_api_token", "false_positive"},
			{hashOf("some_token"), "keloa_api_token", "false_positive"},
		} {
			if got[i] != want {
				t.Errorf("got %+v, want %+v", got[i], want)
			}
		}
		want := []string{minted("leaked"), exposed("leaked")}
		if revokes {
			want = append(want, "developers.api_token.revoke SUCCEEDED exposure policy leaked")
		}
		s.WantAudit(t, want...)
		kept := s.Client().Token.GetX(t.Context(), made.ID)
		if kept.ExposedAt == nil || (kept.RevokedAt != nil) != revokes {
			t.Errorf("exposed at %v, revoked at %v", kept.ExposedAt, kept.RevokedAt)
		}
	})
}

// TestReportsThatAreRefused changes nothing.
func TestReportsThatAreRefused(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "leaked", ability.Read)
		stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		many := "[" + strings.Repeat(hit(secret)+",", maxFound) + hit(secret) + "]"
		for name, c := range map[string]struct {
			key    *ecdsa.PrivateKey
			body   string
			status int
		}{
			"another key":     {stranger, "[" + hit(secret) + "]", http.StatusForbidden},
			"what is no list": {reporterKey, hit(secret), http.StatusBadRequest},
			"too many":        {reporterKey, many, http.StatusRequestEntityTooLarge},
			"too large":       {reporterKey, "[" + strings.Repeat(" ", maxReport) + hit(secret) + "]", http.StatusRequestEntityTooLarge},
		} {
			if a := s.report(t, c.key, c.body); a.status != c.status {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		if a := s.do(t, "POST", s.public+"/secret-scanning/github", "["+hit(secret)+"]"); a.status != http.StatusForbidden {
			t.Errorf("without a signature: %d", a.status)
		}
		s.handlers.scanning.Store(new(scanningKeys))
		if a := s.report(t, reporterKey, "["+hit(secret)+"]"); a.status != http.StatusNotFound {
			t.Errorf("without keys: %d", a.status)
		}
		s.WantAudit(t, minted("leaked"))
	})
}

// published is a key in the form that GitHub publishes it in.
func published(t *testing.T, identifier string, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"public_keys": []map[string]any{{
		"key_identifier": identifier, "is_current": true, "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestScanningKeysAreReadAgain has GitHub sign with another key, and then somebody
// damage the file.
func TestScanningKeysAreReadAgain(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		next, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "keys.json")
		for _, text := range []string{published(t, "key-1", next), "damaged"} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s.handlers.rereadScanningKeys(t.Context(), path)
			if a := s.report(t, reporterKey, "[]"); a.status != http.StatusForbidden {
				t.Errorf("signed with the old key: %d", a.status)
			}
			if a := s.report(t, next, "[]"); a.status != http.StatusOK {
				t.Errorf("signed with the new key: %d", a.status)
			}
		}
	})
}

// TestScanningKeys reads keys in the form that GitHub publishes them in.
func TestScanningKeys(t *testing.T) {
	text := published(t, "90a4", reporterKey)
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	keys, err := parseScanningKeys(path)
	if err != nil || !keys["90a4"].Equal(&reporterKey.PublicKey) {
		t.Errorf("read as %v, %v", keys, err)
	}
	for _, text := range []string{"", "{}", `{"public_keys":[{"key_identifier":"x","key":"y"}]}`, strings.Replace(text, "90a4", "", 1)} {
		write(text)
		if _, err := parseScanningKeys(path); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	if _, err := parseScanningKeys(path + ".none"); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestWhose(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		s := openSite(t, e, "http", map[string]string{"api": "resource-secret"})
		const credentials = "Authorization: Basic YXBpOnJlc291cmNlLXNlY3JldA=="
		made, secret := s.mint(t, "leaked", ability.Read)
		ask := func(text string, headers ...string) answer {
			t.Helper()
			return s.do(t, "POST", s.internal+"/whose", form("token", text), append(headers, asForm)...)
		}
		for _, state := range []token.State{token.StateActive, token.StateRevoked} {
			want := `{"known":true,"id":"` + made.ID.String() + `","label":"leaked","workspace":"default","mode":"LIVE","state":"` + string(state) + `"}` + "\n"
			if a := ask(secret, credentials); a.status != http.StatusOK || a.body != want {
				t.Errorf("%d %s, want %s", a.status, a.body, want)
			}
			if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range []string{"x", s.unknown(t, bearer.Live), s.keep(s.OwnerSession)} {
			if a := ask(text, credentials); a.body != `{"known":false}`+"\n" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if a := ask(secret); a.status != http.StatusUnauthorized {
			t.Errorf("without credentials: %d", a.status)
		}
	})
}

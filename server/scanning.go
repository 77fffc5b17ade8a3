package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

const (
	// maxReport is how many bytes a report of found secrets may have, and
	// maxFound how many it may report.
	maxReport = 512 << 10
	maxFound  = 500
	// maxReporting is how long a report is worked on: GitHub waits for 30
	// seconds. Whatever is left then is reported again.
	maxReporting = 20 * time.Second
	// reporting is how many secrets of a report are worked on at once.
	reporting = 8
)

var (
	errSignature = &graph.Problem{
		Code: graph.CodeForbidden, Status: http.StatusForbidden,
		Message: "the report is not signed with a key that is configured",
	}
	errReport      = badRequest(http.StatusBadRequest, "the report must be a JSON array of objects with token, type, url and source")
	errTooManyHits = badRequest(http.StatusRequestEntityTooLarge, fmt.Sprintf("a report may have at most %d secrets", maxFound))
)

// scanningKeys are the keys that reports are signed with, by their identifier.
type scanningKeys map[string]*ecdsa.PublicKey

// parseScanningKeys reads the keys from a file as GitHub publishes them, at
// https://api.github.com/meta/public_keys/secret_scanning. Without a file there
// are none.
func parseScanningKeys(path string) (scanningKeys, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // as said
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		PublicKeys []struct {
			Identifier string `json:"key_identifier"`
			Key        string `json:"key"`
		} `json:"public_keys"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.PublicKeys) == 0 {
		return nil, errors.New("must be a file with the JSON of https://api.github.com/meta/public_keys/secret_scanning")
	}
	keys := scanningKeys{}
	for _, published := range file.PublicKeys {
		block, _ := pem.Decode([]byte(published.Key))
		if block == nil || published.Identifier == "" {
			return nil, errors.New("has a key without an identifier, or that is not PEM")
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(*ecdsa.PublicKey)
		if err != nil || !ok || key.Curve != elliptic.P256() {
			return nil, errors.New("has a key that is not one of ECDSA on P-256")
		}
		keys[published.Identifier] = key
	}
	return keys, nil
}

// signed reports whether the body was signed by who holds one of the keys.
func (k scanningKeys) signed(header http.Header, body []byte) bool {
	key, ok := k[header.Get("Github-Public-Key-Identifier")]
	if !ok {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(header.Get("Github-Public-Key-Signature"))
	digest := sha256.Sum256(body)
	return err == nil && ecdsa.VerifyASN1(key, digest[:], signature)
}

// rereadScanningKeys takes up the keys that are in the file now. They stay as they
// were if those cannot be.
func (h *handlers) rereadScanningKeys(ctx context.Context, path string) {
	keys, err := parseScanningKeys(path)
	if err != nil {
		h.log.ErrorContext(ctx, "the keys of reports of found secrets stay as they were", slog.String("file", path), slog.Any("error", err))
		return
	}
	h.scanning.Store(&keys)
	h.log.InfoContext(ctx, "the keys of reports of found secrets were read again", slog.Int("keys", len(keys)))
}

// reported is a secret that was found, as GitHub reports it.
type reported struct {
	Token  string `json:"token"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Source string `json:"source"`
}

// feedback says of a reported secret whether it is one. GitHub knows it by the
// SHA-256 of its text.
type feedback struct {
	Hash  string `json:"token_hash"`
	Type  string `json:"token_type"`
	Label string `json:"label"`
}

// receiveReport takes secrets that were found in public repositories, by GitHub's
// protocol for partners. Each that is a token's is exposed; the answer says which
// were.
func (h *handlers) receiveReport(w http.ResponseWriter, r *http.Request) {
	keys := *h.scanning.Load()
	if len(keys) == 0 {
		h.refuse(w, r, errNoSuchPath)
		return
	}
	found, err := readReport(w, r, keys)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxReporting)
	defer cancel()
	answers := make([]feedback, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reporting)
	for i, one := range found {
		group.Go(func() (err error) {
			answers[i], err = h.takeReported(ctx, one)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		h.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answers)
}

// readReport reads and checks a report. Nothing in it is looked at before its
// signature is.
func readReport(w http.ResponseWriter, r *http.Request, keys scanningKeys) ([]reported, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, graph.CutShort(err)
	}
	if !keys.signed(r.Header, body) {
		return nil, errSignature
	}
	var found []reported
	if err := json.Unmarshal(body, &found); err != nil {
		return nil, errReport
	}
	if len(found) > maxFound {
		return nil, errTooManyHits
	}
	return found, nil
}

// takeReported exposes a token whose secret was found, and says whether it was
// one's.
func (h *handlers) takeReported(ctx context.Context, one reported) (feedback, error) {
	digest := sha256.Sum256([]byte(one.Token))
	answer := feedback{Hash: hex.EncodeToString(digest[:]), Type: cleanPath(one.Type), Label: "false_positive"}
	secret, err := bearer.Parse(one.Token)
	if err != nil {
		return answer, nil //nolint:nilerr // what is no secret is what is answered
	}
	_, err = h.tokens.Whose(ctx, secret)
	if errors.Is(err, token.ErrUnauthenticated) {
		return answer, nil
	}
	if err != nil {
		return answer, err
	}
	answer.Label = "true_positive"
	detail := "GitHub, " + cleanPath(one.Source) + ": " + cleanPath(one.URL)
	_, err = h.tokens.Expose(ctx, secret, token.ExposedInReport, detail, visitOf(ctx).origin)
	return answer, err
}

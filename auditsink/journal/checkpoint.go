package journal

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditkey"
)

// keyName is the name of every key, and the first line of every checkpoint.
const keyName = "keloa.ai/audit-log"

// checkpointEvery is how often checkpoints are made at most, so that their rows
// grow with time and not with traffic.
const checkpointEvery = time.Second

// ErrPublicKey is returned for what is not a public key of an audit log.
var ErrPublicKey = errors.New("not a public key of an audit log: they begin with " + keyName + "+")

var (
	// errRewritten is returned where the log no longer begins with what this
	// process has signed.
	errRewritten = errors.New("the audit log does not continue what was signed: it was changed, or the database was put back; run audit verify")
	errKey       = errors.New("not a key for checkpoints: its first line must begin with PRIVATE+KEY+" + keyName)
)

// Key signs checkpoints.
type Key struct {
	signer note.Signer
	public string
}

// GenerateKey makes a key and returns its text, which is secret.
func GenerateKey(random io.Reader) (string, error) {
	private, _, err := note.GenerateKey(random, keyName)
	if err != nil {
		return "", fmt.Errorf("make a key for checkpoints: %w", err)
	}
	return private, nil
}

// ParseKey reads what GenerateKey made.
func ParseKey(text string) (*Key, error) {
	signer, err := note.NewSigner(text)
	if err != nil || signer.Name() != keyName {
		return nil, errKey
	}
	// The last field is the algorithm, a byte, and the seed; the signer has
	// seen to it that they are good.
	fields := strings.SplitN(text, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil {
		return nil, errKey
	}
	pair := ed25519.NewKeyFromSeed(seed[1:])
	public, err := note.NewEd25519VerifierKey(keyName, ed25519.PublicKey(pair[ed25519.SeedSize:]))
	if err != nil {
		return nil, errKey
	}
	return &Key{signer, public}, nil
}

// Public returns the public key, as [VerifyOptions] takes it.
func (k *Key) Public() string { return k.public }

// Checkpoint is what a server signed: that the log began with Size records whose
// tree has this root.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
}

// sign returns the checkpoint as a note (https://c2sp.org/tlog-checkpoint).
func (k *Key) sign(c Checkpoint) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", keyName, c.Size, c.Root)
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	return string(signed), err
}

// verifiers reads public keys.
func verifiers(public []string) (note.Verifiers, error) {
	known := make([]note.Verifier, len(public))
	for i, key := range public {
		var err error
		if known[i], err = note.NewVerifier(key); err != nil || known[i].Name() != keyName {
			return nil, ErrPublicKey
		}
	}
	return note.VerifierList(known...), nil
}

// OpenCheckpoint reads a signed checkpoint, which one of the public keys must
// have signed.
func OpenCheckpoint(signed string, public []string) (Checkpoint, error) {
	known, err := verifiers(public)
	if err != nil {
		return Checkpoint{}, err
	}
	return openCheckpoint(signed, known)
}

func openCheckpoint(signed string, known note.Verifiers) (Checkpoint, error) {
	opened, err := note.Open([]byte(signed), known)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open a checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != keyName {
		return Checkpoint{}, errors.New("open a checkpoint: it is of something else")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 {
		return Checkpoint{}, errors.New("open a checkpoint: its size is none")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open a checkpoint: %w", err)
	}
	return Checkpoint{size, root}, nil
}

// checkpoint signs what is sealed, if this process has sealed something since it
// last did and, unless it must, that is long enough ago. It belongs to Run.
func (j *Journal) checkpoint(ctx context.Context, must bool) error {
	if j.key == nil || !j.unsigned || !must && j.now().Sub(j.signedAt) < checkpointEvery {
		return nil
	}
	if err := j.signHead(ctx); err != nil {
		return fmt.Errorf("sign the audit log: %w", err)
	}
	j.unsigned, j.signedAt = false, j.now()
	return nil
}

func (j *Journal) signHead(ctx context.Context) error {
	size, err := j.Head(ctx)
	if err != nil || size == 0 {
		return err
	}
	t, err := loadTree(ctx, j.db.Client().AuditTree, size)
	if errors.Is(err, errTreeShort) {
		if err := j.catchUpAll(ctx); err != nil {
			return err
		}
		t, err = loadTree(ctx, j.db.Client().AuditTree, size)
	}
	if err != nil {
		return err
	}
	next := Checkpoint{Size: size}
	if next.Root, err = t.root(); err != nil {
		return err
	}
	if err := j.continues(ctx, next); err != nil {
		return err
	}
	if err := j.keep(ctx, next); err != nil {
		return err
	}
	j.signed = next
	return nil
}

// continues reports whether the next checkpoint is of a log that begins with
// what this process last signed.
func (j *Journal) continues(ctx context.Context, next Checkpoint) error {
	if next.Size < j.signed.Size {
		return errRewritten
	}
	if j.signed.Size == 0 {
		return nil
	}
	proof, err := j.ProveConsistency(ctx, next.Size, j.signed.Size)
	if err != nil {
		return err
	}
	if tlog.CheckTree(proof, next.Size, next.Root, j.signed.Size, j.signed.Root) != nil {
		return errRewritten
	}
	return nil
}

// keep stores the signed checkpoint, unless another server has one of that size.
func (j *Journal) keep(ctx context.Context, c Checkpoint) error {
	signed, err := j.key.sign(c)
	if err != nil {
		return err
	}
	at := j.now().UTC().Truncate(time.Microsecond)
	err = j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		registered, err := tx.AuditKey.Query().Where(auditkey.ID(j.key.public)).Exist(ctx)
		if err != nil {
			return err
		}
		if !registered {
			if err := tx.AuditKey.Create().SetID(j.key.public).SetAt(at).Exec(ctx); err != nil {
				return err
			}
		}
		done, err := tx.AuditCheckpoint.Query().Where(auditcheckpoint.ID(c.Size)).Exist(ctx)
		if err != nil || done {
			return err
		}
		return tx.AuditCheckpoint.Create().SetID(c.Size).SetNote(signed).SetAt(at).Exec(ctx)
	})
	if ent.IsConstraintError(err) { // another server was faster
		return nil
	}
	return err
}

// catchUpAll makes the tree cover all that is sealed.
func (j *Journal) catchUpAll(ctx context.Context) error {
	for more := true; more; {
		err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			_, err := j.lockHead(ctx, tx)
			if err == nil {
				more, err = catchUp(ctx, tx)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// LastCheckpoint returns the newest signed checkpoint, or [ErrNotFound].
func (j *Journal) LastCheckpoint(ctx context.Context) (string, error) {
	row, err := j.db.Client().AuditCheckpoint.Query().Order(ent.Desc(auditcheckpoint.FieldID)).First(ctx)
	if ent.IsNotFound(err) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("read the last checkpoint: %w", err)
	}
	return row.Note, nil
}

// PublicKeys returns the public keys that checkpoints were signed with, as the
// database has them, the oldest first.
func (j *Journal) PublicKeys(ctx context.Context) ([]string, error) {
	keys, err := j.db.Client().AuditKey.Query().Order(ent.Asc(auditkey.FieldAt, auditkey.FieldID)).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the public keys: %w", err)
	}
	return keys, nil
}

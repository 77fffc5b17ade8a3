package journal

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditkey"
	"github.com/keloa/apitokens/ent/workspace"
)

// keyName is the name of every key, and the first line of every checkpoint.
const keyName = "keloa.ai/audit-log"

// checkpointEvery is how often checkpoints are kept at most, so that their rows
// grow with time and not with traffic. The end of the log is signed at all times.
const checkpointEvery = time.Second

// ErrPublicKey is returned for what is not a public key of an audit log.
var ErrPublicKey = errors.New("not a public key of an audit log: they begin with " + keyName + "+")

var (
	// errRewritten is returned where the log no longer begins with what this
	// process has signed.
	errRewritten = errors.New("the audit log does not continue what was signed: it was changed, or the database was put back; run audit verify")
	// errUnknownKey is returned for a checkpoint that may be good, but that
	// nobody who is trusted has signed.
	errUnknownKey = errors.New("open a checkpoint: no known key has signed it")
	errKey        = errors.New("not a key for checkpoints: its first line must begin with PRIVATE+KEY+" + keyName)
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
	signed, err := note.Sign(&note.Note{Text: c.text()}, k.signer)
	return string(signed), err
}

// text is what is signed of the checkpoint.
func (c Checkpoint) text() string { return fmt.Sprintf("%s\n%d\n%s\n", keyName, c.Size, c.Root) }

// verifiers reads public keys, of which some may be there twice.
func verifiers(public []string) (note.Verifiers, error) {
	public = slices.Compact(slices.Sorted(slices.Values(public)))
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
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Checkpoint{}, errUnknownKey
	}
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

// end is the end of the log, locked.
type end struct {
	head   *ent.AuditHead
	tree   *tree
	epochs epochs
	// goesOn is whether the log begins with what this process has signed, or
	// says why it does not.
	goesOn bool
}

// openEnd locks the end of the log. It reports errTreeShort for a tree that has
// to catch up first.
func (j *Journal) openEnd(ctx context.Context, tx *ent.Tx) (end, error) {
	head, err := j.lockHead(ctx, tx)
	if err != nil {
		return end{}, err
	}
	t, err := loadTree(ctx, tx.AuditTree, head.Seq)
	if err != nil {
		return end{}, err
	}
	es, err := readEpochs(ctx, tx.AuditEpoch)
	if err != nil {
		return end{}, err
	}
	goesOn, err := j.continues(ctx, tx, t)
	if err == nil && !goesOn {
		goesOn, err = j.explain(ctx, tx, t, &es)
	}
	return end{head, t, es, goesOn}, err
}

// explain reports whether a log that does not begin with what this process has
// signed went back in time since: it ends before that, which is recorded, or it
// was recorded by another server, behind which it goes on.
func (j *Journal) explain(ctx context.Context, tx *ent.Tx, t *tree, es *epochs) (bool, error) {
	if t.size >= j.signed.Size {
		if len(*es) <= j.signed.epochs || (*es)[j.signed.epochs].After >= j.signed.Size {
			return false, nil
		}
		j.log.LogAttrs(ctx, slog.LevelWarn, "what this server signed before the database went back in time is no longer compared",
			slog.Int64("signed", j.signed.Size), slog.Int64("after", (*es)[j.signed.epochs].After))
		return true, nil
	}
	after := es.end(t.size)
	if after >= j.signed.Size {
		return true, nil
	}
	if err := j.rewind(ctx, tx, after, j.signed.Size, "what this server signed"); err != nil {
		return false, err
	}
	var err error
	*es, err = readEpochs(ctx, tx.AuditEpoch)
	return true, err
}

// continues reports whether the tree begins with what this process last signed.
func (j *Journal) continues(ctx context.Context, tx *ent.Tx, t *tree) (bool, error) {
	signed := j.signed
	if signed.Size == 0 {
		return true, nil
	}
	if t.size < signed.Size {
		return false, nil
	}
	root, err := t.root()
	if err != nil || t.size == signed.Size {
		return root == signed.Root, err
	}
	proof, err := tlog.ProveTree(t.size, signed.Size, hashReader(ctx, tx.AuditTree))
	if err != nil {
		return false, fmt.Errorf("prove that the log at %d continues that at %d: %w", t.size, signed.Size, err)
	}
	return tlog.CheckTree(proof, t.size, root, signed.Size, signed.Root) == nil, nil
}

// closeEnd moves the head to the end of the tree and signs it, unless there is no
// key or the log does not go on from what was signed. It returns what it signed.
func (j *Journal) closeEnd(ctx context.Context, tx *ent.Tx, e end) (remembered, error) {
	update := e.head.Update().SetSeq(e.tree.size)
	if j.key == nil || !e.goesOn {
		return remembered{}, update.Exec(ctx)
	}
	root, err := e.tree.root()
	if err != nil {
		return remembered{}, err
	}
	c := Checkpoint{e.tree.size, root}
	signed, err := j.key.sign(c)
	if err != nil {
		return remembered{}, err
	}
	if err := j.register(ctx, tx); err != nil {
		return remembered{}, err
	}
	return remembered{c, len(e.epochs)}, update.SetNote(signed).Exec(ctx)
}

// register names the public key to those who verify.
func (j *Journal) register(ctx context.Context, tx *ent.Tx) error {
	registered, err := tx.AuditKey.Query().Where(auditkey.ID(j.key.public)).Exist(ctx)
	if err != nil || registered {
		return err
	}
	return tx.AuditKey.Create().SetID(j.key.public).SetAt(j.moment()).Exec(ctx)
}

// remember keeps what was signed last, to compare the log with it. It reports
// errRewritten where nothing could be signed.
func (j *Journal) remember(c remembered) error {
	switch {
	case j.key == nil:
		return nil
	case c.Size == 0:
		return errRewritten
	}
	j.signed = c
	return nil
}

// checkpoint keeps what was signed for good, if this process has sealed something
// since it last did and, unless it must, that is long enough ago. That it cannot
// be remembered outside of the database keeps nothing from being sealed, signed
// and delivered: it is logged, and tried again, and an error only where it must.
// It belongs to Run.
func (j *Journal) checkpoint(ctx context.Context, must bool) error {
	if j.key == nil || !j.unsigned || !must && j.now().Sub(j.signedAt) < checkpointEvery {
		return nil
	}
	if err := j.keep(ctx); err != nil {
		return fmt.Errorf("sign the audit log: %w", err)
	}
	err := j.memorise()
	if must {
		return err
	}
	j.reportMemory(ctx, err)
	j.unsigned, j.signedAt = err != nil, j.now()
	return nil
}

// memorise keeps what was signed outside of the database.
func (j *Journal) memorise() error {
	if j.memory == nil || j.database == uuid.Nil || j.signed.Size == 0 {
		return nil
	}
	return j.memory.store(j.database, j.signed)
}

// reportMemory logs that what was signed began not to be remembered, and that it
// is again.
func (j *Journal) reportMemory(ctx context.Context, err error) {
	switch {
	case err != nil && !j.forgetting:
		j.forgetting = true
		j.log.LogAttrs(ctx, slog.LevelError, "audit log is sealed and signed, but what was last signed is not kept beside the key,"+
			" so after a restart a database that was changed or put back since may go unnoticed, will keep trying", slog.Any("error", err))
	case err == nil && j.forgetting:
		j.forgetting = false
		j.log.LogAttrs(ctx, slog.LevelInfo, "what was last signed of the audit log is kept beside the key again")
	}
}

// keep keeps the signed end of the log, which it signs where nobody has.
func (j *Journal) keep(ctx context.Context) error {
	var next remembered
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		next = remembered{}
		e, err := j.openEnd(ctx, tx)
		if errors.Is(err, errTreeShort) {
			if err := catchUpAll(ctx, tx); err != nil {
				return err
			}
			e, err = j.openEnd(ctx, tx)
		}
		if err != nil || e.tree.size == 0 || !e.goesOn {
			return err
		}
		root, err := e.tree.root()
		if err != nil {
			return err
		}
		next = remembered{Checkpoint{e.tree.size, root}, len(e.epochs)}
		good, err := vouched(ctx, tx, e.head.Note, next.Checkpoint)
		if err != nil {
			return err
		}
		if !good {
			if _, err := j.closeEnd(ctx, tx, e); err != nil {
				return err
			}
			if e.head, err = tx.AuditHead.Get(ctx, headID); err != nil {
				return err
			}
		}
		done, err := tx.AuditCheckpoint.Query().Where(auditcheckpoint.ID(next.Size)).Exist(ctx)
		if err != nil || done {
			return err
		}
		return tx.AuditCheckpoint.Create().SetID(next.Size).SetNote(*e.head.Note).SetAt(j.moment()).Exec(ctx)
	})
	if err != nil || next.Size == 0 && j.signed.Size == 0 { // an empty log
		return err
	}
	return j.remember(next)
}

// vouched reports whether the note is the checkpoint, signed with a key that the
// database names.
func vouched(ctx context.Context, tx *ent.Tx, signed *string, c Checkpoint) (bool, error) {
	if signed == nil {
		return false, nil
	}
	keys, err := tx.AuditKey.Query().IDs(ctx)
	if err != nil {
		return false, err
	}
	known, err := verifiers(keys)
	if err != nil {
		return false, err
	}
	found, err := openCheckpoint(*signed, known)
	return err == nil && found == c, nil
}

// recall reads what this server signed before it was started, once.
func (j *Journal) recall(ctx context.Context) error {
	if j.memory == nil || j.database != uuid.Nil {
		return nil
	}
	// What a database is known by is the oldest workspace: its id was drawn
	// when the database was set up, and is in every backup of it.
	id, err := j.db.Client().Workspace.Query().Order(ent.Asc(workspace.FieldID)).FirstID(ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find out which database this is: %w", err)
	}
	keys, err := j.PublicKeys(ctx)
	if err != nil {
		return err
	}
	if j.signed.Size == 0 {
		if j.signed, err = j.memory.load(id, keys); err != nil {
			return err
		}
	}
	j.database = id
	return nil
}

// moment is the time as it is stored.
func (j *Journal) moment() time.Time { return j.now().UTC().Truncate(time.Microsecond) }

// catchUpAll makes the tree cover all that is sealed.
func catchUpAll(ctx context.Context, tx *ent.Tx) error {
	for more := true; more; {
		var err error
		if more, err = catchUp(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// LastCheckpoint returns the newest signed checkpoint, or [ErrNotFound].
func (j *Journal) LastCheckpoint(ctx context.Context) (string, error) {
	head, err := j.db.Client().AuditHead.Get(ctx, headID)
	if err != nil {
		return "", fmt.Errorf("read the last checkpoint: %w", err)
	}
	if head.Note == nil {
		return "", ErrNotFound
	}
	return *head.Note, nil
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

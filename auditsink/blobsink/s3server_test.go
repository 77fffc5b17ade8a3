package blobsink

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
)

const (
	accessKey = "keloa"
	secretKey = "Canary-4711"
	patience  = 20 * time.Second
)

// s3server is a server that keeps buckets as folders.
type s3server struct {
	addr, root string
	ca         string // as a key of a sink's URL has it
	key, other string // where the secret key is, and another one
}

// startS3 starts a server over TLS, which the test ends. It is built from a
// module of its own.
func startS3(t testing.TB) *s3server {
	t.Helper()
	return startS3With(t, "--sidecar", t.TempDir())
}

// startS3With starts a server that keeps what it knows of objects in a way of
// its own: with --nometa, it cannot tell whether one is there.
func startS3With(t testing.TB, metadata ...string) *s3server {
	t.Helper()
	program, err := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../.ci/s3/go.mod", "-n", "versitygw").Output()
	if err != nil {
		t.Fatalf("build the S3 server: %v", err)
	}
	id := remotetest.NewIdentity(t, "s3")
	s := &s3server{addr: freeAddr(t), root: t.TempDir(), ca: id.CA(), key: remotetest.File(t, secretKey), other: remotetest.File(t, "Canary-4712")}
	args := []string{
		"--access", accessKey, "--secret", secretKey, "--port", s.addr, "--quiet",
		"--cert", id.CertFile, "--key", id.KeyFile, "posix",
	}
	cmd := exec.Command(strings.TrimSpace(string(program)), append(append(args, metadata...), s.root)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	await(t, func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// bucket makes an empty bucket, and returns its name.
func (s *s3server) bucket(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp(s.root, "audit-") //nolint:usetesting // a folder of the server's is a bucket
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(folder)
}

// url is that of a prefix in a bucket, by the server's address or a proxy's.
func (s *s3server) url(bucket, addr, secret string) string {
	return "s3://" + bucket + "/logs/audit?region=us-east-1&endpoint=https://" + addr +
		"&access-key=env:BLOBSINK_ACCESS_KEY&secret-key=" + secret
}

// lines reads the objects under a folder, in the order of their names.
func lines(t testing.TB, folder string) []string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".jsonl") {
			return err
		}
		data, err := os.ReadFile(path)
		text.Write(data)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(text.String(), func(r rune) bool { return r == '\n' })
}

// scatter puts into a folder what is not the audit log's, and what looks like it.
func scatter(t testing.TB, folder string) {
	t.Helper()
	for _, name := range []string{"note", "999999999/note", "999999999/999/999/999.jsonl", "000000000/000/000/1.jsonl", "zzz/note", "999.jsonl"} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("someone's note\n{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// await waits until condition holds.
func await(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}

package sinktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// Certification is a sink that is known by its URL alone.
type Certification struct {
	// Mux knows the scheme of the sink.
	Mux *auditsink.Mux
	// URL is that of a destination for tests: made-up records are delivered to
	// it. It may hold some from earlier.
	URL string
	// Read is a program and its arguments that prints everything that the
	// destination holds, a record a line, in its order. It may fail where
	// nothing was delivered yet: the destination may come with the first record.
	// Without it nothing is read back, and only what the sink says is looked at.
	Read []string
	// Again is the command line of a process that calls [Child], and is killed.
	Again []string
	// Out is told of each test.
	Out io.Writer
}

// The sequences of two tests begin spread apart, and those of two calls of
// Certify, which are more than a second apart, a hundred times that.
const (
	spread    = 1_000_000
	perSecond = 100 * spread
)

// Certify runs what the kit can of a sink that it knows by its URL, and reports
// an error if the sink has not passed all of it. What a test in Go knows besides,
// such as how to put a proxy before the destination, is not there to be tried.
//
// The records have sequences above all that an earlier call has used, as these
// follow from the clock.
func Certify(ctx context.Context, c Certification) error {
	h := Harness{Mux: c.Mux, again: c.Again}
	after := time.Now().Unix() * perSecond
	filled := false
	h.New = func(testing.TB) Destination {
		after += spread
		d := Destination{URL: c.URL, after: after, Slow: true, filled: &filled}
		if c.Read != nil {
			d.Lines = func(t testing.TB) []string { return printed(t, c.Read, !filled) }
		}
		return d
	}
	failed, unseen := 0, 0
	for _, test := range cases() {
		switch {
		case test.needs == backend:
			continue
		case test.needs == reading && c.Read == nil:
			unseen++
			_, _ = fmt.Fprintf(c.Out, "?     %s: nothing reads the destination back\n", test.name)
		case !certified(ctx, h, test, c.Out):
			failed++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("the sink failed %d tests", failed)
	}
	if unseen > 0 {
		_, _ = fmt.Fprintln(c.Out, "passed what can be seen without reading the destination back")
	}
	return nil
}

// printed is what a program prints, line by line. If it may fail, that is nothing.
func printed(t testing.TB, program []string, mayFail bool) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program[0], program[1:]...).Output()
	if err != nil && mayFail {
		return nil
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("read the destination back: %v: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	if err != nil {
		t.Fatalf("read the destination back: %v", err)
	}
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == '\n' })
}

// certified runs one test, and says what came of it.
func certified(ctx context.Context, h Harness, test testCase, out io.Writer) bool {
	r := &run{name: test.name}
	ended := make(chan struct{})
	go func() { // which ends where the test fails at once
		defer close(ended)
		defer r.cleanUp()
		defer r.recover()
		var cancel context.CancelFunc
		r.ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		test.test(r, h)
	}()
	<-ended
	text := strings.TrimSuffix(r.errors.String(), "\n")
	if text == "" {
		_, _ = fmt.Fprintf(out, "ok    %s\n", test.name)
		return true
	}
	_, _ = fmt.Fprintf(out, "FAIL  %s\n      %s\n", test.name, strings.ReplaceAll(text, "\n", "\n      "))
	return false
}

// run is one test outside of go test. What it does not define the kit does not
// call. Only the goroutine of the test may end it, any may report an error.
type run struct {
	testing.TB // nil

	name     string
	ctx      context.Context //nolint:containedctx // as a testing.TB has one
	cleanups []func()
	errors   locked
}

func (*run) Helper()                    {}
func (r *run) Name() string             { return r.name }
func (r *run) Context() context.Context { return r.ctx }
func (r *run) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *run) Error(args ...any)        { _, _ = fmt.Fprintln(&r.errors, args...) }

func (r *run) Errorf(format string, args ...any) { _, _ = fmt.Fprintf(&r.errors, format+"\n", args...) }

func (r *run) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *run) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// recover makes a failure of a panic.
func (r *run) recover() {
	if value := recover(); value != nil {
		r.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}

func (r *run) cleanUp() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

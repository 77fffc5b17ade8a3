package execsink

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// maxSaid bounds a line of the program's standard output.
const maxSaid = 4 << 10

// ownSettings is what the names of the server's own settings begin with, some
// of which hold credentials.
const ownSettings = "KELOA_"

// process is a program that runs.
type process struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr io.ReadCloser
	readers        sync.WaitGroup
	said           chan said     // closed when the program has ended its output
	dead           chan struct{} // closed when nobody listens any more
	given          int64         // the highest sequence that it was given
}

// said is a line of the program's output, or why it cannot be read.
type said struct {
	Ack    int64  `json:"ack"`
	Reject int64  `json:"reject"`
	Reason string `json:"reason"`
	err    error
}

func start(program string, log *slog.Logger) (*process, error) {
	p := &process{cmd: exec.Command(program), said: make(chan said), dead: make(chan struct{})} //nolint:noctx // it outlives a delivery
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, ownSettings) })
	ownGroup(p.cmd)
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	if err = p.cmd.Start(); err != nil { // which closes the pipes
		return nil, fmt.Errorf("start the program: %w", err)
	}
	p.readers.Go(p.listen)
	p.readers.Go(func() { logLines(p.stderr, log.With(slog.String("program", program))) })
	return p, nil
}

// listen passes on what the program says.
func (p *process) listen() {
	defer close(p.said)
	lines := bufio.NewScanner(p.stdout)
	lines.Buffer(nil, maxSaid)
	for lines.Scan() {
		select {
		case p.said <- parse(lines.Bytes()):
		case <-p.dead:
			return
		}
	}
	if lines.Err() != nil {
		select {
		case p.said <- said{err: errNonsense}:
		case <-p.dead:
		}
	}
}

// errNonsense does not repeat what the program wrote, which may be anything.
var errNonsense = errors.New(`the program wrote something other than {"ack":SEQUENCE} or {"reject":SEQUENCE} to standard output`)

func parse(line []byte) said {
	var s said
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil || decoder.More() || (s.Ack > 0) == (s.Reject > 0) {
		return said{err: errNonsense}
	}
	return s
}

// deliver writes the records, waits until the program has said something of the
// last one, and returns how many it has acknowledged. After an error the program
// is of no more use.
func (p *process) deliver(ctx context.Context, records []auditsink.Record) (accepted int, err error) {
	p.given = max(p.given, records[len(records)-1].Seq)
	lines := auditsink.AppendLines(nil, records) // written until the program is killed, maybe, and the batch is not ours to keep
	written := make(chan error, 1)
	p.readers.Go(func() {
		_, err := p.stdin.Write(lines)
		written <- err
	})
	for whole := false; !whole || accepted < len(records); {
		select {
		case <-ctx.Done():
			return accepted, fmt.Errorf("wait for the program to acknowledge: %w", ctx.Err())
		case err := <-written:
			whole = err == nil // or it reads no more, but may still acknowledge what it has read
		case s, running := <-p.said:
			if !running {
				return accepted, errors.New("the program ended without acknowledging")
			}
			var err error
			if accepted, err = p.judge(s, records, accepted); err != nil {
				return accepted, err
			}
		}
	}
	return accepted, nil
}

// judge returns how many of the records are accepted after what the program
// said.
func (p *process) judge(s said, records []auditsink.Record, accepted int) (int, error) {
	if s.err != nil {
		return accepted, s.err
	}
	if max(s.Ack, s.Reject) > p.given {
		return accepted, errors.New("the program speaks of a record that it was not given")
	}
	for accepted < len(records) && records[accepted].Seq <= max(s.Ack, s.Reject-1) {
		accepted++
	}
	if s.Reject > 0 && accepted < len(records) && records[accepted].Seq == s.Reject {
		return accepted, &auditsink.RejectedError{Seq: s.Reject, Reason: s.Reason}
	}
	return accepted, nil
}

// end ends the program's input, waits until it has ended its output, and sees
// to it that nothing is left of it.
func (p *process) end(ctx context.Context) {
	_ = p.stdin.Close()
	for running := true; running; {
		select {
		case _, running = <-p.said:
		case <-ctx.Done():
			running = false
		}
	}
	p.kill()
}

// kill kills the program and what it started, and waits until they are gone.
func (p *process) kill() {
	killGroup(p.cmd)
	close(p.dead)
	_ = p.stdin.Close()
	// Its last words are read to their end, unless something that has left
	// the group keeps that from coming.
	impatient := time.AfterFunc(grace, func() {
		_ = p.stdout.Close()
		_ = p.stderr.Close()
	})
	p.readers.Wait()
	impatient.Stop()
	_ = p.cmd.Wait() // it was killed
}

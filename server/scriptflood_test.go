package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keloa/apitokens/auditsink"
)

const (
	flooders = 16
	// What is sent is refused so often before the server's memory is looked at,
	// and so often until it is again; meanwhile so much is changed.
	floodBefore, floodRefusals, floodChanges = 2000, 10_000, 50
	// floodMemory is how much more the server may hold then, in bytes.
	floodMemory = 8 << 20
	// floodPatience bounds the whole of it.
	floodPatience = 10 * patience
)

type floodKey struct{}

// flooding is a flood as its senders know it.
type flooding struct {
	client  *http.Client
	calm    sync.RWMutex // held for reading by each request of the flood
	refused atomic.Int64
	changes []string // "ACTION ID" of what was changed meanwhile
	took    time.Duration
	// What the server held before and after, in bytes.
	before, after float64
}

func cmdFlood(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flood NAME REFUSED ADMIN")
	}
	ctx, cancel := context.WithTimeout(context.Background(), floodPatience)
	defer cancel()
	url, internal := ts.Getenv(args[0]), ts.Getenv(args[0]+"_internal")
	reader, admin := strings.TrimSpace(ts.ReadFile(args[1])), strings.TrimSpace(ts.ReadFile(args[2]))
	f := ts.Value(floodKey{}).(*flooding)
	f.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: flooders + 1}}
	defer f.client.CloseIdleConnections()
	began := time.Now()
	problems := make(chan error, flooders)
	var over atomic.Bool
	var senders sync.WaitGroup
	for range flooders {
		senders.Go(func() {
			for !over.Load() {
				if err := f.refuse(ctx, url, reader); err != nil {
					problems <- err
					return
				}
			}
		})
	}
	err := f.run(ctx, problems, internal, func() error { return f.change(ctx, url, admin) })
	over.Store(true)
	senders.Wait()
	ts.Check(err)
	f.took = time.Since(began)
	ts.Logf("%d refusals in %s; the server held %.0f bytes, and then %.0f", f.refused.Load(), f.took, f.before, f.after)
}

// run looks at the server's memory, changes things, and looks again.
func (f *flooding) run(ctx context.Context, problems <-chan error, internal string, change func() error) error {
	if err := f.reach(ctx, problems, floodBefore); err != nil {
		return err
	}
	var err error
	if f.before, err = f.heap(ctx, internal); err != nil {
		return err
	}
	for range floodChanges {
		if err := change(); err != nil {
			return err
		}
	}
	if err := f.reach(ctx, problems, floodBefore+floodRefusals); err != nil {
		return err
	}
	f.after, err = f.heap(ctx, internal)
	if err == nil && f.after > f.before+floodMemory {
		err = fmt.Errorf("the server held %.0f bytes, and at the end of the flood %.0f", f.before, f.after)
	}
	return err
}

// reach waits until so many were refused.
func (f *flooding) reach(ctx context.Context, problems <-chan error, n int64) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for f.refused.Load() < n {
		select {
		case err := <-problems:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%d were refused: %w", f.refused.Load(), ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (f *flooding) refuse(ctx context.Context, url, secret string) error {
	f.calm.RLock()
	defer f.calm.RUnlock()
	answer, err := f.ask(ctx, url, secret, `mutation { mintToken(input: {label: "x", abilities: [READ]}) { secret } }`)
	if err == nil && !bytes.Contains(answer, []byte(`"code":"FORBIDDEN"`)) {
		err = fmt.Errorf("who may not mint is told %s", answer)
	}
	f.refused.Add(1)
	return err
}

var idField = regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)

// change mints a token and revokes it.
func (f *flooding) change(ctx context.Context, url, secret string) error {
	answer, err := f.ask(ctx, url, secret, `mutation { mintToken(input: {label: "x", abilities: [READ]}) { token { id } } }`)
	if err != nil {
		return err
	}
	id := idField.FindSubmatch(answer)
	if id == nil {
		return fmt.Errorf("who may mint is told %s", answer)
	}
	answer, err = f.ask(ctx, url, secret, fmt.Sprintf(`mutation { revokeToken(input: {id: "%s"}) { token { state } } }`, id[1]))
	if err == nil && !bytes.Contains(answer, []byte(`"state":"REVOKED"`)) {
		err = fmt.Errorf("who may revoke is told %s", answer)
	}
	f.changes = append(f.changes, auditsink.ActionMint+" "+string(id[1]), auditsink.ActionRevoke+" "+string(id[1]))
	return err
}

// ask sends a query and returns the answer's body.
func (f *flooding) ask(ctx context.Context, url, secret, query string) ([]byte, error) {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+secret)
	return f.fetch(request)
}

var heapLine = regexp.MustCompile(`(?m)^go_memstats_heap_alloc_bytes (\S+)$`)

// heap returns how many bytes a server holds between two requests, once it has
// collected its garbage.
func (f *flooding) heap(ctx context.Context, internal string) (float64, error) {
	f.calm.Lock()
	defer f.calm.Unlock()
	for _, path := range []string{"/debug/pprof/heap?gc=1", "/metrics"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, internal+path, nil)
		if err != nil {
			return 0, err
		}
		text, err := f.fetch(request)
		if err != nil {
			return 0, err
		}
		if line := heapLine.FindSubmatch(text); line != nil {
			return strconv.ParseFloat(string(line[1]), 64)
		}
	}
	return 0, errors.New("the metrics do not say how much the server holds")
}

func (f *flooding) fetch(request *http.Request) ([]byte, error) {
	answer, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	return text, errors.Join(err, answer.Body.Close())
}

func cmdFlooded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flooded DATABASE")
	}
	log, err := readJournal(context.Background(), "sqlite:"+ts.MkAbs(strings.TrimPrefix(args[0], "sqlite:")))
	ts.Check(err)
	f := ts.Value(floodKey{}).(*flooding)
	recorded := map[string]int{}
	var oneByOne, summaries int
	var counted int64
	for _, record := range log {
		event, err := auditsink.ParseCanonical(record.Canonical())
		ts.Check(err)
		if event.Target.ID != nil {
			recorded[event.Action+" "+event.Target.ID.String()]++
		}
		if event.Action != auditsink.ActionRefuse {
			continue
		}
		if n, ok := event.Changes["refusals"][1].(json.Number); ok {
			more, err := n.Int64()
			ts.Check(err)
			counted += more
			summaries++
		} else {
			oneByOne++
		}
	}
	windows := 2 + int(f.took/time.Minute)
	if summaries < 1 || summaries > windows || oneByOne > 10*windows || int64(oneByOne)+counted != f.refused.Load() {
		ts.Fatalf("%d refusals in %s: %d are recorded one by one, and %d entries say that there were %d more", f.refused.Load(), f.took, oneByOne, summaries, counted)
	}
	for _, change := range f.changes {
		if recorded[change] != 1 {
			ts.Fatalf("%s is recorded %d times", change, recorded[change])
		}
	}
}

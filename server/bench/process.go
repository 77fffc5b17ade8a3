package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	databaseName = "bench.db"
	plansName    = "plans.yaml"
	caller       = "bench" // the resource server that introspects
	callerSecret = "a secret of the bench"

	bareCommand = "bare"
)

// process is a server under measurement.
type process struct {
	command          *exec.Cmd
	public, internal string // addresses
}

func build(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(folder, "keloa-tokens")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w: %s", err, out)
	}
	return program, nil
}

func databaseFlag(folder string) string {
	return "--database=sqlite:" + filepath.Join(folder, databaseName)
}

func command(ctx context.Context, program, folder string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, append(args, databaseFlag(folder))...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func startServer(ctx context.Context, program, folder string, more []string) (*process, error) {
	public, internal, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	// Its log goes to a file, as in earnest.
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	flags := append([]string{
		"serve", databaseFlag(folder), "--listen=" + public, "--internal-listen=" + internal,
		"--plans=" + filepath.Join(folder, plansName), "--resource-server=" + caller + ":" + callerSecret,
	}, more...)
	return start(ctx, &process{public: public, internal: internal}, "/readyz", log, program, flags...)
}

func startBare(ctx context.Context) (*process, error) {
	address, _, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.Setenv("KELOA_BENCH_LISTEN", address); err != nil {
		return nil, err
	}
	return start(ctx, &process{public: address, internal: address}, "/", nil, self, bareCommand)
}

func start(ctx context.Context, p *process, ready string, log *os.File, program string, args ...string) (*process, error) {
	p.command = exec.CommandContext(ctx, program, args...)
	if log != nil {
		p.command.Stderr = log
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := p.get(ctx, ready); err == nil {
			return p, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not answer on %s", program, p.internal)
}

// get reads a page of the internal listener.
func (p *process) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.internal+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return string(text), err
}

// metric is the value of a series; zero if there is none.
func (p *process) metric(ctx context.Context, series string) (float64, error) {
	text, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, nil
}

// heap is how many bytes live on the heap, once what is dead was collected.
func (p *process) heap(ctx context.Context) (float64, error) {
	if _, err := p.get(ctx, "/debug/pprof/heap?gc=1"); err != nil {
		return 0, err
	}
	return p.metric(ctx, "go_memstats_heap_alloc_bytes")
}

// cpu is the processor time that the process has used, to the nanosecond:
// /proc counts it in hundredths of a second.
func (p *process) cpu() (time.Duration, error) {
	const ofProcess = 2 // CPUCLOCK_SCHED: see clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p.command.Process.Pid<<3|ofProcess), &t); err != nil {
		return 0, fmt.Errorf("read the processor time of a server: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}

// freePorts returns two addresses that nothing listens on.
func freePorts(ctx context.Context) (a, b string, err error) {
	var addresses [2]string
	for i := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		addresses[i] = l.Addr().String()
	}
	return addresses[0], addresses[1], nil
}

// serveBare is the floor: it answers as many bytes as we do, and checks nothing.
func serveBare() error {
	answer := []byte(`{"active":true,"scope":"read","sub":"0199c0de-0000-7000-8000-000000000000","client_id":"consumer-0000000","token_type":"Bearer","iat":1795425000,"iss":"http://127.0.0.1:8080","workspace":"default","mode":"live"}` + "\n")
	server := http.Server{
		Addr: os.Getenv("KELOA_BENCH_LISTEN"),
		// The limits of our own listeners: no server is run without any.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
		}),
	}
	return server.ListenAndServe()
}

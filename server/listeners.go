package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// stopWait bounds how long requests under way may take to finish once the
// server is told to stop.
const stopWait = 10 * time.Second

// listeners are the addresses that the server answers on.
type listeners struct {
	log      *slog.Logger
	public   net.Listener
	internal net.Listener // nil for none
	servers  []*http.Server
	wires    *wires // on the internal listener; nil until serve is called
	// endStreams ends what stays open, which requests under way do not do by
	// themselves. Nil until serve is called.
	endStreams func(context.Context)
}

// listen opens the listeners. What comes in waits until serve is called.
func listen(ctx context.Context, cfg config, log *slog.Logger) (*listeners, error) {
	ls := &listeners{log: log}
	var err error
	if ls.public, err = bind(ctx, "listen", cfg.listen); err != nil {
		return nil, err
	}
	if cfg.internalListen == "" {
		return ls, nil
	}
	if ls.internal, err = bind(ctx, "internal-listen", cfg.internalListen); err != nil {
		ls.close()
		return nil, err
	}
	return ls, nil
}

func bind(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use: stop the program that listens there, or choose another port", setting(flag), address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not listen on %s: choose a port from 1024 up", setting(flag), address)
	case err != nil:
		return nil, fmt.Errorf("%s: choose an address of this machine: %w", setting(flag), err)
	}
	return l, nil
}

// origin is what users see of the public listener. Where port 0 was asked for,
// it has the port that was free.
func (ls *listeners) origin(cfg config) (*url.URL, error) {
	if cfg.publicURL != nil {
		return cfg.publicURL, nil
	}
	host, _, err := net.SplitHostPort(cfg.listen)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(ls.public.Addr().String())
	if err != nil {
		return nil, err
	}
	return originAt(net.JoinHostPort(host, port))
}

// internalAddress is where the internal listener is; empty for none.
func (ls *listeners) internalAddress() string {
	if ls.internal == nil {
		return ""
	}
	return ls.internal.Addr().String()
}

// serve answers requests. The channel receives the error of a listener that
// fails.
func (ls *listeners) serve(h *handlers) <-chan error {
	failed := make(chan error, 2)
	ls.endStreams = h.graphql.Stop
	ls.start(ls.public, h.public(), failed)
	if ls.internal != nil {
		handler := h.internal()
		ls.wires = newWires(ls.internal, handler, ls.log)
		ls.start(ls.wires, handler, failed)
	}
	return failed
}

func (ls *listeners) start(l net.Listener, h http.Handler, failed chan<- error) {
	server := newServer(h, ls.log)
	ls.servers = append(ls.servers, server)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
	}()
}

// stop refuses new connections, waits for the requests under way and cuts off
// those that take longer than stopWait.
func (ls *listeners) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	var wait sync.WaitGroup
	if ls.endStreams != nil {
		wait.Go(func() { ls.endStreams(ctx) })
	}
	for _, server := range ls.servers {
		wait.Go(func() {
			if server.Shutdown(ctx) != nil {
				ls.log.WarnContext(ctx, "requests under way were cut off")
			}
			_ = server.Close()
		})
	}
	if ls.wires != nil {
		wait.Go(func() {
			if !ls.wires.stop(ctx) {
				ls.log.WarnContext(ctx, "requests under way were cut off")
			}
		})
	}
	wait.Wait()
}

// close gives up the addresses of listeners that never served. It is harmless
// after stop.
func (ls *listeners) close() {
	_ = ls.public.Close()
	if ls.internal != nil {
		_ = ls.internal.Close()
	}
}

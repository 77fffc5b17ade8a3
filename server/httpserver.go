package main

import (
	"log/slog"
	"net/http"
	"time"
)

// The limits of a connection. A request has no more than that to arrive in, an
// answer no more to be made and read in; graph's limits are within them.
const (
	maxHeader       = 16 << 10 // bytes; net/http adds 4 KiB of its own
	maxHeaderTime   = 5 * time.Second
	maxRequestTime  = 15 * time.Second
	maxResponseTime = 30 * time.Second
	maxIdleTime     = 2 * time.Minute
)

// newServer returns the server of one listener. What net/http has to say, such
// as why it refused a connection, goes to logger.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: maxHeaderTime,
		ReadTimeout:       maxRequestTime,
		WriteTimeout:      maxResponseTime,
		IdleTimeout:       maxIdleTime,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withVisit,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		// "OPTIONS *" is for us to answer, with a request id like the rest.
		DisableGeneralOptionsHandler: true,
	}
}

package main

import (
	"context"
	"os"

	"github.com/keloa/apitokens/auditsink/sinktest"
)

type auditCertifyCommand struct {
	URL  string `arg:"" help:"The sink, as it stands behind NAME= in --audit-sink."`
	Read string `placeholder:"COMMAND" help:"A shell command that prints everything that the destination holds, a record a line; it may fail while nothing was delivered. Default: none; then only what the sink says is looked at."`
}

// Run tests the sink with made-up records.
func (c auditCertifyCommand) Run(ctx context.Context, std streams) error {
	mux := knownSinks()
	if sinktest.Child(mux) { // the tests have started this program to kill it
		return nil
	}
	opened, err := mux.Open(ctx, "sink="+c.URL)
	if err != nil {
		return usageOrFailure("URL", err)
	}
	if err := opened.Sink.Close(ctx); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var read []string
	if c.Read != "" {
		read = []string{"/bin/sh", "-c", c.Read}
	}
	return sinktest.Certify(ctx, sinktest.Certification{
		Mux: mux, URL: c.URL, Read: read, Again: []string{self, "audit", "certify", c.URL}, Out: std.out,
	})
}

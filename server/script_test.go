package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keloa/apitokens/ent/database/dbtest"
)

// patience is how long a script waits for anything.
const patience = 30 * time.Second

// TestScripts runs the scripts in testdata/script on the real main, each in a
// folder of its own.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../docs/sinks")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		Setup: func(e *testscript.Env) error {
			if filepath.Base(e.WorkDir) == "script-cluster" {
				e.Setenv("MYSQL", dbtest.MySQLURL(t))
			}
			e.Setenv("EXAMPLES", examples)
			// The race detector makes each process wait a second at its end.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			started := servers{}
			e.Values[serversKey{}] = started
			e.Values[heldKey{}] = &held{}
			e.Values[floodKey{}] = &flooding{}
			e.Defer(started.kill)
			return nil
		},
	})
}

// scriptCommands is what scripts can do beyond what testscript offers:
//
//	status CODE PROGRAM ARG...     run a program, which must exit with CODE
//	server NAME FLAG...            start a server on free ports and wait until it answers; $NAME,
//	                               $NAME_internal and $NAME_signin are where, NAME.out and
//	                               NAME.err what it prints
//	signal NAME TERM|HUP|KILL      send a signal to a server
//	ended NAME CODE                wait until a server has ended with CODE, which is -1 after a KILL
//	graphql URL SECRETFILE QUERY   send a query, in which "@FILE" is what is in FILE, and print
//	                               the status, the answer's headers and its body
//	insist TEXT URL SECRETFILE QUERY
//	                               the same again and again, until the answer has TEXT in it
//	http METHOD URL [SECRETFILE]   send a request, to the URL in FILE if that is @FILE; print the same
//	hold URL                       begin a request
//	finish                         send the rest of it, and print the status and the answer's body
//	holds TEXT FILE                wait until FILE has TEXT in it
//	lines N FILE                   wait until FILE has N lines
//	journal DATABASE FILE          the file is the whole audit log, each record once and in order
//	flood NAME REFUSED ADMIN       send what the token in the file REFUSED is refused as fast as the
//	                               server answers, while that in ADMIN mints and revokes; all of
//	                               that succeeds, and the server's memory does not grow
//	flooded DATABASE               the audit log has all that flood changed, and few entries that
//	                               say how many refusals there were
//	nowhere SECRETFILE             the secret is in no other file
//	readme FILE                    write the README's lines of bash, of which there are five, to FILE
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"status":    cmdStatus,
	"server":    cmdServer,
	"signal":    cmdSignal,
	"ended":     cmdEnded,
	"graphql":   cmdGraphQL,
	"insist":    cmdInsist,
	"http":      cmdHTTP,
	"hold":      cmdHold,
	"finish":    cmdFinish,
	"holds":     cmdHolds,
	"sinkstate": cmdSinkState,
	"lines":     cmdLines,
	"journal":   cmdJournal,
	"flood":     cmdFlood,
	"flooded":   cmdFlooded,
	"nowhere":   cmdNowhere,
	"readme":    cmdReadme,
}

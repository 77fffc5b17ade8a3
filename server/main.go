// Command keloa-tokens is the server of Keloa's API tokens and the commands
// that administer it.
//
// The wiring reads top to bottom in serve.go. A command beside it opens the
// database itself and calls the same domain methods as the server, so it works
// while servers run, and without one.
//
// # Errors
//
// A command that fails says why in one sentence on standard error and exits
// with 1, or with 2 if it was used wrongly: a file that a flag names and that cannot
// be read is a wrong value of the flag. Standard output carries what was
// asked for and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

const programName = "keloa-tokens"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line. It holds text only, which each command checks
// itself: a bad variable in the environment stops the commands that read it
// and no other.
type commands struct {
	Serve     serveCommand      `cmd:"" default:"withargs" help:"Run the server. This is the default."`
	Migrate   migrateCommands   `cmd:"" help:"Look after the tables of the database."`
	Token     tokenCommands     `cmd:"" help:"Mint, list and revoke API tokens."`
	Signin    signInCommand     `cmd:"" help:"Print a one-time link that signs an operator in."`
	Audit     auditCommands     `cmd:"" help:"Read, export and verify the audit log."`
	Workspace workspaceCommands `cmd:"" help:"Look after workspaces."`
	Operator  operatorCommands  `cmd:"" help:"Look after the people in a workspace."`
	Version   versionCommand    `cmd:"" help:"Print the version, the commit and the version of Go."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// note tells the person something beside what was asked for. Standard error is
// the last resort: if it fails, there is nowhere left to say so.
func (s streams) note(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, format+"\n", args...)
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run runs one command and returns the exit code.
func run(args []string, std streams) int {
	err := dispatch(args, std)
	if err == nil {
		return exitDone
	}
	std.note("%s: %s", programName, sentence(err))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

func dispatch(args []string, std streams) error {
	if err := checkArguments(args); err != nil {
		return err
	}
	exited := false // kong has printed the help
	parser, err := kong.New(&commands{},
		kong.Name(programName),
		kong.Description("API tokens for a workspace: minted, listed, revoked and audited."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(int) { exited = true }),
		kong.BindTo(context.Background(), (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		return fmt.Errorf("set up the command line: %w", err)
	}
	command, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return misused(err, args)
	}
	return command.Run()
}

// checkArguments turns down what kong would pass on changed, and a command line
// that holds a secret, or the beginning of one, before anything could repeat it.
func checkArguments(args []string) error {
	for _, arg := range args {
		if strings.Contains(arg, "keloa_pk_") || bearer.Redact(arg) != arg {
			return usagef("a secret on the command line ends up in the shell's history and in the list of processes: " +
				"revoke it, and give secrets on standard input, as in " + programName + " token whose < FILE")
		}
		if !utf8.ValidString(arg) {
			return usagef("the command line must be valid UTF-8")
		}
	}
	return nil
}

// usageError is the error of a command that was used wrongly.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// misused says of what kong could not parse where help is to be had.
func misused(err error, args []string) error {
	command := []string{programName}
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		for _, step := range parse.Context.Path {
			if step.Command != nil && slices.Contains(args, step.Command.Name) { // serve may go without saying
				command = append(command, step.Command.Name)
			}
		}
	}
	return usagef("%s: see %s --help", err, strings.Join(command, " "))
}

func isUsage(err error) bool {
	if _, ok := errors.AsType[*usageError](err); ok {
		return true
	}
	_, ok := errors.AsType[*token.InputError](err)
	return ok
}

// sentence is what a person is told about err: one line, without a secret.
func sentence(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return bearer.Redact(line)
}

package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(std streams) error {
	b := readBuild()
	_, err := fmt.Fprintf(std.out, "%s %s\ncommit %s\n%s\n", programName, b.version, b.commit, b.goVersion)
	return err
}

// build is what the Go toolchain noted down when it built this program.
type build struct {
	version, commit, goVersion string
}

func readBuild() build {
	var b build
	var modified string
	if info, ok := debug.ReadBuildInfo(); ok {
		b.version, b.goVersion = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.commit = s.Value
			case "vcs.modified":
				modified = s.Value
			}
		}
	}
	b.version = cmp.Or(b.version, "(devel)")
	b.commit = cmp.Or(b.commit, "unknown")
	if modified == "true" {
		b.commit += ", modified"
	}
	return b
}

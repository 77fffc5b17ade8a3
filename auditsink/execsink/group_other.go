//go:build !unix

package execsink

import "os/exec"

func ownGroup(*exec.Cmd) {}

// killGroup kills the program; what it started must see that its input ended.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

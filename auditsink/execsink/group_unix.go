//go:build unix

package execsink

import (
	"os/exec"
	"syscall"
)

// ownGroup has the program and what it starts killed together.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup is called before the program is waited for, so its number is still
// its own.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

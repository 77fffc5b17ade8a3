//go:build !linux

package mariadb

import "syscall"

const account = "nobody"

// attributes are none: elsewhere, a server outlives a test that is killed.
func attributes() *syscall.SysProcAttr { return nil }

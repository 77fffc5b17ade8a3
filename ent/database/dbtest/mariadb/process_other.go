//go:build !linux

package mariadb

import "syscall"

const account = "mysql"

// attributes are none: elsewhere, a server outlives a test that is killed.
func attributes() *syscall.SysProcAttr { return nil }

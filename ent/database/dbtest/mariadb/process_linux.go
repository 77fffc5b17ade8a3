package mariadb

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is who runs the server where we are root, which it refuses to be. It
// exists everywhere.
const account = "nobody"

// attributes make the server die with us, however we die.
func attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return attr
	}
	// Not --user: a process that changes its user loses Pdeathsig.
	if u, err := user.Lookup(account); err == nil {
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

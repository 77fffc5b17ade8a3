package database

import (
	"database/sql/driver"
	"errors"
	"io"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Numbers of MySQL's errors.
const (
	errNoPrivilege     = 1044
	errAccessDenied    = 1045
	errNotReady        = 1047 // a node of a Galera cluster that is not in sync
	errNoDatabase      = 1049
	errShutdown        = 1053
	errDuplicateKey    = 1062
	errLockWaitTimeout = 1205
	errDeadlock        = 1213
	errKilled          = 1927 // MariaDB: an administrator ended the connection
	errTriggerRight    = 1419
)

// IsUniqueViolation reports whether a statement failed because a row with the
// same key exists.
func IsUniqueViolation(err error) bool {
	if hasNumber(err, errDuplicateKey) {
		return true
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

func hasNumber(err error, number uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == number
}

// transient reports whether a transaction that failed so may succeed when it
// is run again.
func transient(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch e.Number {
		case errDeadlock, errLockWaitTimeout, errShutdown, errKilled, errNotReady:
			return true
		}
		return false
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY // the rest says what kind of busy
	}
	for _, lost := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

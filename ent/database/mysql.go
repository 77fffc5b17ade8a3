package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"

	"github.com/keloa/apitokens/ent"
)

const (
	maxConnections = 32
	maxConnAge     = 3 * time.Minute // so that load moves to a server that has come back
	dialTimeout    = 5 * time.Second
	answerTimeout  = 30 * time.Second
	openTimeout    = 10 * time.Second
	// maxIdle is for how many seconds a connection may do nothing, between
	// two statements of a transaction too, before the database ends it. A
	// server that is frozen within a transaction holds up the others for as
	// long; without it, until it is woken.
	maxIdle = "5"
)

func openMySQL(ctx context.Context, rest string, o Options) (*DB, error) {
	cfg, err := parseMySQL(rest)
	if err != nil {
		return nil, &URLError{err.Error()}
	}
	db := &DB{
		dialect: dialect.MySQL,
		log:     o.Logger,
		openMigrator: func() (*sql.DB, error) {
			patient := cfg.Clone()
			patient.ReadTimeout = 0 // changing a large table takes long
			delete(patient.Params, "wait_timeout")
			return openPool(patient)
		},
	}
	if db.writer, err = openPool(cfg); err != nil {
		return nil, err
	}
	db.client = ent.NewClient(ent.Driver(entsql.OpenDB(dialect.MySQL, db.writer)))
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := db.writer.PingContext(ctx); err != nil {
		return nil, errors.Join(explain(err, cfg), db.Close())
	}
	return db, nil
}

func openPool(cfg *mysql.Config) (*sql.DB, error) {
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := sql.OpenDB(session{c})
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxLifetime(maxConnAge)
	return db, nil
}

// configure sets what does not depend on the URL.
func configure(cfg *mysql.Config) {
	cfg.Net = "tcp"
	cfg.ParseTime = true
	cfg.Loc = time.UTC
	cfg.Collation = "utf8mb4_bin"
	cfg.InterpolateParams = true // one round trip instead of two
	cfg.ClientFoundRows = true   // count what matched, as SQLite does, not what changed
	cfg.RejectReadOnly = true    // after a fail-over, look for the new primary
	cfg.Timeout = dialTimeout
	cfg.ReadTimeout = answerTimeout
	cfg.WriteTimeout = answerTimeout
	cfg.Logger = &mysql.NopLogger{} // its errors reach us anyway
	cfg.Params = map[string]string{
		"time_zone": "'+00:00'",
		// Strict, whatever the server's default: no value is cut to fit.
		"sql_mode":                 "'TRADITIONAL'",
		"innodb_lock_wait_timeout": "5",
		"wait_timeout":             maxIdle,
	}
}

// session sets on each connection what the URL's parameters cannot.
type session struct{ driver.Connector }

func (s session) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// prepare makes READ COMMITTED the level of a connection, which MySQL and MariaDB
// have under different names as a parameter. On a node of a Galera cluster, it has
// each statement wait for what was committed before it on the other nodes: who
// reads there what is revoked must see what is.
func prepare(ctx context.Context, conn driver.Conn) error {
	_, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil)
	if err != nil {
		return err
	}
	galera, err := isGalera(ctx, conn)
	if err != nil || !galera {
		return err
	}
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION wsrep_sync_wait = 7", nil) // reads and both kinds of writes
	return err
}

func isGalera(ctx context.Context, conn driver.Conn) (bool, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "SHOW VARIABLES LIKE 'wsrep_on'", nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, 2)
	switch err := rows.Next(row); {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	}
	value, _ := row[1].([]byte)
	return string(value) == "ON", nil
}

// explain says what to do about a database that cannot be opened.
func explain(err error, cfg *mysql.Config) error {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch e.Number {
		case errAccessDenied:
			return fmt.Errorf("the database at %s refuses user %s: check the user and the password in the database URL", cfg.Addr, cfg.User)
		case errNoPrivilege:
			return fmt.Errorf("user %s may not use database %s at %s: grant it all privileges on that database", cfg.User, cfg.DBName, cfg.Addr)
		case errNoDatabase:
			return fmt.Errorf("there is no database %s at %s: make it with CREATE DATABASE", cfg.DBName, cfg.Addr)
		}
	}
	return fmt.Errorf("cannot reach the database at %s: check that it runs, and the host and port in the database URL: %w", cfg.Addr, err)
}

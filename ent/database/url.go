package database

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// URLError says what is wrong with the URL of a database, and no password.
type URLError struct{ Reason string }

func (e *URLError) Error() string { return e.Reason }

var (
	errURL = errors.New("the database URL must look like mysql://user:password@host:3306/name")

	databaseName = regexp.MustCompile(`^[0-9A-Za-z_$-]{1,64}$`)
)

// parseMySQL reads what follows "mysql:". No error repeats any part of it that
// could belong to the password.
func parseMySQL(rest string) (*mysql.Config, error) {
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return nil, errURL
	}
	// The last @ ends the password, which may hold any other character.
	at := strings.LastIndexByte(rest, '@')
	if at < 1 {
		return nil, fmt.Errorf("%w: it names no user", errURL)
	}
	u, err := url.Parse("mysql://" + rest[at+1:])
	if err != nil || u.Hostname() == "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: it names no host, or what follows the @ is no valid URL", errURL)
	}
	cfg := mysql.NewConfig()
	configure(cfg)
	if cfg.User, cfg.Passwd, err = parseUser(rest[:at]); err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	cfg.Addr = net.JoinHostPort(u.Hostname(), port)
	if cfg.DBName = strings.TrimPrefix(u.Path, "/"); !databaseName.MatchString(cfg.DBName) {
		return nil, fmt.Errorf("%w: the name of the database is missing or is not made of letters, digits, _, $ and -", errURL)
	}
	return cfg, parseKeys(u.RawQuery, cfg)
}

func parseUser(text string) (user, password string, err error) {
	user, password, _ = strings.Cut(text, ":")
	if user, err = url.PathUnescape(user); err != nil {
		return "", "", fmt.Errorf("%w: write a %% in the user as %%25", errURL)
	}
	if user == "" {
		return "", "", fmt.Errorf("%w: it names no user", errURL)
	}
	if password, err = url.PathUnescape(password); err != nil {
		return "", "", fmt.Errorf("%w: write a %% in the password as %%25", errURL)
	}
	password, err = resolvePassword(password)
	return user, password, err
}

// resolvePassword reads a password that is kept elsewhere.
func resolvePassword(text string) (string, error) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		password := os.Getenv(name)
		if password == "" {
			return "", fmt.Errorf("the database URL takes its password from the variable %s, which is not set", name)
		}
		return password, nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		password, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read the database's password: %w", err)
		}
		return strings.TrimRight(string(password), "\r\n"), nil
	}
	return text, nil
}

func parseKeys(query string, cfg *mysql.Config) error {
	keys, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: what follows the ? is malformed", errURL)
	}
	for key, values := range keys {
		if key != "tls" {
			return fmt.Errorf("the database URL has an unknown key %q: the only one is tls", key)
		}
		switch {
		case len(values) > 1:
			return errors.New("the database URL says tls more than once")
		case values[0] != "true" && values[0] != "false" && values[0] != "skip-verify":
			return errors.New("the database URL's tls must be true, false or skip-verify")
		}
		cfg.TLSConfig = values[0]
	}
	return nil
}

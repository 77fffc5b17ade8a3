// Package schema says what is stored; the other packages under ent, but for
// database and the SQL under migrate, are generated from it.
//
// Identifiers are UUIDs of version 7, so that they sort by when they were
// made. Moments are UTC, to the microsecond. The lengths here are the last line
// of defence: the domain checks first and says what is wrong.
package schema

import (
	"crypto/sha256"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

const (
	maxLabel  = 100  // characters of a token's label
	maxName   = 400  // characters of an e-mail address or a name
	maxReason = 1000 // characters of a reason

	maxIP        = 45  // bytes of an address
	maxUserAgent = 255 // bytes of what a client says of itself
)

var (
	// key is a UUID. MariaDB has a type for them, which ent would take;
	// MySQL has none, and the same migrations must do for both.
	key = map[string]string{dialect.MySQL: "char(36)"}
	// moment keeps microseconds on MySQL, where ent's default keeps seconds.
	moment = map[string]string{dialect.MySQL: "datetime(6)"}
	// word is a column of a few fixed words: not MySQL's ENUM, so that a
	// new word needs no migration.
	word     = map[string]string{dialect.MySQL: "varchar(32)"}
	binary32 = map[string]string{dialect.MySQL: "binary(32)"}
)

// characters is a column for a text of at most n characters, which MySQL
// counts; ent counts bytes, of which a character has up to four.
func characters(n int) map[string]string {
	return map[string]string{dialect.MySQL: fmt.Sprintf("varchar(%d)", n)}
}

// counted is the annotation of an integer key that we give out ourselves.
func counted() entsql.Annotation {
	return entsql.Annotation{Incremental: new(false)}
}

func id() ent.Field {
	return field.UUID("id", uuid.UUID{}).SchemaType(key).
		Default(func() uuid.UUID { return uuid.Must(uuid.NewV7()) }).
		Immutable()
}

// digest is a SHA-256 that finds one row. It is binary, so that no collation
// ever takes two for one, and sensitive, so that no entity prints it.
func digest(name string) ent.Field {
	return field.Bytes(name).SchemaType(binary32).
		MinLen(sha256.Size).MaxLen(sha256.Size).
		Unique().Sensitive().Immutable()
}

// optionalDigest is a SHA-256 that a row may lack.
func optionalDigest(name string) ent.Field {
	return field.Bytes(name).SchemaType(binary32).
		MinLen(sha256.Size).MaxLen(sha256.Size).
		Optional().Nillable().Sensitive().Immutable()
}

// Package apitokens holds no code: it is where both generators start, with
// paths from the root of the module. Run from elsewhere they write other files.
package apitokens

//go:generate go tool ent generate --feature sql/lock,sql/upsert,sql/execquery,sql/versioned-migration ./ent/schema
//go:generate go tool gqlgen generate

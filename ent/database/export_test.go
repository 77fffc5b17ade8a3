package database

// MigrateWith migrates with other migrations than those of this version.
var MigrateWith = (*DB).migrate

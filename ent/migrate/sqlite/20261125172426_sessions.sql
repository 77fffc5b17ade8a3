-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_sessions" table
CREATE TABLE `new_sessions` (`id` uuid NOT NULL, `secret_hash` blob NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `ends_at` datetime NULL, `ended_at` datetime NULL, `seen_at` datetime NULL, `role` text NOT NULL DEFAULT ('MEMBER'), `way` text NOT NULL DEFAULT ('LINK'), `memberships` json NULL, `ip` text NULL, `user_agent` text NULL, `operator_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `sessions_operators_sessions` FOREIGN KEY (`operator_id`) REFERENCES `operators` (`id`) ON DELETE NO ACTION);
-- Copy rows from old table "sessions" to new temporary table "new_sessions"
INSERT INTO `new_sessions` (`id`, `secret_hash`, `created_at`, `expires_at`, `ended_at`, `operator_id`) SELECT `id`, `secret_hash`, `created_at`, `expires_at`, `ended_at`, `operator_id` FROM `sessions`;
-- Drop "sessions" table after copying rows
DROP TABLE `sessions`;
-- Rename temporary table "new_sessions" to "sessions"
ALTER TABLE `new_sessions` RENAME TO `sessions`;
-- Create index "sessions_secret_hash_key" to table: "sessions"
CREATE UNIQUE INDEX `sessions_secret_hash_key` ON `sessions` (`secret_hash`);
-- Create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- Create index "session_operator_id" to table: "sessions"
CREATE INDEX `session_operator_id` ON `sessions` (`operator_id`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

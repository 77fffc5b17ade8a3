-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_tokens" table
CREATE TABLE `new_tokens` (`id` uuid NOT NULL, `label` text NOT NULL, `label_key` text NOT NULL, `secret_hash` blob NOT NULL, `secret_tail` text NOT NULL, `mode` text NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NULL, `idempotency_key` blob NULL, `idempotency_input` blob NULL, `minted_by_kind` text NOT NULL, `minted_by_id` uuid NULL, `minted_by_name` text NOT NULL, `last_used_at` datetime NULL, `last_used_ip` text NULL, `last_used_user_agent` text NULL, `exposed_at` datetime NULL, `rotated_from_id` uuid NULL, `rotated_to_id` uuid NULL, `rotating` bool NOT NULL DEFAULT (false), `revoke_old` text NULL, `rotation_ends_at` datetime NULL, `pending` bool NOT NULL DEFAULT (false), `due_at` datetime NULL, `revoked_at` datetime NULL, `revoked_by_kind` text NULL, `revoked_by_id` uuid NULL, `revoked_by_name` text NULL, `revoke_reason` text NULL, `workspace_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `tokens_workspaces_tokens` FOREIGN KEY (`workspace_id`) REFERENCES `workspaces` (`id`) ON DELETE NO ACTION);
-- Copy rows from old table "tokens" to new temporary table "new_tokens"
INSERT INTO `new_tokens` (`id`, `label`, `label_key`, `secret_hash`, `secret_tail`, `mode`, `created_at`, `expires_at`, `idempotency_key`, `idempotency_input`, `minted_by_kind`, `minted_by_id`, `minted_by_name`, `last_used_at`, `last_used_ip`, `last_used_user_agent`, `exposed_at`, `revoked_at`, `revoked_by_kind`, `revoked_by_id`, `revoked_by_name`, `revoke_reason`, `workspace_id`) SELECT `id`, `label`, `label_key`, `secret_hash`, `secret_tail`, `mode`, `created_at`, `expires_at`, `idempotency_key`, `idempotency_input`, `minted_by_kind`, `minted_by_id`, `minted_by_name`, `last_used_at`, `last_used_ip`, `last_used_user_agent`, `exposed_at`, `revoked_at`, `revoked_by_kind`, `revoked_by_id`, `revoked_by_name`, `revoke_reason`, `workspace_id` FROM `tokens`;
-- Drop "tokens" table after copying rows
DROP TABLE `tokens`;
-- Rename temporary table "new_tokens" to "tokens"
ALTER TABLE `new_tokens` RENAME TO `tokens`;
-- Create index "tokens_secret_hash_key" to table: "tokens"
CREATE UNIQUE INDEX `tokens_secret_hash_key` ON `tokens` (`secret_hash`);
-- Create index "token_idempotency_key" to table: "tokens"
CREATE UNIQUE INDEX `token_idempotency_key` ON `tokens` (`idempotency_key`);
-- Create index "token_workspace_id_revoked_at_id" to table: "tokens"
CREATE INDEX `token_workspace_id_revoked_at_id` ON `tokens` (`workspace_id`, `revoked_at`, `id`);
-- Create index "token_workspace_id_revoked_at_label_key_id" to table: "tokens"
CREATE INDEX `token_workspace_id_revoked_at_label_key_id` ON `tokens` (`workspace_id`, `revoked_at`, `label_key`, `id`);
-- Create index "token_workspace_id_revoked_at_expires_at_id" to table: "tokens"
CREATE INDEX `token_workspace_id_revoked_at_expires_at_id` ON `tokens` (`workspace_id`, `revoked_at`, `expires_at`, `id`);
-- Create index "token_workspace_id_revoked_at_last_used_at_id" to table: "tokens"
CREATE INDEX `token_workspace_id_revoked_at_last_used_at_id` ON `tokens` (`workspace_id`, `revoked_at`, `last_used_at`, `id`);
-- Create index "token_workspace_id_id" to table: "tokens"
CREATE INDEX `token_workspace_id_id` ON `tokens` (`workspace_id`, `id`);
-- Create index "token_workspace_id_minted_by_id_id" to table: "tokens"
CREATE INDEX `token_workspace_id_minted_by_id_id` ON `tokens` (`workspace_id`, `minted_by_id`, `id`);
-- Create index "token_workspace_id_rotating_id" to table: "tokens"
CREATE INDEX `token_workspace_id_rotating_id` ON `tokens` (`workspace_id`, `rotating`, `id`);
-- Create index "token_due_at" to table: "tokens"
CREATE INDEX `token_due_at` ON `tokens` (`due_at`);
-- Create "new_usage_buckets" table
CREATE TABLE `new_usage_buckets` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `token_id` uuid NOT NULL, `start` datetime NOT NULL, `requests` integer NOT NULL, `agents` integer NOT NULL DEFAULT (0), `networks` integer NOT NULL DEFAULT (0));
-- Copy rows from old table "usage_buckets" to new temporary table "new_usage_buckets"
INSERT INTO `new_usage_buckets` (`id`, `token_id`, `start`, `requests`) SELECT `id`, `token_id`, `start`, `requests` FROM `usage_buckets`;
-- Drop "usage_buckets" table after copying rows
DROP TABLE `usage_buckets`;
-- Rename temporary table "new_usage_buckets" to "usage_buckets"
ALTER TABLE `new_usage_buckets` RENAME TO `usage_buckets`;
-- Create index "usagebucket_token_id_start" to table: "usage_buckets"
CREATE UNIQUE INDEX `usagebucket_token_id_start` ON `usage_buckets` (`token_id`, `start`);
-- Create index "usagebucket_start" to table: "usage_buckets"
CREATE INDEX `usagebucket_start` ON `usage_buckets` (`start`);
-- Have the sweep record what expires from now on, and what has expired before
UPDATE `tokens` SET `due_at` = `expires_at` WHERE `revoked_at` IS NULL;
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

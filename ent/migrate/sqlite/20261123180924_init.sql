-- Create "audit_entries" table
CREATE TABLE `audit_entries` (`id` uuid NOT NULL, `seq` integer NULL, `workspace_id` uuid NOT NULL, `at` datetime NOT NULL, `action` text NOT NULL, `outcome` text NOT NULL, `actor_id` uuid NULL, `target_id` uuid NULL, `test` bool NOT NULL, `record` blob NOT NULL, PRIMARY KEY (`id`));
-- Create index "audit_entries_seq_key" to table: "audit_entries"
CREATE UNIQUE INDEX `audit_entries_seq_key` ON `audit_entries` (`seq`);
-- Create index "auditentry_workspace_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_workspace_id_id` ON `audit_entries` (`workspace_id`, `id`);
-- Create index "auditentry_workspace_id_action_id" to table: "audit_entries"
CREATE INDEX `auditentry_workspace_id_action_id` ON `audit_entries` (`workspace_id`, `action`, `id`);
-- Create index "auditentry_workspace_id_actor_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_workspace_id_actor_id_id` ON `audit_entries` (`workspace_id`, `actor_id`, `id`);
-- Create index "auditentry_workspace_id_target_id_id" to table: "audit_entries"
CREATE INDEX `auditentry_workspace_id_target_id_id` ON `audit_entries` (`workspace_id`, `target_id`, `id`);
-- Create "audit_head" table
CREATE TABLE `audit_head` (`id` integer NOT NULL, `seq` integer NOT NULL, PRIMARY KEY (`id`));
-- Create "changes" table
CREATE TABLE `changes` (`n` integer NOT NULL, `kind` text NOT NULL, `subject` uuid NOT NULL, `at` datetime NOT NULL, PRIMARY KEY (`n`));
-- Create "change_clock" table
CREATE TABLE `change_clock` (`id` integer NOT NULL, `n` integer NOT NULL, PRIMARY KEY (`id`));
-- Create "grants" table
CREATE TABLE `grants` (`id` uuid NOT NULL, `ability` text NOT NULL, `token_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `grants_tokens_grants` FOREIGN KEY (`token_id`) REFERENCES `tokens` (`id`) ON DELETE NO ACTION);
-- Create index "grant_token_id_ability" to table: "grants"
CREATE UNIQUE INDEX `grant_token_id_ability` ON `grants` (`token_id`, `ability`);
-- Create "operators" table
CREATE TABLE `operators` (`id` uuid NOT NULL, `email` text NOT NULL, `name` text NOT NULL, `role` text NOT NULL, `created_at` datetime NOT NULL, `removed_at` datetime NULL, `workspace_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `operators_workspaces_operators` FOREIGN KEY (`workspace_id`) REFERENCES `workspaces` (`id`) ON DELETE NO ACTION);
-- Create index "operator_workspace_id_email" to table: "operators"
CREATE UNIQUE INDEX `operator_workspace_id_email` ON `operators` (`workspace_id`, `email`);
-- Create "servers" table
CREATE TABLE `servers` (`id` uuid NOT NULL, `seen` integer NOT NULL, `renewed_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create "sessions" table
CREATE TABLE `sessions` (`id` uuid NOT NULL, `secret_hash` blob NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `ended_at` datetime NULL, `operator_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `sessions_operators_sessions` FOREIGN KEY (`operator_id`) REFERENCES `operators` (`id`) ON DELETE NO ACTION);
-- Create index "sessions_secret_hash_key" to table: "sessions"
CREATE UNIQUE INDEX `sessions_secret_hash_key` ON `sessions` (`secret_hash`);
-- Create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- Create "sign_in_codes" table
CREATE TABLE `sign_in_codes` (`id` uuid NOT NULL, `secret_hash` blob NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `used_at` datetime NULL, `operator_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `sign_in_codes_operators_sign_in_codes` FOREIGN KEY (`operator_id`) REFERENCES `operators` (`id`) ON DELETE NO ACTION);
-- Create index "sign_in_codes_secret_hash_key" to table: "sign_in_codes"
CREATE UNIQUE INDEX `sign_in_codes_secret_hash_key` ON `sign_in_codes` (`secret_hash`);
-- Create index "signincode_expires_at" to table: "sign_in_codes"
CREATE INDEX `signincode_expires_at` ON `sign_in_codes` (`expires_at`);
-- Create "sink_cursors" table
CREATE TABLE `sink_cursors` (`name` text NOT NULL, `cursor` integer NOT NULL, `epoch` integer NOT NULL, `holder` uuid NULL, `held_until` datetime NULL, PRIMARY KEY (`name`));
-- Create "tokens" table
CREATE TABLE `tokens` (`id` uuid NOT NULL, `label` text NOT NULL, `label_key` text NOT NULL, `secret_hash` blob NOT NULL, `secret_tail` text NOT NULL, `mode` text NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NULL, `idempotency_key` blob NULL, `idempotency_input` blob NULL, `minted_by_kind` text NOT NULL, `minted_by_id` uuid NULL, `minted_by_name` text NOT NULL, `exposed_at` datetime NULL, `revoked_at` datetime NULL, `revoked_by_kind` text NULL, `revoked_by_id` uuid NULL, `revoked_by_name` text NULL, `revoke_reason` text NULL, `workspace_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `tokens_workspaces_tokens` FOREIGN KEY (`workspace_id`) REFERENCES `workspaces` (`id`) ON DELETE NO ACTION);
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
-- Create index "token_workspace_id_id" to table: "tokens"
CREATE INDEX `token_workspace_id_id` ON `tokens` (`workspace_id`, `id`);
-- Create index "token_workspace_id_minted_by_id_id" to table: "tokens"
CREATE INDEX `token_workspace_id_minted_by_id_id` ON `tokens` (`workspace_id`, `minted_by_id`, `id`);
-- Create "workspaces" table
CREATE TABLE `workspaces` (`id` uuid NOT NULL, `slug` text NOT NULL, `name` text NOT NULL, `plan` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create index "workspaces_slug_key" to table: "workspaces"
CREATE UNIQUE INDEX `workspaces_slug_key` ON `workspaces` (`slug`);

-- Add columns "last_used_at", "last_used_ip" and "last_used_user_agent" to table: "tokens"
ALTER TABLE `tokens` ADD COLUMN `last_used_at` datetime NULL;
ALTER TABLE `tokens` ADD COLUMN `last_used_ip` text NULL;
ALTER TABLE `tokens` ADD COLUMN `last_used_user_agent` text NULL;
-- Create index "token_workspace_id_revoked_at_last_used_at_id" to table: "tokens"
CREATE INDEX `token_workspace_id_revoked_at_last_used_at_id` ON `tokens` (`workspace_id`, `revoked_at`, `last_used_at`, `id`);
-- Create "ability_uses" table
CREATE TABLE `ability_uses` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `token_id` uuid NOT NULL, `ability` text NOT NULL, `last_used_at` datetime NOT NULL);
-- Create index "abilityuse_token_id_ability" to table: "ability_uses"
CREATE UNIQUE INDEX `abilityuse_token_id_ability` ON `ability_uses` (`token_id`, `ability`);
-- Create "usage_buckets" table
CREATE TABLE `usage_buckets` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `token_id` uuid NOT NULL, `start` datetime NOT NULL, `requests` integer NOT NULL);
-- Create index "usagebucket_token_id_start" to table: "usage_buckets"
CREATE UNIQUE INDEX `usagebucket_token_id_start` ON `usage_buckets` (`token_id`, `start`);
-- Create index "usagebucket_start" to table: "usage_buckets"
CREATE INDEX `usagebucket_start` ON `usage_buckets` (`start`);
-- Create "usage_flushes" table
CREATE TABLE `usage_flushes` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `recorder` uuid NOT NULL, `n` integer NOT NULL, `at` datetime NOT NULL, `tokens` blob NOT NULL);
-- Create index "usageflush_recorder_n" to table: "usage_flushes"
CREATE UNIQUE INDEX `usageflush_recorder_n` ON `usage_flushes` (`recorder`, `n`);
-- Create index "usageflush_at" to table: "usage_flushes"
CREATE INDEX `usageflush_at` ON `usage_flushes` (`at`);

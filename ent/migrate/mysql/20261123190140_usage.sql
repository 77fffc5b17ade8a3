-- Modify "tokens" table
ALTER TABLE `tokens` ADD COLUMN `last_used_at` datetime(6) NULL, ADD COLUMN `last_used_ip` varchar(45) NULL, ADD COLUMN `last_used_user_agent` varchar(255) NULL, ADD INDEX `token_workspace_id_revoked_at_last_used_at_id` (`workspace_id`, `revoked_at`, `last_used_at`, `id`);
-- Create "ability_uses" table
CREATE TABLE `ability_uses` (`id` bigint NOT NULL AUTO_INCREMENT, `token_id` char(36) NOT NULL, `ability` varchar(32) NOT NULL, `last_used_at` datetime(6) NOT NULL, PRIMARY KEY (`id`), UNIQUE INDEX `abilityuse_token_id_ability` (`token_id`, `ability`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "usage_buckets" table
CREATE TABLE `usage_buckets` (`id` bigint NOT NULL AUTO_INCREMENT, `token_id` char(36) NOT NULL, `start` datetime(6) NOT NULL, `requests` bigint NOT NULL, PRIMARY KEY (`id`), INDEX `usagebucket_start` (`start`), UNIQUE INDEX `usagebucket_token_id_start` (`token_id`, `start`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "usage_flushes" table
CREATE TABLE `usage_flushes` (`id` bigint NOT NULL AUTO_INCREMENT, `recorder` char(36) NOT NULL, `n` bigint NOT NULL, `at` datetime(6) NOT NULL, `tokens` blob NOT NULL, PRIMARY KEY (`id`), INDEX `usageflush_at` (`at`), UNIQUE INDEX `usageflush_recorder_n` (`recorder`, `n`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;

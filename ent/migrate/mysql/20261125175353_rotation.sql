-- Modify "tokens" table
ALTER TABLE `tokens` ADD COLUMN `rotated_from_id` char(36) NULL, ADD COLUMN `rotated_to_id` char(36) NULL, ADD COLUMN `rotating` bool NOT NULL DEFAULT 0, ADD COLUMN `revoke_old` varchar(32) NULL, ADD COLUMN `rotation_ends_at` datetime(6) NULL, ADD COLUMN `pending` bool NOT NULL DEFAULT 0, ADD COLUMN `due_at` datetime(6) NULL, ADD INDEX `token_due_at` (`due_at`), ADD INDEX `token_workspace_id_rotating_id` (`workspace_id`, `rotating`, `id`);
-- Modify "usage_buckets" table
ALTER TABLE `usage_buckets` ADD COLUMN `agents` bigint NOT NULL DEFAULT 0, ADD COLUMN `networks` bigint NOT NULL DEFAULT 0;
-- Have the sweep record what expires from now on, and what has expired before
UPDATE `tokens` SET `due_at` = `expires_at` WHERE `revoked_at` IS NULL;

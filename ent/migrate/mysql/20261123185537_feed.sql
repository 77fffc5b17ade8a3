-- Modify "changes" table
ALTER TABLE `changes` ADD COLUMN `cancelled` bigint NOT NULL DEFAULT 0;
-- Modify "servers" table
ALTER TABLE `servers` ADD COLUMN `lease` bigint NOT NULL DEFAULT 0;

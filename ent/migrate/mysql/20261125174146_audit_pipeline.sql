-- Modify "audit_head" table
ALTER TABLE `audit_head` ADD COLUMN `note` varchar(4096) NULL;
-- Modify "sink_cursors" table
ALTER TABLE `sink_cursors` ADD COLUMN `required` bool NOT NULL DEFAULT 0, ADD COLUMN `down_since` datetime(6) NULL, ADD COLUMN `problem` varchar(255) NULL;
-- Create "audit_epochs" table
CREATE TABLE `audit_epochs` (`up_to` bigint NOT NULL, `after` bigint NOT NULL, `at` datetime(6) NOT NULL, `record` char(36) NOT NULL, PRIMARY KEY (`up_to`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "audit_quarantine" table
CREATE TABLE `audit_quarantine` (`id` bigint NOT NULL AUTO_INCREMENT, `sink` varchar(63) NOT NULL, `seq` bigint NOT NULL, `reason` varchar(255) NOT NULL, `tries` bigint NOT NULL, `retry_at` datetime(6) NOT NULL, PRIMARY KEY (`id`), INDEX `auditquarantine_sink_retry_at` (`sink`, `retry_at`), UNIQUE INDEX `auditquarantine_sink_seq` (`sink`, `seq`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;

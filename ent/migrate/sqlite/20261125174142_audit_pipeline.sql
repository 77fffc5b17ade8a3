-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Add column "note" to table: "audit_head"
ALTER TABLE `audit_head` ADD COLUMN `note` text NULL;
-- Create "new_sink_cursors" table
CREATE TABLE `new_sink_cursors` (`name` text NOT NULL, `cursor` integer NOT NULL, `epoch` integer NOT NULL, `holder` uuid NULL, `held_until` datetime NULL, `required` bool NOT NULL DEFAULT (false), `down_since` datetime NULL, `problem` text NULL, PRIMARY KEY (`name`));
-- Copy rows from old table "sink_cursors" to new temporary table "new_sink_cursors"
INSERT INTO `new_sink_cursors` (`name`, `cursor`, `epoch`, `holder`, `held_until`) SELECT `name`, `cursor`, `epoch`, `holder`, `held_until` FROM `sink_cursors`;
-- Drop "sink_cursors" table after copying rows
DROP TABLE `sink_cursors`;
-- Rename temporary table "new_sink_cursors" to "sink_cursors"
ALTER TABLE `new_sink_cursors` RENAME TO `sink_cursors`;
-- Create "audit_epochs" table
CREATE TABLE `audit_epochs` (`up_to` integer NOT NULL, `after` integer NOT NULL, `at` datetime NOT NULL, `record` uuid NOT NULL, PRIMARY KEY (`up_to`));
-- Create "audit_quarantine" table
CREATE TABLE `audit_quarantine` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `sink` text NOT NULL, `seq` integer NOT NULL, `reason` text NOT NULL, `tries` integer NOT NULL, `retry_at` datetime NOT NULL);
-- Create index "auditquarantine_sink_seq" to table: "audit_quarantine"
CREATE UNIQUE INDEX `auditquarantine_sink_seq` ON `audit_quarantine` (`sink`, `seq`);
-- Create index "auditquarantine_sink_retry_at" to table: "audit_quarantine"
CREATE INDEX `auditquarantine_sink_retry_at` ON `audit_quarantine` (`sink`, `retry_at`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

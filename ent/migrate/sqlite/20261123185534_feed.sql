-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_changes" table
CREATE TABLE `new_changes` (`n` integer NOT NULL, `kind` text NOT NULL, `subject` uuid NOT NULL, `at` datetime NOT NULL, `cancelled` integer NOT NULL DEFAULT (0), PRIMARY KEY (`n`));
-- Copy rows from old table "changes" to new temporary table "new_changes"
INSERT INTO `new_changes` (`n`, `kind`, `subject`, `at`) SELECT `n`, `kind`, `subject`, `at` FROM `changes`;
-- Drop "changes" table after copying rows
DROP TABLE `changes`;
-- Rename temporary table "new_changes" to "changes"
ALTER TABLE `new_changes` RENAME TO `changes`;
-- Create "new_servers" table
CREATE TABLE `new_servers` (`id` uuid NOT NULL, `seen` integer NOT NULL, `lease` integer NOT NULL DEFAULT (0), `renewed_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Copy rows from old table "servers" to new temporary table "new_servers"
INSERT INTO `new_servers` (`id`, `seen`, `renewed_at`) SELECT `id`, `seen`, `renewed_at` FROM `servers`;
-- Drop "servers" table after copying rows
DROP TABLE `servers`;
-- Rename temporary table "new_servers" to "servers"
ALTER TABLE `new_servers` RENAME TO `servers`;
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

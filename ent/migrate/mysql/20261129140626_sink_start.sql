-- Modify "sink_cursors" table
ALTER TABLE `sink_cursors` ADD COLUMN `starts_after` bigint NULL;
-- Of the sinks that are there it is not known; those beyond the end of the log were told so
UPDATE `sink_cursors` SET `starts_after` = `cursor` WHERE `cursor` > (SELECT `seq` FROM `audit_head` WHERE `id` = 1);

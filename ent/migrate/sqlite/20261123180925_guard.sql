-- atlas:delimiter \n\n

-- The one row each that the sealer and the feed lock and count up.
INSERT INTO `audit_head` (`id`, `seq`) VALUES (1, 0)

INSERT INTO `change_clock` (`id`, `n`) VALUES (1, 0)

-- An audit entry is new and unsealed when it is inserted. REPLACE would otherwise
-- take the place of an entry without any trigger on deleting being run.
CREATE TRIGGER `audit_entries_new` BEFORE INSERT ON `audit_entries`
WHEN NEW.`seq` IS NOT NULL OR EXISTS (SELECT 1 FROM `audit_entries` WHERE `id` = NEW.`id`)
BEGIN SELECT RAISE(ABORT, 'audit entries are inserted once, and sealed later'); END

-- An audit entry is changed once: from unsealed to sealed, and nothing else of it.
CREATE TRIGGER `audit_entries_sealed_only` BEFORE UPDATE ON `audit_entries`
WHEN NOT (OLD.`seq` IS NULL AND NEW.`seq` IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM `audit_entries` WHERE `seq` = NEW.`seq`)
  AND NEW.`id` IS OLD.`id`
  AND NEW.`workspace_id` IS OLD.`workspace_id`
  AND NEW.`at` IS OLD.`at`
  AND NEW.`action` IS OLD.`action`
  AND NEW.`outcome` IS OLD.`outcome`
  AND NEW.`actor_id` IS OLD.`actor_id`
  AND NEW.`target_id` IS OLD.`target_id`
  AND NEW.`test` IS OLD.`test`
  AND NEW.`record` IS OLD.`record`)
BEGIN SELECT RAISE(ABORT, 'audit entries are inserted and sealed, never changed'); END

CREATE TRIGGER `audit_entries_kept` BEFORE DELETE ON `audit_entries`
BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END

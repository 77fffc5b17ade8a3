-- atlas:delimiter \n\n

-- The one row each that the sealer and the feed lock and count up.
INSERT INTO `audit_head` (`id`, `seq`) VALUES (1, 0)

INSERT INTO `change_clock` (`id`, `n`) VALUES (1, 0)

-- An audit entry is unsealed when it is inserted.
CREATE TRIGGER `audit_entries_new` BEFORE INSERT ON `audit_entries` FOR EACH ROW
IF NEW.`seq` IS NOT NULL
THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit entries are inserted once, and sealed later';
END IF

-- An audit entry is changed once: from unsealed to sealed, and nothing else of it.
-- Texts are compared as bytes: a comparison of texts ignores spaces at the end.
CREATE TRIGGER `audit_entries_sealed_only` BEFORE UPDATE ON `audit_entries` FOR EACH ROW
IF NOT (OLD.`seq` IS NULL AND NEW.`seq` IS NOT NULL
  AND CAST(NEW.`id` AS BINARY) <=> CAST(OLD.`id` AS BINARY)
  AND CAST(NEW.`workspace_id` AS BINARY) <=> CAST(OLD.`workspace_id` AS BINARY)
  AND NEW.`at` <=> OLD.`at`
  AND CAST(NEW.`action` AS BINARY) <=> CAST(OLD.`action` AS BINARY)
  AND CAST(NEW.`outcome` AS BINARY) <=> CAST(OLD.`outcome` AS BINARY)
  AND CAST(NEW.`actor_id` AS BINARY) <=> CAST(OLD.`actor_id` AS BINARY)
  AND CAST(NEW.`target_id` AS BINARY) <=> CAST(OLD.`target_id` AS BINARY)
  AND NEW.`test` <=> OLD.`test`
  AND NEW.`record` <=> OLD.`record`)
THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit entries are inserted and sealed, never changed';
END IF

CREATE TRIGGER `audit_entries_kept` BEFORE DELETE ON `audit_entries` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit entries are never deleted'

-- atlas:delimiter \n\n

-- What proves the audit log is inserted, and nothing else. REPLACE would take the
-- place of a row without any trigger on deleting being run.
CREATE TRIGGER `audit_tree_new` BEFORE INSERT ON `audit_tree`
WHEN EXISTS (SELECT 1 FROM `audit_tree` WHERE `seq` = NEW.`seq`)
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is inserted once'); END

CREATE TRIGGER `audit_tree_unchanged` BEFORE UPDATE ON `audit_tree`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_tree_kept` BEFORE DELETE ON `audit_tree`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_checkpoints_new` BEFORE INSERT ON `audit_checkpoints`
WHEN EXISTS (SELECT 1 FROM `audit_checkpoints` WHERE `size` = NEW.`size`)
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is inserted once'); END

CREATE TRIGGER `audit_checkpoints_unchanged` BEFORE UPDATE ON `audit_checkpoints`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_checkpoints_kept` BEFORE DELETE ON `audit_checkpoints`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_keys_new` BEFORE INSERT ON `audit_keys`
WHEN EXISTS (SELECT 1 FROM `audit_keys` WHERE `public_key` = NEW.`public_key`)
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is inserted once'); END

CREATE TRIGGER `audit_keys_unchanged` BEFORE UPDATE ON `audit_keys`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_keys_kept` BEFORE DELETE ON `audit_keys`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

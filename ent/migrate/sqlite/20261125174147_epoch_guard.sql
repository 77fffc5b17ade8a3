-- atlas:delimiter \n\n

-- What proves the audit log is inserted, and nothing else. REPLACE would take the
-- place of a row without any trigger on deleting being run.
CREATE TRIGGER `audit_epochs_new` BEFORE INSERT ON `audit_epochs`
WHEN EXISTS (SELECT 1 FROM `audit_epochs` WHERE `up_to` = NEW.`up_to`)
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is inserted once'); END

CREATE TRIGGER `audit_epochs_unchanged` BEFORE UPDATE ON `audit_epochs`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

CREATE TRIGGER `audit_epochs_kept` BEFORE DELETE ON `audit_epochs`
BEGIN SELECT RAISE(ABORT, 'what proves the audit log is never changed or deleted'); END

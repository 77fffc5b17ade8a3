-- atlas:delimiter \n\n

-- What proves the audit log is inserted, and nothing else.
CREATE TRIGGER `audit_epochs_unchanged` BEFORE UPDATE ON `audit_epochs` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_epochs_kept` BEFORE DELETE ON `audit_epochs` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

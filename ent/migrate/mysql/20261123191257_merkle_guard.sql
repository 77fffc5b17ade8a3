-- atlas:delimiter \n\n

-- What proves the audit log is inserted, and nothing else.
CREATE TRIGGER `audit_tree_unchanged` BEFORE UPDATE ON `audit_tree` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_tree_kept` BEFORE DELETE ON `audit_tree` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_checkpoints_unchanged` BEFORE UPDATE ON `audit_checkpoints` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_checkpoints_kept` BEFORE DELETE ON `audit_checkpoints` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_keys_unchanged` BEFORE UPDATE ON `audit_keys` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

CREATE TRIGGER `audit_keys_kept` BEFORE DELETE ON `audit_keys` FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'what proves the audit log is never changed or deleted'

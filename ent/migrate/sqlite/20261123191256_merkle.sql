-- Create "audit_checkpoints" table
CREATE TABLE `audit_checkpoints` (`size` integer NOT NULL, `note` text NOT NULL, `at` datetime NOT NULL, PRIMARY KEY (`size`));
-- Create "audit_keys" table
CREATE TABLE `audit_keys` (`public_key` text NOT NULL, `at` datetime NOT NULL, PRIMARY KEY (`public_key`));
-- Create "audit_tree" table
CREATE TABLE `audit_tree` (`seq` integer NOT NULL, `hashes` blob NOT NULL, PRIMARY KEY (`seq`));

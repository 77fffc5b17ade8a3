-- Create "audit_checkpoints" table
CREATE TABLE `audit_checkpoints` (`size` bigint NOT NULL, `note` varchar(4096) NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`size`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "audit_keys" table
CREATE TABLE `audit_keys` (`public_key` varchar(255) NOT NULL, `at` datetime(6) NOT NULL, PRIMARY KEY (`public_key`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;
-- Create "audit_tree" table
CREATE TABLE `audit_tree` (`seq` bigint NOT NULL, `hashes` varbinary(2016) NOT NULL, PRIMARY KEY (`seq`)) CHARSET utf8mb4 COLLATE utf8mb4_bin;

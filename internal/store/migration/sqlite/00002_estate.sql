-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- add column "updated_at" to table: "groups"
ALTER TABLE `groups` ADD COLUMN `updated_at` datetime NULL;
-- create "new_licenses" table
CREATE TABLE `new_licenses` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `capacity` integer NULL, `ceiling` integer NULL, `used` integer NOT NULL DEFAULT (0), `reserved` integer NOT NULL DEFAULT (0), `waiting` integer NOT NULL DEFAULT (0), `errors` integer NOT NULL DEFAULT (0), `external_id` text NULL, `quantity` integer NOT NULL DEFAULT (0), `unlimited_quantity` bool NOT NULL DEFAULT (false), `overage` integer NOT NULL DEFAULT (0), `overage_shrinks` bool NOT NULL DEFAULT (false), `committed` integer NOT NULL DEFAULT (0), `renewal_quantity` integer NULL, `metric` text NOT NULL DEFAULT ('USERS'), `starts_on` text NULL, `ends_on` text NULL, `unit_price` text NULL, `currency` text NULL, `price_per` text NOT NULL DEFAULT ('YEAR'), `notes` text NULL, `contract_id` integer NOT NULL, `product_id` integer NOT NULL, CONSTRAINT `licenses_contracts_licenses` FOREIGN KEY (`contract_id`) REFERENCES `contracts` (`id`) ON DELETE NO ACTION, CONSTRAINT `licenses_products_licenses` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE NO ACTION, CONSTRAINT `license_counts` CHECK (quantity >= 0 AND overage >= 0 AND committed >= 0 AND (renewal_quantity IS NULL OR renewal_quantity >= 0)), CONSTRAINT `license_limit` CHECK ((unlimited_quantity AND capacity IS NULL) OR (NOT unlimited_quantity AND capacity = quantity + overage + committed)), CONSTRAINT `pool_ceiling` CHECK ((capacity IS NULL AND ceiling IS NULL) OR (capacity IS NOT NULL AND ceiling IS NOT NULL AND ceiling >= capacity)), CONSTRAINT `pool_counts` CHECK (used >= 0 AND reserved >= 0 AND waiting >= 0 AND errors >= 0), CONSTRAINT `pool_fits` CHECK (ceiling IS NULL OR used + reserved <= ceiling), CONSTRAINT `pool_limit` CHECK (capacity IS NULL OR capacity >= 0));
-- copy rows from old table "licenses" to new temporary table "new_licenses"
INSERT INTO `new_licenses` (`id`, `created_at`, `capacity`, `ceiling`, `used`, `reserved`, `waiting`, `errors`, `quantity`, `unlimited_quantity`, `overage`, `metric`, `starts_on`, `ends_on`, `unit_price`, `currency`, `notes`, `contract_id`, `product_id`) SELECT `id`, `created_at`, `capacity`, `ceiling`, `used`, `reserved`, `waiting`, `errors`, `quantity`, `unlimited_quantity`, `overage`, `metric`, `starts_on`, `ends_on`, `unit_price`, `currency`, `notes`, `contract_id`, `product_id` FROM `licenses`;
-- drop "licenses" table after copying rows
DROP TABLE `licenses`;
-- rename temporary table "new_licenses" to "licenses"
ALTER TABLE `new_licenses` RENAME TO `licenses`;
-- create index "licenses_external_id_key" to table: "licenses"
CREATE UNIQUE INDEX `licenses_external_id_key` ON `licenses` (`external_id`);
-- create index "license_contract_id" to table: "licenses"
CREATE INDEX `license_contract_id` ON `licenses` (`contract_id`);
-- create index "license_product_id" to table: "licenses"
CREATE INDEX `license_product_id` ON `licenses` (`product_id`);
-- create "new_users" table
CREATE TABLE `new_users` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `external_id` text NULL, `user_name` text NOT NULL, `name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `email` text NOT NULL DEFAULT (''), `type` text NOT NULL DEFAULT ('MEMBER'), `department` text NOT NULL DEFAULT (''), `cost_center` text NOT NULL DEFAULT (''), `usage_location` text NOT NULL DEFAULT (''), `enabled` bool NOT NULL DEFAULT (true), `roles` json NULL, `attributes` text NOT NULL DEFAULT (''), `updated_at` datetime NULL);
-- copy rows from old table "users" to new temporary table "new_users"
INSERT INTO `new_users` (`id`, `created_at`, `external_id`, `user_name`, `name_key`, `display_name`, `email`, `type`, `department`, `usage_location`, `enabled`, `roles`) SELECT `id`, `created_at`, `external_id`, `user_name`, `name_key`, `display_name`, `email`, `type`, `department`, `usage_location`, `enabled`, `roles` FROM `users`;
-- drop "users" table after copying rows
DROP TABLE `users`;
-- rename temporary table "new_users" to "users"
ALTER TABLE `new_users` RENAME TO `users`;
-- create index "users_external_id_key" to table: "users"
CREATE UNIQUE INDEX `users_external_id_key` ON `users` (`external_id`);
-- create index "users_name_key_key" to table: "users"
CREATE UNIQUE INDEX `users_name_key_key` ON `users` (`name_key`);
-- create index "user_department" to table: "users"
CREATE INDEX `user_department` ON `users` (`department`);
-- create index "user_usage_location" to table: "users"
CREATE INDEX `user_usage_location` ON `users` (`usage_location`);
-- create index "user_display_name" to table: "users"
CREATE INDEX `user_display_name` ON `users` (`display_name`);
-- create "allocations" table
CREATE TABLE `allocations` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `external_id` text NULL, `type` text NOT NULL, `name` text NULL, `quantity` integer NULL, `unlimited` bool NOT NULL DEFAULT (false), `metric` text NOT NULL DEFAULT ('USERS'), `cost_center` text NULL, `notes` text NULL, `deployment_id` integer NULL, `license_id` integer NOT NULL, CONSTRAINT `allocations_deployments_allocations` FOREIGN KEY (`deployment_id`) REFERENCES `deployments` (`id`) ON DELETE SET NULL, CONSTRAINT `allocations_licenses_allocations` FOREIGN KEY (`license_id`) REFERENCES `licenses` (`id`) ON DELETE NO ACTION, CONSTRAINT `allocation_kind` CHECK ((type = 'TRACK_DEPLOYMENT' AND deployment_id IS NOT NULL) OR (type = 'CUSTOM_RESERVATION' AND deployment_id IS NULL AND name IS NOT NULL AND NOT unlimited)), CONSTRAINT `allocation_quantity` CHECK ((unlimited AND quantity IS NULL) OR (NOT unlimited AND quantity IS NOT NULL AND quantity >= 0)));
-- create index "allocations_external_id_key" to table: "allocations"
CREATE UNIQUE INDEX `allocations_external_id_key` ON `allocations` (`external_id`);
-- create index "allocation_license_id" to table: "allocations"
CREATE INDEX `allocation_license_id` ON `allocations` (`license_id`);
-- create index "allocation_deployment_id_metric" to table: "allocations"
CREATE INDEX `allocation_deployment_id_metric` ON `allocations` (`deployment_id`, `metric`);
-- create "allocation_states" table
CREATE TABLE `allocation_states` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `allocation_id` integer NOT NULL, `at` datetime NOT NULL, `license_id` integer NOT NULL, `deployment_id` integer NOT NULL DEFAULT (0), `name` text NOT NULL DEFAULT (''), `quantity` integer NULL, `metric` text NOT NULL, `deleted` bool NOT NULL DEFAULT (false));
-- create index "allocationstate_allocation_id_id" to table: "allocation_states"
CREATE INDEX `allocationstate_allocation_id_id` ON `allocation_states` (`allocation_id`, `id`);
-- create "deployments" table
CREATE TABLE `deployments` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `product` text NOT NULL, `product_key` text NOT NULL, `installs` integer NOT NULL DEFAULT (0), `users` integer NOT NULL DEFAULT (0), `observed_at` datetime NOT NULL, `source` text NOT NULL DEFAULT (''), `vendor_id` integer NOT NULL, CONSTRAINT `deployments_vendors_deployments` FOREIGN KEY (`vendor_id`) REFERENCES `vendors` (`id`) ON DELETE NO ACTION, CONSTRAINT `deployment_counts` CHECK (installs >= 0 AND users >= 0));
-- create index "deployment_vendor_id_product_key" to table: "deployments"
CREATE UNIQUE INDEX `deployment_vendor_id_product_key` ON `deployments` (`vendor_id`, `product_key`);
-- create index "deployment_product" to table: "deployments"
CREATE INDEX `deployment_product` ON `deployments` (`product`);
-- create "feeds" table
CREATE TABLE `feeds` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `kind` text NOT NULL, `name` text NOT NULL, `digest` text NOT NULL, `actor` text NOT NULL, `state` text NOT NULL DEFAULT ('RUNNING'), `pages` integer NOT NULL DEFAULT (0), `rows` integer NOT NULL DEFAULT (0), `summary` text NOT NULL DEFAULT (''), `ended_at` datetime NULL);
-- create index "feed_kind_digest" to table: "feeds"
CREATE INDEX `feed_kind_digest` ON `feeds` (`kind`, `digest`);
-- create "license_states" table
CREATE TABLE `license_states` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `license_id` integer NOT NULL, `at` datetime NOT NULL, `quantity` integer NOT NULL, `committed` integer NOT NULL, `capacity` integer NULL, `used` integer NOT NULL, `reserved` integer NOT NULL, `deleted` bool NOT NULL DEFAULT (false));
-- create index "licensestate_license_id_id" to table: "license_states"
CREATE INDEX `licensestate_license_id_id` ON `license_states` (`license_id`, `id`);
-- create "observations" table
CREATE TABLE `observations` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `deployment_id` integer NOT NULL, `observed_at` datetime NOT NULL, `recorded_at` datetime NOT NULL, `current` bool NOT NULL DEFAULT (true), `installs` integer NOT NULL, `users` integer NOT NULL, `source` text NOT NULL DEFAULT (''));
-- create index "observation_deployment_id_observed_at_id" to table: "observations"
CREATE INDEX `observation_deployment_id_observed_at_id` ON `observations` (`deployment_id`, `observed_at`, `id`);
-- create "purchase_reservations" table
CREATE TABLE `purchase_reservations` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `quantity` integer NOT NULL, `starts_on` text NOT NULL, `state` text NOT NULL DEFAULT ('PLACED'), `order_number` text NULL, `ended_at` datetime NULL, `notes` text NULL, `license_id` integer NOT NULL, CONSTRAINT `purchase_reservations_licenses_purchases` FOREIGN KEY (`license_id`) REFERENCES `licenses` (`id`) ON DELETE NO ACTION, CONSTRAINT `purchase_quantity` CHECK (quantity > 0));
-- create index "purchasereservation_license_id" to table: "purchase_reservations"
CREATE INDEX `purchasereservation_license_id` ON `purchase_reservations` (`license_id`);
-- create index "purchasereservation_state_starts_on" to table: "purchase_reservations"
CREATE INDEX `purchasereservation_state_starts_on` ON `purchase_reservations` (`state`, `starts_on`);
-- create "service_tokens" table
CREATE TABLE `service_tokens` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `name` text NOT NULL, `hash` text NOT NULL, `purpose` text NOT NULL, `roles` json NULL, `created_by` text NOT NULL, `expires_at` datetime NULL, `revoked_at` datetime NULL, `used_at` datetime NULL);
-- create index "service_tokens_hash_key" to table: "service_tokens"
CREATE UNIQUE INDEX `service_tokens_hash_key` ON `service_tokens` (`hash`);
-- create index "servicetoken_name" to table: "service_tokens"
CREATE INDEX `servicetoken_name` ON `service_tokens` (`name`);
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
-- begin the history of the licenses there are
INSERT INTO `license_states` (`license_id`, `at`, `quantity`, `committed`, `capacity`, `used`, `reserved`) SELECT `id`, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), `quantity`, 0, `capacity`, `used`, `reserved` FROM `licenses` ORDER BY `id`;

-- +goose Down
-- reverse: create index "servicetoken_name" to table: "service_tokens"
DROP INDEX `servicetoken_name`;
-- reverse: create index "service_tokens_hash_key" to table: "service_tokens"
DROP INDEX `service_tokens_hash_key`;
-- reverse: create "service_tokens" table
DROP TABLE `service_tokens`;
-- reverse: create index "purchasereservation_state_starts_on" to table: "purchase_reservations"
DROP INDEX `purchasereservation_state_starts_on`;
-- reverse: create index "purchasereservation_license_id" to table: "purchase_reservations"
DROP INDEX `purchasereservation_license_id`;
-- reverse: create "purchase_reservations" table
DROP TABLE `purchase_reservations`;
-- reverse: create index "observation_deployment_id_observed_at_id" to table: "observations"
DROP INDEX `observation_deployment_id_observed_at_id`;
-- reverse: create "observations" table
DROP TABLE `observations`;
-- reverse: create index "licensestate_license_id_id" to table: "license_states"
DROP INDEX `licensestate_license_id_id`;
-- reverse: create "license_states" table
DROP TABLE `license_states`;
-- reverse: create index "feed_kind_digest" to table: "feeds"
DROP INDEX `feed_kind_digest`;
-- reverse: create "feeds" table
DROP TABLE `feeds`;
-- reverse: create index "deployment_product" to table: "deployments"
DROP INDEX `deployment_product`;
-- reverse: create index "deployment_vendor_id_product_key" to table: "deployments"
DROP INDEX `deployment_vendor_id_product_key`;
-- reverse: create "deployments" table
DROP TABLE `deployments`;
-- reverse: create index "allocationstate_allocation_id_id" to table: "allocation_states"
DROP INDEX `allocationstate_allocation_id_id`;
-- reverse: create "allocation_states" table
DROP TABLE `allocation_states`;
-- reverse: create index "allocation_deployment_id_metric" to table: "allocations"
DROP INDEX `allocation_deployment_id_metric`;
-- reverse: create index "allocation_license_id" to table: "allocations"
DROP INDEX `allocation_license_id`;
-- reverse: create index "allocations_external_id_key" to table: "allocations"
DROP INDEX `allocations_external_id_key`;
-- reverse: create "allocations" table
DROP TABLE `allocations`;
-- reverse: create index "user_display_name" to table: "users"
DROP INDEX `user_display_name`;
-- reverse: create index "user_usage_location" to table: "users"
DROP INDEX `user_usage_location`;
-- reverse: create index "user_department" to table: "users"
DROP INDEX `user_department`;
-- reverse: create index "users_name_key_key" to table: "users"
DROP INDEX `users_name_key_key`;
-- reverse: create index "users_external_id_key" to table: "users"
DROP INDEX `users_external_id_key`;
-- reverse: create "new_users" table
DROP TABLE `new_users`;
-- reverse: create index "license_product_id" to table: "licenses"
DROP INDEX `license_product_id`;
-- reverse: create index "license_contract_id" to table: "licenses"
DROP INDEX `license_contract_id`;
-- reverse: create index "licenses_external_id_key" to table: "licenses"
DROP INDEX `licenses_external_id_key`;
-- reverse: create "new_licenses" table
DROP TABLE `new_licenses`;
-- reverse: add column "updated_at" to table: "groups"
ALTER TABLE `groups` DROP COLUMN `updated_at`;

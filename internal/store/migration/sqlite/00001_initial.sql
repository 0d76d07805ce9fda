-- +goose Up
-- create "allotments" table
CREATE TABLE `allotments` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `capacity` integer NULL, `ceiling` integer NULL, `used` integer NOT NULL DEFAULT (0), `reserved` integer NOT NULL DEFAULT (0), `waiting` integer NOT NULL DEFAULT (0), `errors` integer NOT NULL DEFAULT (0), `depth` integer NOT NULL, `name` text NOT NULL, `mode` text NOT NULL DEFAULT ('RESERVED'), `starts_at` datetime NULL, `ends_at` datetime NULL, `parent_id` integer NULL, `license_id` integer NOT NULL, CONSTRAINT `allotments_allotments_children` FOREIGN KEY (`parent_id`) REFERENCES `allotments` (`id`) ON DELETE SET NULL, CONSTRAINT `allotments_licenses_allotments` FOREIGN KEY (`license_id`) REFERENCES `licenses` (`id`) ON DELETE NO ACTION, CONSTRAINT `allotment_depth` CHECK (depth BETWEEN 1 AND 8), CONSTRAINT `allotment_limited` CHECK (mode = 'CEILING' OR capacity IS NOT NULL), CONSTRAINT `allotment_parent` CHECK ((depth = 1) = (parent_id IS NULL)), CONSTRAINT `pool_ceiling` CHECK ((capacity IS NULL AND ceiling IS NULL) OR (capacity IS NOT NULL AND ceiling IS NOT NULL AND ceiling >= capacity)), CONSTRAINT `pool_counts` CHECK (used >= 0 AND reserved >= 0 AND waiting >= 0 AND errors >= 0), CONSTRAINT `pool_fits` CHECK (ceiling IS NULL OR used + reserved <= ceiling), CONSTRAINT `pool_limit` CHECK (capacity IS NULL OR capacity >= 0));
-- create index "allotment_license_id_parent_id_name" to table: "allotments"
CREATE UNIQUE INDEX `allotment_license_id_parent_id_name` ON `allotments` (`license_id`, `parent_id`, `name`);
-- create index "allotment_parent_id" to table: "allotments"
CREATE INDEX `allotment_parent_id` ON `allotments` (`parent_id`);
-- create "allotment_delegates" table
CREATE TABLE `allotment_delegates` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `user_id` integer NOT NULL DEFAULT (0), `group_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL, CONSTRAINT `allotment_delegates_allotments_delegates` FOREIGN KEY (`allotment_id`) REFERENCES `allotments` (`id`) ON DELETE CASCADE, CHECK ((user_id = 0) <> (group_id = 0)));
-- create index "allotmentdelegate_allotment_id_user_id_group_id" to table: "allotment_delegates"
CREATE UNIQUE INDEX `allotmentdelegate_allotment_id_user_id_group_id` ON `allotment_delegates` (`allotment_id`, `user_id`, `group_id`);
-- create index "allotmentdelegate_user_id" to table: "allotment_delegates"
CREATE INDEX `allotmentdelegate_user_id` ON `allotment_delegates` (`user_id`);
-- create index "allotmentdelegate_group_id" to table: "allotment_delegates"
CREATE INDEX `allotmentdelegate_group_id` ON `allotment_delegates` (`group_id`);
-- create "allotment_scopes" table
CREATE TABLE `allotment_scopes` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `kind` text NOT NULL, `group_id` integer NOT NULL DEFAULT (0), `value` text NOT NULL DEFAULT (''), `allotment_id` integer NOT NULL, CONSTRAINT `allotment_scopes_allotments_scopes` FOREIGN KEY (`allotment_id`) REFERENCES `allotments` (`id`) ON DELETE CASCADE);
-- create index "allotmentscope_allotment_id_kind_group_id_value" to table: "allotment_scopes"
CREATE UNIQUE INDEX `allotmentscope_allotment_id_kind_group_id_value` ON `allotment_scopes` (`allotment_id`, `kind`, `group_id`, `value`);
-- create index "allotmentscope_group_id" to table: "allotment_scopes"
CREATE INDEX `allotmentscope_group_id` ON `allotment_scopes` (`group_id`);
-- create "contracts" table
CREATE TABLE `contracts` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `number` text NOT NULL, `name` text NOT NULL, `starts_on` text NULL, `ends_on` text NULL, `notes` text NULL, `vendor_id` integer NOT NULL, CONSTRAINT `contracts_vendors_contracts` FOREIGN KEY (`vendor_id`) REFERENCES `vendors` (`id`) ON DELETE NO ACTION);
-- create index "contract_vendor_id_number" to table: "contracts"
CREATE UNIQUE INDEX `contract_vendor_id_number` ON `contracts` (`vendor_id`, `number`);
-- create index "contract_ends_on" to table: "contracts"
CREATE INDEX `contract_ends_on` ON `contracts` (`ends_on`);
-- create index "contract_name" to table: "contracts"
CREATE INDEX `contract_name` ON `contracts` (`name`);
-- create "decisions" table
CREATE TABLE `decisions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `at` datetime NOT NULL, `principal` text NOT NULL, `action` text NOT NULL, `allow` bool NOT NULL, `dry_run` bool NOT NULL DEFAULT (false), `violations` json NULL, `warnings` json NULL, `revision` text NOT NULL, `input` text NOT NULL, `license_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL DEFAULT (0), `idempotency_key` text NULL, `request_hash` text NOT NULL DEFAULT (''), `answer` text NOT NULL DEFAULT (''));
-- create index "decision_principal_idempotency_key" to table: "decisions"
CREATE UNIQUE INDEX `decision_principal_idempotency_key` ON `decisions` (`principal`, `idempotency_key`) WHERE idempotency_key IS NOT NULL;
-- create index "decision_license_id_allotment_id" to table: "decisions"
CREATE INDEX `decision_license_id_allotment_id` ON `decisions` (`license_id`, `allotment_id`);
-- create "events" table
CREATE TABLE `events` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `journal_id` integer NOT NULL, `decision_id` integer NOT NULL, `at` datetime NOT NULL, `actor` text NOT NULL, `type` text NOT NULL, `noun` text NOT NULL DEFAULT (''), `subject_id` integer NOT NULL DEFAULT (0), `license_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL DEFAULT (0), `user_id` integer NOT NULL DEFAULT (0), `group_id` integer NOT NULL DEFAULT (0), `data` text NOT NULL DEFAULT (''));
-- create index "event_journal_id" to table: "events"
CREATE INDEX `event_journal_id` ON `events` (`journal_id`);
-- create index "event_license_id_allotment_id" to table: "events"
CREATE INDEX `event_license_id_allotment_id` ON `events` (`license_id`, `allotment_id`);
-- create index "event_user_id" to table: "events"
CREATE INDEX `event_user_id` ON `events` (`user_id`) WHERE user_id <> 0;
-- create "exclusions" table
CREATE TABLE `exclusions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `group_license_id` integer NOT NULL, `user_id` integer NOT NULL, `ends_at` datetime NULL, `note` text NOT NULL DEFAULT (''));
-- create index "exclusion_group_license_id_user_id" to table: "exclusions"
CREATE UNIQUE INDEX `exclusion_group_license_id_user_id` ON `exclusions` (`group_license_id`, `user_id`);
-- create index "exclusion_user_id" to table: "exclusions"
CREATE INDEX `exclusion_user_id` ON `exclusions` (`user_id`);
-- create index "exclusion_ends_at" to table: "exclusions"
CREATE INDEX `exclusion_ends_at` ON `exclusions` (`ends_at`);
-- create "groups" table
CREATE TABLE `groups` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `external_id` text NULL, `name` text NOT NULL, `members` integer NOT NULL DEFAULT (0));
-- create index "groups_external_id_key" to table: "groups"
CREATE UNIQUE INDEX `groups_external_id_key` ON `groups` (`external_id`);
-- create index "groups_name_key" to table: "groups"
CREATE UNIQUE INDEX `groups_name_key` ON `groups` (`name`);
-- create "group_licenses" table
CREATE TABLE `group_licenses` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `group_id` integer NOT NULL, `license_id` integer NOT NULL, `allotment_id` integer NOT NULL DEFAULT (0), `disabled_plans` json NULL, `include_nested` bool NOT NULL DEFAULT (false), `all_or_nothing` bool NOT NULL DEFAULT (true), `when_full` text NOT NULL DEFAULT ('WAIT'), `replaced_by` integer NOT NULL DEFAULT (0), `pending` integer NOT NULL DEFAULT (0));
-- create index "grouplicense_group_id_license_id" to table: "group_licenses"
CREATE UNIQUE INDEX `grouplicense_group_id_license_id` ON `group_licenses` (`group_id`, `license_id`);
-- create index "grouplicense_license_id_allotment_id" to table: "group_licenses"
CREATE INDEX `grouplicense_license_id_allotment_id` ON `group_licenses` (`license_id`, `allotment_id`);
-- create index "grouplicense_pending" to table: "group_licenses"
CREATE INDEX `grouplicense_pending` ON `group_licenses` (`pending`) WHERE pending <> 0;
-- create "group_nestings" table
CREATE TABLE `group_nestings` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `parent_id` integer NOT NULL, `child_id` integer NOT NULL);
-- create index "groupnesting_parent_id_child_id" to table: "group_nestings"
CREATE UNIQUE INDEX `groupnesting_parent_id_child_id` ON `group_nestings` (`parent_id`, `child_id`);
-- create index "groupnesting_child_id" to table: "group_nestings"
CREATE INDEX `groupnesting_child_id` ON `group_nestings` (`child_id`);
-- create "journals" table
CREATE TABLE `journals` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `at` datetime NOT NULL, `events` integer NOT NULL, `hash` text NOT NULL);
-- create "journal_heads" table
CREATE TABLE `journal_heads` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `last` integer NOT NULL DEFAULT (0), `hash` text NOT NULL DEFAULT (''));
-- create "licenses" table
CREATE TABLE `licenses` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `capacity` integer NULL, `ceiling` integer NULL, `used` integer NOT NULL DEFAULT (0), `reserved` integer NOT NULL DEFAULT (0), `waiting` integer NOT NULL DEFAULT (0), `errors` integer NOT NULL DEFAULT (0), `quantity` integer NOT NULL DEFAULT (0), `unlimited_quantity` bool NOT NULL DEFAULT (false), `overage` integer NOT NULL DEFAULT (0), `metric` text NOT NULL DEFAULT ('USERS'), `starts_on` text NULL, `ends_on` text NULL, `unit_price` text NULL, `currency` text NULL, `notes` text NULL, `contract_id` integer NOT NULL, `product_id` integer NOT NULL, CONSTRAINT `licenses_contracts_licenses` FOREIGN KEY (`contract_id`) REFERENCES `contracts` (`id`) ON DELETE NO ACTION, CONSTRAINT `licenses_products_licenses` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE NO ACTION, CONSTRAINT `license_counts` CHECK (quantity >= 0 AND overage >= 0), CONSTRAINT `license_limit` CHECK ((unlimited_quantity AND capacity IS NULL) OR (NOT unlimited_quantity AND capacity = quantity + overage)), CONSTRAINT `pool_ceiling` CHECK ((capacity IS NULL AND ceiling IS NULL) OR (capacity IS NOT NULL AND ceiling IS NOT NULL AND ceiling >= capacity)), CONSTRAINT `pool_counts` CHECK (used >= 0 AND reserved >= 0 AND waiting >= 0 AND errors >= 0), CONSTRAINT `pool_fits` CHECK (ceiling IS NULL OR used + reserved <= ceiling), CONSTRAINT `pool_limit` CHECK (capacity IS NULL OR capacity >= 0));
-- create index "license_contract_id" to table: "licenses"
CREATE INDEX `license_contract_id` ON `licenses` (`contract_id`);
-- create index "license_product_id" to table: "licenses"
CREATE INDEX `license_product_id` ON `licenses` (`product_id`);
-- create "memberships" table
CREATE TABLE `memberships` (`group_id` integer NOT NULL, `user_id` integer NOT NULL, PRIMARY KEY (`group_id`, `user_id`), CONSTRAINT `memberships_groups_group` FOREIGN KEY (`group_id`) REFERENCES `groups` (`id`) ON DELETE NO ACTION, CONSTRAINT `memberships_users_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION);
-- create index "membership_user_id_group_id" to table: "memberships"
CREATE INDEX `membership_user_id_group_id` ON `memberships` (`user_id`, `group_id`);
-- create "products" table
CREATE TABLE `products` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `name` text NOT NULL, `sku` text NOT NULL DEFAULT (''), `sku_id` text NULL, `kind` text NOT NULL DEFAULT ('SUBSCRIPTION'), `blocked_locations` json NULL, `vendor_id` integer NOT NULL, CONSTRAINT `products_vendors_products` FOREIGN KEY (`vendor_id`) REFERENCES `vendors` (`id`) ON DELETE NO ACTION);
-- create index "product_vendor_id_sku_id" to table: "products"
CREATE UNIQUE INDEX `product_vendor_id_sku_id` ON `products` (`vendor_id`, `sku_id`);
-- create index "product_sku" to table: "products"
CREATE INDEX `product_sku` ON `products` (`sku`);
-- create index "product_name" to table: "products"
CREATE INDEX `product_name` ON `products` (`name`);
-- create "seats" table
CREATE TABLE `seats` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `license_id` integer NOT NULL, `user_id` integer NOT NULL, `allotment_id` integer NOT NULL DEFAULT (0), `state` text NOT NULL, `since` datetime NOT NULL, `violations` json NULL, CONSTRAINT `seat_state` CHECK (state IN ('ACTIVE', 'WAITING', 'ERROR')));
-- create index "seat_license_id_user_id" to table: "seats"
CREATE UNIQUE INDEX `seat_license_id_user_id` ON `seats` (`license_id`, `user_id`);
-- create index "seat_user_id" to table: "seats"
CREATE INDEX `seat_user_id` ON `seats` (`user_id`);
-- create index "seat_license_id_allotment_id_state_id" to table: "seats"
CREATE INDEX `seat_license_id_allotment_id_state_id` ON `seats` (`license_id`, `allotment_id`, `state`, `id`);
-- create "seat_reasons" table
CREATE TABLE `seat_reasons` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `license_id` integer NOT NULL, `user_id` integer NOT NULL, `group_license_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL DEFAULT (0), `state` text NOT NULL, `priority` real NOT NULL DEFAULT (0), `waiting_since` datetime NULL, `disabled_plans` json NULL, CONSTRAINT `reason_waits` CHECK ((state = 'WAITING') = (waiting_since IS NOT NULL)));
-- create index "seatreason_license_id_user_id_group_license_id" to table: "seat_reasons"
CREATE UNIQUE INDEX `seatreason_license_id_user_id_group_license_id` ON `seat_reasons` (`license_id`, `user_id`, `group_license_id`);
-- create index "seatreason_group_license_id_user_id" to table: "seat_reasons"
CREATE INDEX `seatreason_group_license_id_user_id` ON `seat_reasons` (`group_license_id`, `user_id`) WHERE group_license_id <> 0;
-- create index "seatreason_queue" to table: "seat_reasons"
CREATE INDEX `seatreason_queue` ON `seat_reasons` (`license_id`, `allotment_id`, `priority` DESC, `waiting_since`, `user_id`) WHERE state = 'WAITING';
-- create index "seatreason_user_id" to table: "seat_reasons"
CREATE INDEX `seatreason_user_id` ON `seat_reasons` (`user_id`);
-- create "service_plans" table
CREATE TABLE `service_plans` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `plan_id` text NOT NULL, `name` text NOT NULL, `friendly_name` text NOT NULL DEFAULT (''));
-- create index "service_plans_plan_id_key" to table: "service_plans"
CREATE UNIQUE INDEX `service_plans_plan_id_key` ON `service_plans` (`plan_id`);
-- create index "serviceplan_name" to table: "service_plans"
CREATE INDEX `serviceplan_name` ON `service_plans` (`name`);
-- create "users" table
CREATE TABLE `users` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `external_id` text NULL, `user_name` text NOT NULL, `name_key` text NOT NULL, `display_name` text NOT NULL DEFAULT (''), `email` text NOT NULL DEFAULT (''), `type` text NOT NULL DEFAULT ('MEMBER'), `department` text NOT NULL DEFAULT (''), `usage_location` text NOT NULL DEFAULT (''), `enabled` bool NOT NULL DEFAULT (true), `roles` json NULL);
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
-- create "vendors" table
CREATE TABLE `vendors` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `name` text NOT NULL);
-- create index "vendors_name_key" to table: "vendors"
CREATE UNIQUE INDEX `vendors_name_key` ON `vendors` (`name`);
-- create "product_plans" table
CREATE TABLE `product_plans` (`product_id` integer NOT NULL, `plan_id` integer NOT NULL, PRIMARY KEY (`product_id`, `plan_id`), CONSTRAINT `product_plans_product_id` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE CASCADE, CONSTRAINT `product_plans_plan_id` FOREIGN KEY (`plan_id`) REFERENCES `service_plans` (`id`) ON DELETE CASCADE);

-- +goose Down
-- reverse: create "product_plans" table
DROP TABLE `product_plans`;
-- reverse: create index "vendors_name_key" to table: "vendors"
DROP INDEX `vendors_name_key`;
-- reverse: create "vendors" table
DROP TABLE `vendors`;
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
-- reverse: create "users" table
DROP TABLE `users`;
-- reverse: create index "serviceplan_name" to table: "service_plans"
DROP INDEX `serviceplan_name`;
-- reverse: create index "service_plans_plan_id_key" to table: "service_plans"
DROP INDEX `service_plans_plan_id_key`;
-- reverse: create "service_plans" table
DROP TABLE `service_plans`;
-- reverse: create index "seatreason_user_id" to table: "seat_reasons"
DROP INDEX `seatreason_user_id`;
-- reverse: create index "seatreason_queue" to table: "seat_reasons"
DROP INDEX `seatreason_queue`;
-- reverse: create index "seatreason_group_license_id_user_id" to table: "seat_reasons"
DROP INDEX `seatreason_group_license_id_user_id`;
-- reverse: create index "seatreason_license_id_user_id_group_license_id" to table: "seat_reasons"
DROP INDEX `seatreason_license_id_user_id_group_license_id`;
-- reverse: create "seat_reasons" table
DROP TABLE `seat_reasons`;
-- reverse: create index "seat_license_id_allotment_id_state_id" to table: "seats"
DROP INDEX `seat_license_id_allotment_id_state_id`;
-- reverse: create index "seat_user_id" to table: "seats"
DROP INDEX `seat_user_id`;
-- reverse: create index "seat_license_id_user_id" to table: "seats"
DROP INDEX `seat_license_id_user_id`;
-- reverse: create "seats" table
DROP TABLE `seats`;
-- reverse: create index "product_name" to table: "products"
DROP INDEX `product_name`;
-- reverse: create index "product_sku" to table: "products"
DROP INDEX `product_sku`;
-- reverse: create index "product_vendor_id_sku_id" to table: "products"
DROP INDEX `product_vendor_id_sku_id`;
-- reverse: create "products" table
DROP TABLE `products`;
-- reverse: create index "membership_user_id_group_id" to table: "memberships"
DROP INDEX `membership_user_id_group_id`;
-- reverse: create "memberships" table
DROP TABLE `memberships`;
-- reverse: create index "license_product_id" to table: "licenses"
DROP INDEX `license_product_id`;
-- reverse: create index "license_contract_id" to table: "licenses"
DROP INDEX `license_contract_id`;
-- reverse: create "licenses" table
DROP TABLE `licenses`;
-- reverse: create "journal_heads" table
DROP TABLE `journal_heads`;
-- reverse: create "journals" table
DROP TABLE `journals`;
-- reverse: create index "groupnesting_child_id" to table: "group_nestings"
DROP INDEX `groupnesting_child_id`;
-- reverse: create index "groupnesting_parent_id_child_id" to table: "group_nestings"
DROP INDEX `groupnesting_parent_id_child_id`;
-- reverse: create "group_nestings" table
DROP TABLE `group_nestings`;
-- reverse: create index "grouplicense_pending" to table: "group_licenses"
DROP INDEX `grouplicense_pending`;
-- reverse: create index "grouplicense_license_id_allotment_id" to table: "group_licenses"
DROP INDEX `grouplicense_license_id_allotment_id`;
-- reverse: create index "grouplicense_group_id_license_id" to table: "group_licenses"
DROP INDEX `grouplicense_group_id_license_id`;
-- reverse: create "group_licenses" table
DROP TABLE `group_licenses`;
-- reverse: create index "groups_name_key" to table: "groups"
DROP INDEX `groups_name_key`;
-- reverse: create index "groups_external_id_key" to table: "groups"
DROP INDEX `groups_external_id_key`;
-- reverse: create "groups" table
DROP TABLE `groups`;
-- reverse: create index "exclusion_ends_at" to table: "exclusions"
DROP INDEX `exclusion_ends_at`;
-- reverse: create index "exclusion_user_id" to table: "exclusions"
DROP INDEX `exclusion_user_id`;
-- reverse: create index "exclusion_group_license_id_user_id" to table: "exclusions"
DROP INDEX `exclusion_group_license_id_user_id`;
-- reverse: create "exclusions" table
DROP TABLE `exclusions`;
-- reverse: create index "event_user_id" to table: "events"
DROP INDEX `event_user_id`;
-- reverse: create index "event_license_id_allotment_id" to table: "events"
DROP INDEX `event_license_id_allotment_id`;
-- reverse: create index "event_journal_id" to table: "events"
DROP INDEX `event_journal_id`;
-- reverse: create "events" table
DROP TABLE `events`;
-- reverse: create index "decision_license_id_allotment_id" to table: "decisions"
DROP INDEX `decision_license_id_allotment_id`;
-- reverse: create index "decision_principal_idempotency_key" to table: "decisions"
DROP INDEX `decision_principal_idempotency_key`;
-- reverse: create "decisions" table
DROP TABLE `decisions`;
-- reverse: create index "contract_name" to table: "contracts"
DROP INDEX `contract_name`;
-- reverse: create index "contract_ends_on" to table: "contracts"
DROP INDEX `contract_ends_on`;
-- reverse: create index "contract_vendor_id_number" to table: "contracts"
DROP INDEX `contract_vendor_id_number`;
-- reverse: create "contracts" table
DROP TABLE `contracts`;
-- reverse: create index "allotmentscope_group_id" to table: "allotment_scopes"
DROP INDEX `allotmentscope_group_id`;
-- reverse: create index "allotmentscope_allotment_id_kind_group_id_value" to table: "allotment_scopes"
DROP INDEX `allotmentscope_allotment_id_kind_group_id_value`;
-- reverse: create "allotment_scopes" table
DROP TABLE `allotment_scopes`;
-- reverse: create index "allotmentdelegate_group_id" to table: "allotment_delegates"
DROP INDEX `allotmentdelegate_group_id`;
-- reverse: create index "allotmentdelegate_user_id" to table: "allotment_delegates"
DROP INDEX `allotmentdelegate_user_id`;
-- reverse: create index "allotmentdelegate_allotment_id_user_id_group_id" to table: "allotment_delegates"
DROP INDEX `allotmentdelegate_allotment_id_user_id_group_id`;
-- reverse: create "allotment_delegates" table
DROP TABLE `allotment_delegates`;
-- reverse: create index "allotment_parent_id" to table: "allotments"
DROP INDEX `allotment_parent_id`;
-- reverse: create index "allotment_license_id_parent_id_name" to table: "allotments"
DROP INDEX `allotment_license_id_parent_id_name`;
-- reverse: create "allotments" table
DROP TABLE `allotments`;

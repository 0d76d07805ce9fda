-- +goose Up
-- disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- create "new_decisions" table
CREATE TABLE `new_decisions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `at` datetime NOT NULL, `principal` text NOT NULL, `action` text NOT NULL, `allow` bool NOT NULL, `dry_run` bool NOT NULL DEFAULT (false), `violations` json NULL, `warnings` json NULL, `revision` text NOT NULL, `input` text NOT NULL, `license_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL DEFAULT (0), `idempotency_key` text NULL, `request_hash` text NOT NULL DEFAULT (''), `answer` text NOT NULL DEFAULT (''), `command` text NOT NULL DEFAULT (''), `verdict` integer NOT NULL DEFAULT (0));
-- copy rows from old table "decisions" to new temporary table "new_decisions"
INSERT INTO `new_decisions` (`id`, `at`, `principal`, `action`, `allow`, `dry_run`, `violations`, `warnings`, `revision`, `input`, `license_id`, `allotment_id`, `idempotency_key`, `request_hash`, `answer`) SELECT `id`, `at`, `principal`, `action`, `allow`, `dry_run`, `violations`, `warnings`, `revision`, `input`, `license_id`, `allotment_id`, `idempotency_key`, `request_hash`, `answer` FROM `decisions`;
-- drop "decisions" table after copying rows
DROP TABLE `decisions`;
-- rename temporary table "new_decisions" to "decisions"
ALTER TABLE `new_decisions` RENAME TO `decisions`;
-- create index "decision_principal_idempotency_key" to table: "decisions"
CREATE UNIQUE INDEX `decision_principal_idempotency_key` ON `decisions` (`principal`, `idempotency_key`) WHERE idempotency_key IS NOT NULL;
-- create index "decision_license_id_allotment_id" to table: "decisions"
CREATE INDEX `decision_license_id_allotment_id` ON `decisions` (`license_id`, `allotment_id`);
-- create "policy_differences" table
CREATE TABLE `policy_differences` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `trial_id` integer NOT NULL, `at` datetime NOT NULL, `principal` text NOT NULL, `action` text NOT NULL, `direction` text NOT NULL, `rule` text NOT NULL, `live` text NOT NULL, `candidate` text NOT NULL, `input` text NOT NULL, `license_id` integer NOT NULL DEFAULT (0), `allotment_id` integer NOT NULL DEFAULT (0));
-- create index "policydifference_trial_id" to table: "policy_differences"
CREATE INDEX `policydifference_trial_id` ON `policy_differences` (`trial_id`);
-- create "policy_publications" table
CREATE TABLE `policy_publications` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `kind` text NOT NULL, `revision` text NOT NULL, `previous` text NOT NULL, `author` text NOT NULL, `note` text NOT NULL DEFAULT (''), `flips` text NOT NULL DEFAULT (''));
-- create "policy_revisions" table
CREATE TABLE `policy_revisions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `revision` text NOT NULL, `source` text NOT NULL, `files` text NOT NULL);
-- create index "policy_revisions_revision_key" to table: "policy_revisions"
CREATE UNIQUE INDEX `policy_revisions_revision_key` ON `policy_revisions` (`revision`);
-- create "policy_trials" table
CREATE TABLE `policy_trials` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `revision` text NOT NULL, `share` integer NOT NULL, `author` text NOT NULL, `note` text NOT NULL DEFAULT (''), `ended_at` datetime NULL, `ended_by` text NOT NULL DEFAULT (''), `asked` integer NOT NULL DEFAULT (0), `looser` integer NOT NULL DEFAULT (0), `stricter` integer NOT NULL DEFAULT (0), `otherwise` integer NOT NULL DEFAULT (0), `failed` integer NOT NULL DEFAULT (0), `dropped` integer NOT NULL DEFAULT (0), CONSTRAINT `trial_share` CHECK (share >= 1 AND share <= 1000));
-- create "replicas" table
CREATE TABLE `replicas` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NOT NULL, `name` text NOT NULL, `source` text NOT NULL, `revision` text NOT NULL, `loaded_at` datetime NOT NULL, `seen_at` datetime NOT NULL, `problems` text NOT NULL DEFAULT (''));
-- create index "replicas_name_key" to table: "replicas"
CREATE UNIQUE INDEX `replicas_name_key` ON `replicas` (`name`);
-- enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;

-- +goose Down
-- reverse: create index "replicas_name_key" to table: "replicas"
DROP INDEX `replicas_name_key`;
-- reverse: create "replicas" table
DROP TABLE `replicas`;
-- reverse: create "policy_trials" table
DROP TABLE `policy_trials`;
-- reverse: create index "policy_revisions_revision_key" to table: "policy_revisions"
DROP INDEX `policy_revisions_revision_key`;
-- reverse: create "policy_revisions" table
DROP TABLE `policy_revisions`;
-- reverse: create "policy_publications" table
DROP TABLE `policy_publications`;
-- reverse: create index "policydifference_trial_id" to table: "policy_differences"
DROP INDEX `policydifference_trial_id`;
-- reverse: create "policy_differences" table
DROP TABLE `policy_differences`;
-- reverse: create index "decision_license_id_allotment_id" to table: "decisions"
DROP INDEX `decision_license_id_allotment_id`;
-- reverse: create index "decision_principal_idempotency_key" to table: "decisions"
DROP INDEX `decision_principal_idempotency_key`;
-- reverse: create "new_decisions" table
DROP TABLE `new_decisions`;

-- +goose Up
-- modify "license_states" table
ALTER TABLE "license_states" ADD COLUMN "contract_id" bigint NOT NULL DEFAULT 0, ADD COLUMN "metric" character varying NOT NULL DEFAULT '';
-- the history of a license begins with the license, also if that is older than its history
UPDATE "license_states" SET "at" = "licenses"."created_at" FROM "licenses" WHERE "licenses"."id" = "license_states"."license_id" AND "license_states"."at" > "licenses"."created_at" AND NOT EXISTS (SELECT 1 FROM "license_states" AS "earlier" WHERE "earlier"."license_id" = "license_states"."license_id" AND "earlier"."id" < "license_states"."id");
-- create index "allocationstate_license_id" to table: "allocation_states"
CREATE INDEX "allocationstate_license_id" ON "allocation_states" ("license_id") WHERE deleted;
-- create index "licensestate_license_id" to table: "license_states"
CREATE INDEX "licensestate_license_id" ON "license_states" ("license_id") WHERE deleted;

-- +goose Down
-- reverse: create index "licensestate_license_id" to table: "license_states"
DROP INDEX "licensestate_license_id";
-- reverse: create index "allocationstate_license_id" to table: "allocation_states"
DROP INDEX "allocationstate_license_id";
-- reverse: modify "license_states" table
ALTER TABLE "license_states" DROP COLUMN "metric", DROP COLUMN "contract_id";

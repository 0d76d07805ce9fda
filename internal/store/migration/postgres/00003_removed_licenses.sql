-- +goose Up
-- modify "license_states" table
ALTER TABLE "license_states" ADD COLUMN "contract_id" bigint NOT NULL DEFAULT 0, ADD COLUMN "metric" character varying NOT NULL DEFAULT '';
-- the history of a license begins with the license, also if that is older than its history
UPDATE "license_states" SET "at" = "licenses"."created_at" FROM "licenses" WHERE "licenses"."id" = "license_states"."license_id" AND "license_states"."at" > "licenses"."created_at" AND NOT EXISTS (SELECT 1 FROM "license_states" AS "earlier" WHERE "earlier"."license_id" = "license_states"."license_id" AND "earlier"."id" < "license_states"."id");

-- +goose Down
-- reverse: modify "license_states" table
ALTER TABLE "license_states" DROP COLUMN "metric", DROP COLUMN "contract_id";

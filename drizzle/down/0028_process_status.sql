ALTER TABLE "public"."processes" DROP COLUMN "host", DROP COLUMN "pid", DROP COLUMN "started_at", DROP COLUMN "connections", DROP COLUMN "bus";

-- The room that everyone follows unless they say otherwise; and counters that a crash may forget need no write-ahead log.
INSERT INTO "public"."rooms" ("name", "title") VALUES ('general', 'General') ON CONFLICT ("name") DO NOTHING;
--> statement-breakpoint
ALTER TABLE "public"."rate_limits" SET UNLOGGED;

ALTER TABLE "public"."rate_limits" SET LOGGED;
--> statement-breakpoint
-- Keeps a room with entries, because its row numbers them.
DELETE FROM "public"."rooms" WHERE "name" = 'general' AND "last_seq" = 0;

ALTER TABLE "public"."rate_limits" SET LOGGED;
--> statement-breakpoint
-- Keeps the room if it has entries, because the row of the room numbers them.
DELETE FROM "public"."rooms" WHERE "name" = 'general' AND "last_seq" = 0;

-- Deletes everything: users, rooms and all messages.
DROP TABLE "public"."messages";
--> statement-breakpoint
DROP TABLE "public"."rooms";
--> statement-breakpoint
DROP TABLE "public"."users";
--> statement-breakpoint
DROP TABLE "public"."rate_limits";

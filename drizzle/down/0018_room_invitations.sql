-- The invitations are lost, so their links do not work anymore. Members who joined with an invitation stay.
DROP FUNCTION "public"."chat_change_members"(integer, integer, jsonb, timestamptz);
--> statement-breakpoint
ALTER FUNCTION "public"."chat_change_member"(integer, integer, jsonb, timestamptz) RENAME TO "chat_change_members";
--> statement-breakpoint
DROP FUNCTION "public"."chat_invite"(integer, integer, text, double precision, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_may_join_by"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_may_add"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_refusal"(integer, integer, text, bigint, jsonb, timestamptz);
--> statement-breakpoint
ALTER FUNCTION "public"."chat_room_refusal"(integer, integer, text, bigint, jsonb, timestamptz) RENAME TO "chat_refusal";
--> statement-breakpoint
DROP TABLE "public"."room_invitations";

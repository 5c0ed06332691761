-- Entries that added several users keep the list of these users, which an older release does not show.
DROP FUNCTION "public"."chat_change_member"(integer, integer, jsonb, timestamptz);
--> statement-breakpoint
ALTER FUNCTION "public"."chat_change_one_member"(integer, integer, jsonb, timestamptz) RENAME TO "chat_change_member";

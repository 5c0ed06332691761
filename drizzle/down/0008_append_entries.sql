-- Entries that are no messages stay in the log, where an older release takes them for messages that it can't show.
DROP FUNCTION "public"."chat_messages_from"(integer, bigint, bigint);
--> statement-breakpoint
DROP FUNCTION "public"."chat_append_entries"(integer[], integer[], text[], text[], bigint[], text[], text[], text[], text[]);
--> statement-breakpoint
DROP TABLE "public"."others";
--> statement-breakpoint
DROP TABLE "public"."upgrades";

-- Entries that are not messages stay in the log. An older release treats them as messages that it can't show.
DROP FUNCTION "public"."chat_messages_from"(integer, bigint, bigint);
--> statement-breakpoint
DROP FUNCTION "public"."chat_append_entries"(integer[], integer[], text[], text[], bigint[], text[], text[], text[], text[]);
--> statement-breakpoint
DROP TABLE "public"."others";
--> statement-breakpoint
DROP TABLE "public"."upgrades";

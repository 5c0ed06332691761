DROP FUNCTION "public"."chat_append_entries"(integer[], integer[], text[], text[], bigint[], text[], text[], text[], text[]);
--> statement-breakpoint
ALTER FUNCTION "public"."chat_append_mixed_entries"(integer[], integer[], text[], text[], bigint[], text[], text[], text[], text[])
	RENAME TO "chat_append_entries";

-- The append's statements are planned once a session and not for each call, which would take longer than their work. Such a
-- plan must be good for a log that grows: one made while the table is a page long would read all of it for ever, so it may not.
ALTER FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[])
	SET plan_cache_mode = force_generic_plan;--> statement-breakpoint
ALTER FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[])
	SET enable_seqscan = off;

-- The processes that run, each with its version and the ids of its encryption keys. A process refreshes its row every 10 s by the
-- clock of the database; nobody trusts a row that is older than a minute.
CREATE TABLE "public"."processes" (
	"id" text PRIMARY KEY,
	"version" text NOT NULL,
	"key_id" text,
	"key_ids" text[] NOT NULL,
	"seen_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
-- Ends the upgrade to entries of several kinds: from here on they are accepted, and a process that only knows messages can't
-- append. The error is one that such a process reports at once, without a second attempt.
CREATE FUNCTION "public"."chat_finish_upgrade"() RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
	INSERT INTO "public"."upgrades" (step) VALUES ('kinds') ON CONFLICT DO NOTHING;
	IF to_regprocedure('"public"."chat_append_before_finish"(integer[],integer[],text[],text[],text[],text[],text[])') IS NOT NULL THEN
		RETURN;
	END IF;
	ALTER FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[])
		RENAME TO "chat_append_before_finish";
	CREATE FUNCTION "public"."chat_append"(
		room_ids integer[],
		user_ids integer[],
		write_ids text[],
		kinds text[],
		contents text[],
		metas text[],
		key_ids text[]
	) RETURNS TABLE (
		ord integer,
		id double precision,
		seq double precision,
		ms double precision,
		replayed boolean,
		content text,
		meta text
	) LANGUAGE plpgsql AS $raise$
	BEGIN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'this release of fastify-chat is too old for the database: its upgrade was finished',
			HINT = 'Run the release that finished the upgrade, or a newer one.';
	END
	$raise$;
END
$function$;

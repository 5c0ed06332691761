-- Entries that change messages stay in the log. An older release shows them as unknown entries. Erased texts stay erased, and
-- edited messages have their first text again.
CREATE OR REPLACE FUNCTION "public"."chat_append_mixed_entries"(
	room_ids integer[],
	user_ids integer[],
	write_ids text[],
	kinds text[],
	target_seqs bigint[],
	contents text[],
	metas text[],
	key_ids text[],
	details text[]
) RETURNS TABLE (
	ord integer,
	outcome text,
	code text,
	id double precision,
	seq double precision,
	ms double precision,
	kind text,
	target_seq double precision,
	content text,
	meta text,
	detail text
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET lock_timeout = '1s'
AS $function$
#variable_conflict use_column
DECLARE
	is_plain boolean := 'message' = ALL (kinds)
		AND num_nonnulls(VARIADIC target_seqs) = 0 AND num_nonnulls(VARIADIC details) = 0;
	moment timestamptz;
	codes text[];
	added record;
BEGIN
	-- Under a transaction-wide snapshot, step 2 would not see what another batch committed during step 1.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append_entries needs the isolation level read committed';
	END IF;

	PERFORM FROM "public"."rooms" WHERE "rooms"."id" = ANY (room_ids) ORDER BY "rooms"."id" FOR NO KEY UPDATE;

	IF NOT is_plain THEN
		IF EXISTS (SELECT FROM unnest(kinds, details) AS given (kind, detail) WHERE given.kind = 'message' AND given.detail IS NOT NULL) THEN
			RAISE EXCEPTION 'a message has no detail';
		END IF;
		codes := (
			SELECT array_agg(
				CASE
					WHEN given.kind <> 'message' AND NOT EXISTS (SELECT FROM "public"."upgrades" WHERE step = 'kinds')
						THEN 'upgrade_pending'
					WHEN given.target_seq IS NOT NULL AND NOT EXISTS (
						SELECT FROM "public"."messages" AS target
						WHERE target.room_id = given.room_id AND target.seq = given.target_seq AND target.kind = 'message'
					) THEN 'message_not_found'
				END
				ORDER BY given.ord
			)
			FROM unnest(room_ids, kinds, target_seqs) WITH ORDINALITY AS given (room_id, kind, target_seq, ord)
		);
	END IF;

	moment := date_trunc('milliseconds', clock_timestamp());

	RETURN QUERY
	WITH given AS (
		SELECT
			entry.ord, entry.room_id, entry.user_id, entry.write_id, entry.kind, entry.target_seq,
			entry.content, entry.meta, entry.key_id, entry.code,
			known.id AS known_id, known.seq AS known_seq, known.created_at AS known_at, known.kind AS known_kind,
			known.target_seq AS known_target_seq, known.content AS known_content, known.meta AS known_meta
		FROM unnest(room_ids, user_ids, write_ids, kinds, target_seqs, contents, metas, key_ids, codes) WITH ORDINALITY
			AS entry (room_id, user_id, write_id, kind, target_seq, content, meta, key_id, code, ord)
		LEFT JOIN LATERAL (
			SELECT stored.id, stored.seq, stored.created_at, stored.kind, stored.target_seq, stored.content, stored.meta
			FROM "public"."messages" AS stored
			WHERE stored.room_id = entry.room_id
				AND stored.user_id = entry.user_id
				AND stored.write_id = entry.write_id
			LIMIT 1
		) AS known ON true
	), placed AS (
		-- Ids are drawn over the sorted rows, so that they ascend with the batch.
		SELECT fresh.*, nextval('"public"."messages_id_seq"') AS new_id
		FROM (
			SELECT
				given.ord,
				given.room_id,
				room.last_seq + row_number() OVER (PARTITION BY given.room_id ORDER BY given.ord) AS new_seq,
				-- The machine's clock may go back; a room's times don't.
				greatest(moment, room.last_at) AS new_at
			FROM given
			JOIN "public"."rooms" AS room ON room.id = given.room_id
			WHERE given.known_seq IS NULL AND given.code IS NULL
			ORDER BY given.ord
		) AS fresh
	), inserted AS (
		INSERT INTO "public"."messages"
			(room_id, seq, id, kind, target_seq, user_id, content, meta, key_id, write_id, created_at)
		SELECT
			given.room_id, placed.new_seq, placed.new_id, given.kind, given.target_seq, given.user_id,
			given.content, given.meta, given.key_id, given.write_id, placed.new_at
		FROM placed
		JOIN given ON given.ord = placed.ord
	), advanced AS (
		UPDATE "public"."rooms" AS room
		SET last_seq = head.seq, last_at = head.new_at
		FROM (SELECT room_id, max(new_seq) AS seq, max(new_at) AS new_at FROM placed GROUP BY room_id) AS head
		WHERE room.id = head.room_id
	)
	SELECT
		given.ord::integer,
		CASE WHEN placed.ord IS NOT NULL THEN 'stored' WHEN given.known_seq IS NOT NULL THEN 'replayed' ELSE 'refused' END,
		-- A room that is not there is not joined either.
		CASE WHEN placed.ord IS NULL AND given.known_seq IS NULL THEN coalesce(given.code, 'room_not_found') END,
		coalesce(placed.new_id, given.known_id)::double precision,
		coalesce(placed.new_seq, given.known_seq)::double precision,
		(extract(epoch FROM coalesce(placed.new_at, given.known_at)) * 1000)::double precision,
		given.known_kind,
		given.known_target_seq::double precision,
		given.known_content,
		given.known_meta,
		CASE WHEN given.known_kind <> 'message' THEN (
			SELECT other.detail::text FROM "public"."others" AS other
			WHERE other.room_id = given.room_id AND other.seq = given.known_seq
		) END
	FROM given
	LEFT JOIN placed ON placed.ord = given.ord
	ORDER BY given.ord;

	IF is_plain THEN
		RETURN;
	END IF;

	FOR added IN
		SELECT stored.room_id, stored.seq, given.detail
		FROM unnest(room_ids, user_ids, write_ids, kinds, details) AS given (room_id, user_id, write_id, kind, detail)
		CROSS JOIN LATERAL (
			SELECT entry.room_id, entry.seq, entry.kind
			FROM "public"."messages" AS entry
			WHERE entry.room_id = given.room_id AND entry.user_id = given.user_id AND entry.write_id = given.write_id
			LIMIT 1
		) AS stored
		WHERE given.kind <> 'message' AND stored.kind <> 'message' AND NOT EXISTS (
			SELECT FROM "public"."others" AS other WHERE other.room_id = stored.room_id AND other.seq = stored.seq
		)
		ORDER BY stored.room_id, stored.seq
	LOOP
		INSERT INTO "public"."others" (room_id, seq, message_seq, detail)
		VALUES (
			added.room_id,
			added.seq,
			coalesce(
				(
					SELECT before.message_seq FROM "public"."others" AS before
					WHERE before.room_id = added.room_id AND before.seq = added.seq - 1
				),
				added.seq - 1
			),
			added.detail::jsonb
		);
	END LOOP;
END
$function$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_finish_upgrade"() RETURNS void
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
--> statement-breakpoint
DELETE FROM "public"."upgrades" WHERE step = 'changes';
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_entries_changed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
		SELECT room_id, min(seq), max(seq) FROM before GROUP BY room_id;
	IF FOUND THEN PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA); END IF;
	RETURN NULL;
END
$function$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_change_message"(integer, bigint, integer, text, jsonb, bigint, timestamptz);
--> statement-breakpoint
DROP FUNCTION "public"."chat_mentions_of"(jsonb);
--> statement-breakpoint
DROP FUNCTION "public"."chat_messages_before"(integer, bigint, bigint);
--> statement-breakpoint
DROP FUNCTION "public"."chat_messages_after"(integer, bigint, bigint, bigint);
--> statement-breakpoint
DROP INDEX "public"."others_message_seq_idx";
--> statement-breakpoint
DROP INDEX "public"."others_edit_of_idx";
--> statement-breakpoint
ALTER TABLE "public"."others" DROP COLUMN "edit_of";
--> statement-breakpoint
DROP TABLE "public"."reactions";
--> statement-breakpoint
DROP TABLE "public"."message_state";

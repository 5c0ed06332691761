-- Appends a batch of messages of one room, the most frequent one, in fewer and simpler statements. Batches of any other sort are
-- appended by the function of 0008_append_entries.sql, under another name. The signature and the results stay the same, so that
-- processes of the release before continue to run.
ALTER FUNCTION "public"."chat_append_entries"(integer[], integer[], text[], text[], bigint[], text[], text[], text[], text[])
	RENAME TO "chat_append_mixed_entries";
--> statement-breakpoint
-- 1. The room is advanced by the size of the batch, which also locks it, so another batch waits for this commit.
-- 2. Later statements, whose snapshots have the commit that step 1 waited for, look for known write ids. If there is one, the
--    advance is reverted before anybody can see it, and the other function appends the batch.
-- 3. The entries are inserted in the order of the batch.
CREATE FUNCTION "public"."chat_append_entries"(
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
	head bigint;
	moment timestamptz;
BEGIN
	-- Under a transaction-wide snapshot, step 2 would not see what another batch committed during step 1.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append_entries needs the isolation level read committed';
	END IF;

	IF room_ids[1] = ALL (room_ids) AND 'message' = ALL (kinds)
		AND num_nonnulls(VARIADIC target_seqs) = 0 AND num_nonnulls(VARIADIC details) = 0 THEN
		UPDATE "public"."rooms" AS room
		SET last_seq = room.last_seq + cardinality(room_ids),
			-- The machine's clock may go back; a room's times don't.
			last_at = greatest(date_trunc('milliseconds', clock_timestamp()), room.last_at)
		WHERE room.id = room_ids[1]
		RETURNING room.last_seq - cardinality(room_ids), room.last_at INTO head, moment;

		-- The LATERAL look-up with its LIMIT is an index probe per entry: a hash join would read the whole log.
		IF head IS NOT NULL AND NOT EXISTS (
			SELECT FROM unnest(user_ids, write_ids) AS entry (user_id, write_id)
			CROSS JOIN LATERAL (
				SELECT FROM "public"."messages" AS stored
				WHERE stored.room_id = room_ids[1]
					AND stored.user_id = entry.user_id
					AND stored.write_id = entry.write_id
				LIMIT 1
			) AS known
		) THEN
			RETURN QUERY
			INSERT INTO "public"."messages" AS stored
				(room_id, seq, id, kind, user_id, content, meta, key_id, write_id, created_at)
			SELECT
				room_ids[1], head + entry.ord, nextval('"public"."messages_id_seq"'), 'message', entry.user_id,
				entry.content, entry.meta, entry.key_id, entry.write_id, moment
			FROM unnest(user_ids, write_ids, contents, metas, key_ids) WITH ORDINALITY
				AS entry (user_id, write_id, content, meta, key_id, ord)
			RETURNING
				(stored.seq - head)::integer, 'stored', NULL::text, stored.id::double precision, stored.seq::double precision,
				(extract(epoch FROM stored.created_at) * 1000)::double precision,
				NULL::text, NULL::double precision, NULL::text, NULL::text, NULL::text;
			RETURN;
		END IF;

		UPDATE "public"."rooms" AS room SET last_seq = head WHERE room.id = room_ids[1] AND head IS NOT NULL;
	END IF;

	RETURN QUERY SELECT * FROM "public"."chat_append_mixed_entries"(
		room_ids, user_ids, write_ids, kinds, target_seqs, contents, metas, key_ids, details
	);
END
$function$;

-- Entries that change a message: edits, deletions and reactions; and messages with replies and mentions.
--
-- The state of each message that was changed: the effects of all entries that refer to the message. `changed_seq` is the last of
-- these entries. `edits` is the number of edits. `edit_seq` is the newest edit, which has the current text. `reactions` maps each
-- key to its count. A message without a row was not changed.
CREATE TABLE "public"."message_state" (
	"room_id" integer NOT NULL,
	"seq" bigint NOT NULL,
	"changed_seq" bigint NOT NULL,
	"edit_seq" bigint,
	"edits" integer DEFAULT 0 NOT NULL,
	"edited_at" timestamp (3) with time zone,
	"deleted_seq" bigint,
	"mentions" integer[],
	"reactions" jsonb,
	CONSTRAINT "message_state_pkey" PRIMARY KEY("room_id","seq")
);
--> statement-breakpoint
-- The current reactions: which user reacted to which message with which key. `by_seq` is the entry that added the reaction.
CREATE TABLE "public"."reactions" (
	"room_id" integer NOT NULL,
	"seq" bigint NOT NULL,
	"user_id" integer NOT NULL,
	"key" text NOT NULL,
	"by_seq" bigint NOT NULL,
	CONSTRAINT "reactions_pkey" PRIMARY KEY("room_id","seq","user_id","key")
);
--> statement-breakpoint
CREATE INDEX "reactions_key_idx" ON "public"."reactions" USING btree ("room_id","seq","key","by_seq");
--> statement-breakpoint
-- The message that an edit changes, so that a deletion of the message finds all its edits.
ALTER TABLE "public"."others" ADD COLUMN "edit_of" bigint;
--> statement-breakpoint
CREATE INDEX "others_edit_of_idx" ON "public"."others" USING btree ("room_id","edit_of") WHERE "edit_of" IS NOT NULL;
--> statement-breakpoint
-- Used to find the end of a run of entries that are not messages.
CREATE INDEX "others_message_seq_idx" ON "public"."others" USING btree ("room_id","message_seq","seq");
--> statement-breakpoint
-- Finds the last `wanted` messages up to `place`. Returns them as runs of consecutive messages, the newest run first. Skips each run
-- of other entries in one step.
CREATE FUNCTION "public"."chat_messages_before"(room integer, place bigint, wanted bigint)
RETURNS TABLE (first double precision, last double precision)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $function$
DECLARE
	other record;
	start bigint;
BEGIN
	WHILE wanted > 0 AND place > 0 LOOP
		SELECT "others"."seq", "others"."message_seq" INTO other
		FROM "public"."others" WHERE "others"."room_id" = room AND "others"."seq" <= place
		ORDER BY "others"."seq" DESC LIMIT 1;
		start := greatest(coalesce(other.seq, 0) + 1, place - wanted + 1);
		IF start <= place THEN
			first := start;
			last := place;
			RETURN NEXT;
		END IF;
		EXIT WHEN other.seq IS NULL;
		wanted := wanted - (place - start + 1);
		place := other.message_seq;
	END LOOP;
END
$function$;
--> statement-breakpoint
-- Finds the first `wanted` messages from `place` to `until`. Returns them as runs of consecutive messages, the oldest run first.
CREATE FUNCTION "public"."chat_messages_after"(room integer, place bigint, until bigint, wanted bigint)
RETURNS TABLE (first double precision, last double precision)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $function$
DECLARE
	other record;
	finish bigint;
BEGIN
	place := greatest(place, 1);
	WHILE wanted > 0 AND place <= until LOOP
		SELECT "others"."seq", "others"."message_seq" INTO other
		FROM "public"."others" WHERE "others"."room_id" = room AND "others"."seq" >= place
		ORDER BY "others"."seq" LIMIT 1;
		finish := least(coalesce(other.seq - 1, until), until, place + wanted - 1);
		IF place <= finish THEN
			first := place;
			last := finish;
			RETURN NEXT;
		END IF;
		EXIT WHEN other.seq IS NULL;
		wanted := wanted - (finish - place + 1);
		place := 1 + (
			SELECT max("others"."seq") FROM "public"."others"
			WHERE "others"."room_id" = room AND "others"."message_seq" = other.message_seq
		);
	END LOOP;
END
$function$;
--> statement-breakpoint
-- Returns the ids of the mentioned users who exist, or NULL if there are none.
CREATE FUNCTION "public"."chat_mentions_of"("given" jsonb) RETURNS integer[]
LANGUAGE sql STABLE AS $function$
	SELECT array_agg(users.id ORDER BY users.id)
	FROM jsonb_array_elements_text(given -> 'mentions') AS mentioned (id)
	CROSS JOIN LATERAL (
		SELECT found.id FROM "public"."users" AS found
		WHERE found.id = mentioned.id::bigint AND found.status IN ('active', 'suspended')
		LIMIT 1
	) AS users
$function$;
--> statement-breakpoint
-- Applies an entry to the message that it changes, under the lock of the room. `entry_seq` is the number that the entry will have.
-- Returns
--   `code`: why the entry is refused;
--   `same_seq`: if the entry would change nothing and so is not stored, the earlier entry that already had the same effect;
--   `result`: the unencrypted data of the entry.
CREATE FUNCTION "public"."chat_change_message"(
	"in_room" integer,
	"target" bigint,
	"author" integer,
	"entry_kind" text,
	"given" jsonb,
	"entry_seq" bigint,
	"moment" timestamptz,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	message record;
	state record;
	own_seq bigint;
	counts jsonb;
	mentioned integer[];
	reaction text := given ->> 'key';
	is_removal boolean := coalesce(given ->> 'action' = 'removed', false);
	total integer;
	erased bigint[];
BEGIN
	SELECT stored.user_id, stored.created_at, stored.content IS NULL AS is_erased INTO message
	FROM "public"."messages" AS stored
	WHERE stored.room_id = in_room AND stored.seq = target AND stored.kind = 'message';
	IF NOT FOUND THEN
		code := 'message_not_found';
		RETURN;
	ELSIF entry_kind NOT IN ('edit', 'deletion', 'reaction') THEN
		result := given;
		RETURN;
	ELSIF message.is_erased AND NOT is_removal THEN
		code := 'already_deleted';
		RETURN;
	END IF;
	SELECT known.edit_seq, known.edits, known.reactions INTO state
	FROM "public"."message_state" AS known WHERE known.room_id = in_room AND known.seq = target;

	IF entry_kind = 'edit' THEN
		IF message.user_id <> author THEN
			code := 'not_author';
			RETURN;
		ELSIF extract(epoch FROM moment - message.created_at) * 1000 > (given ->> 'window_ms')::double precision THEN
			code := 'edit_window_over';
			RETURN;
		-- The limit exists because a deletion clears all edits of a message in one transaction.
		ELSIF state.edits >= 1000 THEN
			code := 'too_many_edits';
			RETURN;
		END IF;
		mentioned := "public"."chat_mentions_of"(given);
		result := jsonb_strip_nulls(jsonb_build_object('mentions', mentioned, 'replaces', state.edit_seq));
		INSERT INTO "public"."message_state" AS known (room_id, seq, changed_seq, edit_seq, edits, edited_at, mentions)
		VALUES (in_room, target, entry_seq, entry_seq, 1, moment, mentioned)
		ON CONFLICT (room_id, seq) DO UPDATE
		SET changed_seq = excluded.changed_seq, edit_seq = excluded.edit_seq, edits = known.edits + 1,
			edited_at = excluded.edited_at, mentions = excluded.mentions;

	ELSIF entry_kind = 'deletion' THEN
		IF message.user_id <> author AND NOT EXISTS (
			SELECT FROM "public"."users" AS moderator WHERE moderator.id = author AND moderator.role = 'admin'
		) THEN
			code := 'not_author';
			RETURN;
		END IF;
		erased := ARRAY(
			SELECT target UNION ALL
			SELECT edit.seq FROM "public"."others" AS edit WHERE edit.room_id = in_room AND edit.edit_of = target
		);
		-- Does not wait if another transaction has locked one of the rows, because the other entries of the batch would wait too.
		IF (
			SELECT count(*) FROM (
				SELECT FROM "public"."messages" AS stored WHERE stored.room_id = in_room AND stored.seq = ANY (erased)
				FOR UPDATE SKIP LOCKED
			) AS free
		) < (
			SELECT count(*) FROM "public"."messages" AS stored WHERE stored.room_id = in_room AND stored.seq = ANY (erased)
		) THEN
			code := 'busy';
			RETURN;
		END IF;
		result := jsonb_build_object('replaces', state.edit_seq);
		UPDATE "public"."messages" AS stored SET content = NULL, meta = NULL, key_id = NULL
		WHERE stored.room_id = in_room AND stored.seq = ANY (erased);
		UPDATE "public"."others" AS edit SET detail = NULL WHERE edit.room_id = in_room AND edit.edit_of = target;
		DELETE FROM "public"."reactions" AS given_up WHERE given_up.room_id = in_room AND given_up.seq = target;
		INSERT INTO "public"."message_state" AS known (room_id, seq, changed_seq, deleted_seq)
		VALUES (in_room, target, entry_seq, entry_seq)
		ON CONFLICT (room_id, seq) DO UPDATE
		SET changed_seq = excluded.changed_seq, deleted_seq = excluded.deleted_seq, mentions = NULL, reactions = NULL;

	ELSE
		SELECT known.by_seq INTO own_seq
		FROM "public"."reactions" AS known
		WHERE known.room_id = in_room AND known.seq = target AND known.user_id = author AND known.key = reaction;
		IF (own_seq IS NULL) = is_removal THEN
			same_seq := coalesce(own_seq, target);
			RETURN;
		END IF;
		counts := coalesce(state.reactions, '{}');
		IF NOT is_removal AND (
			(NOT counts ? reaction AND (SELECT count(*) FROM jsonb_object_keys(counts)) >= 50)
			OR (
				SELECT count(*) FROM "public"."reactions" AS known
				WHERE known.room_id = in_room AND known.seq = target AND known.user_id = author
			) >= 10
		) THEN
			code := 'too_many_reactions';
			RETURN;
		END IF;
		total := coalesce((counts ->> reaction)::integer, 0) + CASE WHEN is_removal THEN -1 ELSE 1 END;
		counts := CASE WHEN total > 0 THEN counts || jsonb_build_object(reaction, total) ELSE counts - reaction END;
		result := jsonb_build_object('key', reaction, 'action', given ->> 'action', 'count', total);
		IF is_removal THEN
			DELETE FROM "public"."reactions" AS known
			WHERE known.room_id = in_room AND known.seq = target AND known.user_id = author AND known.key = reaction;
		ELSE
			INSERT INTO "public"."reactions" (room_id, seq, user_id, key, by_seq)
			VALUES (in_room, target, author, reaction, entry_seq);
		END IF;
		INSERT INTO "public"."message_state" AS known (room_id, seq, changed_seq, reactions)
		VALUES (in_room, target, entry_seq, nullif(counts, '{}'))
		ON CONFLICT (room_id, seq) DO UPDATE SET changed_seq = excluded.changed_seq, reactions = excluded.reactions;
	END IF;
END
$function$;
--> statement-breakpoint
-- Appends a batch that has entries of several rooms or of kinds other than messages. See 0008_append_entries.sql for the
-- arguments and the result, and 0010_append_messages.sql for the function that calls this one. There are two more outcomes:
--   `unchanged`: the entry would change nothing and was not appended; the row has the earlier entry with the same effect;
--   `erased`: the entry was appended, but a deletion in the same batch erased it.
--
-- 1. Locks the rooms in id order, so that two batches can't deadlock. A batch waits here until the other batch has committed.
-- 2. If there are entries other than plain messages, checks and applies each entry in the order of the batch, except entries with a
--    known write id. Counts the numbers that the entries will get, so that the state of a message can refer to them.
-- 3. In one statement, looks up known write ids, and numbers and inserts the new entries. The LATERAL look-up with its LIMIT is one
--    index probe per entry, whereas a hash join would read the whole log.
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
	steps text[];
	locked integer[];
	heads bigint[];
	times timestamptz[];
	codes text[];
	same_seqs bigint[];
	results text[];
	given record;
	change record;
	place integer;
	new_seq bigint;
BEGIN
	-- Under a transaction-wide snapshot, the later steps would not see what another batch committed during step 1.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append_entries needs the isolation level read committed';
	END IF;

	PERFORM FROM "public"."rooms" WHERE "rooms"."id" = ANY (room_ids) ORDER BY "rooms"."id" FOR NO KEY UPDATE;
	moment := date_trunc('milliseconds', clock_timestamp());

	IF NOT is_plain THEN
		SELECT array_agg(room.id), array_agg(room.last_seq), array_agg(greatest(moment, room.last_at)) INTO locked, heads, times
		FROM "public"."rooms" AS room WHERE room.id = ANY (room_ids);
		steps := ARRAY(SELECT step FROM "public"."upgrades");
		codes := array_fill(NULL::text, ARRAY[cardinality(kinds)]);
		same_seqs := array_fill(NULL::bigint, ARRAY[cardinality(kinds)]);
		results := details;

		FOR given IN
			SELECT entry.*, array_position(locked, entry.room_id) AS place
			FROM unnest(room_ids, user_ids, write_ids, kinds, target_seqs, details) WITH ORDINALITY
				AS entry (room_id, user_id, write_id, kind, target_seq, detail, ord)
			WHERE NOT EXISTS (
				SELECT FROM "public"."messages" AS stored
				WHERE stored.room_id = entry.room_id AND stored.user_id = entry.user_id AND stored.write_id = entry.write_id
				OFFSET 0
			)
			ORDER BY entry.ord
		LOOP
			place := given.place;
			-- A room that was deleted has no place. The statement below refuses its entries.
			CONTINUE WHEN place IS NULL;
			new_seq := heads[place] + 1;
			IF given.kind <> 'message'
				AND (CASE WHEN given.kind IN ('edit', 'deletion', 'reaction') THEN 'changes' ELSE 'kinds' END) <> ALL (steps) THEN
				codes[given.ord] := 'upgrade_pending';
			ELSIF given.target_seq IS NOT NULL THEN
				SELECT * INTO change FROM "public"."chat_change_message"(
					given.room_id, given.target_seq, given.user_id, given.kind, given.detail::jsonb, new_seq, times[place]
				);
				codes[given.ord] := change.code;
				same_seqs[given.ord] := change.same_seq;
				results[given.ord] := change.result::text;
				IF given.kind = 'deletion' AND change.code IS NULL THEN
					-- Earlier edits of the message in this batch are not stored yet, so their texts are removed here.
					FOR place IN 1 .. given.ord - 1 LOOP
						IF kinds[place] = 'edit' AND room_ids[place] = given.room_id AND target_seqs[place] = given.target_seq THEN
							contents[place] := NULL;
							metas[place] := NULL;
						END IF;
					END LOOP;
					place := given.place;
				END IF;
			END IF;
			CONTINUE WHEN codes[given.ord] IS NOT NULL OR same_seqs[given.ord] IS NOT NULL;

			heads[place] := new_seq;
			IF given.kind <> 'message' THEN
				INSERT INTO "public"."others" (room_id, seq, message_seq, detail, edit_of)
				VALUES (
					given.room_id,
					new_seq,
					coalesce(
						(
							SELECT before.message_seq FROM "public"."others" AS before
							WHERE before.room_id = given.room_id AND before.seq = new_seq - 1
						),
						new_seq - 1
					),
					results[given.ord]::jsonb,
					CASE WHEN given.kind = 'edit' THEN given.target_seq END
				);
			ELSIF given.detail IS NOT NULL THEN
				results[given.ord] := jsonb_build_object('mentions', "public"."chat_mentions_of"(given.detail::jsonb))::text;
				INSERT INTO "public"."message_state" (room_id, seq, changed_seq, mentions)
				VALUES (given.room_id, new_seq, new_seq, "public"."chat_mentions_of"(given.detail::jsonb));
			END IF;
		END LOOP;
	END IF;

	RETURN QUERY
	WITH given AS (
		SELECT
			entry.ord, entry.room_id, entry.user_id, entry.write_id, entry.kind, entry.target_seq,
			entry.content, entry.meta, entry.key_id, entry.code, entry.same_seq, entry.result,
			known.id AS known_id, known.seq AS known_seq, known.created_at AS known_at, known.kind AS known_kind,
			known.target_seq AS known_target_seq, known.content AS known_content, known.meta AS known_meta
		FROM unnest(
			room_ids, user_ids, write_ids, kinds, target_seqs, contents, metas, key_ids, codes, same_seqs, results
		) WITH ORDINALITY AS entry (
			room_id, user_id, write_id, kind, target_seq, content, meta, key_id, code, same_seq, result, ord
		)
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
			WHERE given.known_seq IS NULL AND given.code IS NULL AND given.same_seq IS NULL
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
		CASE
			WHEN placed.ord IS NOT NULL AND given.kind = 'edit' AND given.content IS NULL THEN 'erased'
			WHEN placed.ord IS NOT NULL THEN 'stored'
			WHEN given.known_seq IS NOT NULL THEN 'replayed'
			WHEN coalesce(same.seq, twin.new_seq) IS NOT NULL THEN 'unchanged'
			ELSE 'refused'
		END,
		-- An entry of a room that does not exist has no row in `placed` either.
		CASE
			WHEN coalesce(placed.new_seq, given.known_seq, twin.new_seq, same.seq) IS NULL THEN coalesce(given.code, 'room_not_found')
		END,
		coalesce(placed.new_id, given.known_id, twin.new_id, same.id)::double precision,
		coalesce(placed.new_seq, given.known_seq, twin.new_seq, same.seq)::double precision,
		(extract(epoch FROM coalesce(placed.new_at, given.known_at, twin.new_at, same.created_at)) * 1000)::double precision,
		given.known_kind,
		given.known_target_seq::double precision,
		given.known_content,
		given.known_meta,
		CASE
			WHEN placed.ord IS NOT NULL THEN given.result
			WHEN given.known_kind <> 'message' THEN (
				SELECT other.detail::text FROM "public"."others" AS other
				WHERE other.room_id = given.room_id AND other.seq = given.known_seq
			)
		END
	FROM given
	LEFT JOIN placed ON placed.ord = given.ord
	LEFT JOIN LATERAL (
		-- The earlier entry with the same effect may have been deleted from the table. The message still exists.
		SELECT decided.id, decided.seq, decided.created_at FROM "public"."messages" AS decided
		WHERE decided.room_id = given.room_id AND decided.seq IN (given.same_seq, given.target_seq)
			AND given.same_seq IS NOT NULL AND given.known_seq IS NULL
		ORDER BY decided.seq = given.same_seq DESC
		LIMIT 1
	) AS same ON true
	-- The earlier entry with the same effect may be in this batch.
	LEFT JOIN placed AS twin ON twin.room_id = given.room_id AND twin.new_seq = given.same_seq AND given.known_seq IS NULL
	ORDER BY given.ord;
END
$function$;
--> statement-breakpoint
-- Finishes both steps of an upgrade. Entries that change messages need their own step, because earlier releases show a message
-- without its changes.
CREATE OR REPLACE FUNCTION "public"."chat_finish_upgrade"() RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
	INSERT INTO "public"."upgrades" (step) VALUES ('kinds'), ('changes') ON CONFLICT DO NOTHING;
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
-- Notifies all processes of entries that SQL changed. A message is shown with the text of its newest edit, and an edit of an erased
-- message is shown as erased, so the notification contains both. Lists a few changed entries one by one, because a range would make
-- the processes read all pages between them again.
CREATE OR REPLACE FUNCTION "public"."chat_entries_changed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	IF (SELECT count(*) FROM (SELECT FROM before LIMIT 101) AS few) <= 100 THEN
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq) SELECT room_id, seq, seq FROM before;
	ELSE
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
			SELECT room_id, min(seq), max(seq) FROM before GROUP BY room_id;
	END IF;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
		SELECT room_id, min(target_seq), max(target_seq) FROM before WHERE kind = 'edit' AND target_seq IS NOT NULL GROUP BY room_id;
	INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
		SELECT before.room_id, min(state.edit_seq), max(state.edit_seq)
		FROM before
		JOIN "public"."message_state" AS state ON state.room_id = before.room_id AND state.seq = before.seq
		WHERE state.edit_seq IS NOT NULL
		GROUP BY before.room_id;
	IF TG_OP = 'DELETE' THEN
		DELETE FROM "public"."reactions" AS gone USING before WHERE gone.room_id = before.room_id AND gone.seq = before.seq;
		DELETE FROM "public"."message_state" AS gone USING before WHERE gone.room_id = before.room_id AND gone.seq = before.seq;
	END IF;
	PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA);
	RETURN NULL;
END
$function$;
--> statement-breakpoint
-- If this migration was applied and reverted before, the log has entries that change messages. Computes their effects again.
UPDATE "public"."others" AS other SET edit_of = entry.target_seq
FROM "public"."messages" AS entry
WHERE entry.room_id = other.room_id AND entry.seq = other.seq AND entry.kind = 'edit';
--> statement-breakpoint
INSERT INTO "public"."reactions" (room_id, seq, user_id, key, by_seq)
SELECT room_id, target_seq, user_id, key, seq FROM (
	SELECT DISTINCT ON (entry.room_id, entry.target_seq, entry.user_id, other.detail ->> 'key')
		entry.room_id, entry.target_seq, entry.user_id, other.detail ->> 'key' AS key, other.detail ->> 'action' AS action, entry.seq
	FROM "public"."others" AS other
	JOIN "public"."messages" AS entry ON entry.room_id = other.room_id AND entry.seq = other.seq AND entry.kind = 'reaction'
	JOIN "public"."messages" AS message ON message.room_id = entry.room_id AND message.seq = entry.target_seq AND message.content IS NOT NULL
	ORDER BY entry.room_id, entry.target_seq, entry.user_id, other.detail ->> 'key', entry.seq DESC
) AS newest WHERE action = 'added';
--> statement-breakpoint
INSERT INTO "public"."message_state" (room_id, seq, changed_seq, edit_seq, edits, edited_at, deleted_seq, reactions)
SELECT
	entry.room_id, entry.target_seq, max(entry.seq),
	max(entry.seq) FILTER (WHERE entry.kind = 'edit'), count(*) FILTER (WHERE entry.kind = 'edit'),
	max(entry.created_at) FILTER (WHERE entry.kind = 'edit'), max(entry.seq) FILTER (WHERE entry.kind = 'deletion'),
	(
		SELECT jsonb_object_agg(counted.key, counted.count)
		FROM (
			SELECT given.key, count(*) FROM "public"."reactions" AS given
			WHERE given.room_id = entry.room_id AND given.seq = entry.target_seq GROUP BY given.key
		) AS counted
	)
FROM "public"."others" AS other
JOIN "public"."messages" AS entry ON entry.room_id = other.room_id AND entry.seq = other.seq
WHERE entry.kind IN ('edit', 'deletion', 'reaction') AND entry.target_seq IS NOT NULL
GROUP BY entry.room_id, entry.target_seq;

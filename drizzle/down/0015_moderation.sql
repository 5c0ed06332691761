-- An earlier release would not enforce the restrictions, so there must be none. The lock prevents the creation of others.
LOCK TABLE "public"."rooms" IN ACCESS EXCLUSIVE MODE;
--> statement-breakpoint
DO $$
BEGIN
	IF EXISTS (SELECT FROM "public"."restrictions" WHERE "until" IS NULL OR "until" > clock_timestamp()) OR EXISTS (
		SELECT FROM "public"."rooms"
		WHERE "archived" OR "deleted_at" IS NOT NULL OR "slow_mode_seconds" > 0 OR "invite" <> 'members'
	) OR EXISTS (SELECT FROM "public"."ban_erasures") THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'the database has muted or banned users, or rooms that are archived, slow, being deleted, or closed to additions by members',
			HINT = 'End these restrictions first, or keep the release.';
	END IF;
END
$$;
--> statement-breakpoint
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
	guarded integer[];
	new_seq bigint;
	mentioned integer[];
BEGIN
	-- Under a transaction-wide snapshot, the statements after the lock of the rooms would not see what another batch committed while
	-- this batch waited for the lock.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append_entries needs the isolation level read committed';
	END IF;

	SELECT array_agg(room.id) FILTER (WHERE room.guarded) INTO guarded FROM (
		SELECT known.id, known.guarded FROM "public"."rooms" AS known WHERE known.id = ANY (room_ids) ORDER BY known.id FOR NO KEY UPDATE
	) AS room;
	moment := date_trunc('milliseconds', clock_timestamp());

	IF is_plain AND guarded IS NOT NULL THEN
		codes := ARRAY(
			SELECT CASE
				WHEN entry.room_id = ANY (guarded) AND (
					-- A subquery and not `chat_role_of`, because a call of a function for each message takes longer.
					SELECT member.role FROM "public"."members" AS member
					WHERE member.room_id = entry.room_id AND member.user_id = entry.user_id
				) IS NULL THEN 'room_not_found'
			END
			FROM unnest(room_ids, user_ids) WITH ORDINALITY AS entry (room_id, user_id, ord)
			ORDER BY entry.ord
		);
	ELSIF NOT is_plain THEN
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
			-- The functions for `membership` and `room` check the author themselves. The service appends an `erasure` for users who
			-- have left.
			IF given.room_id = ANY (guarded) AND given.kind NOT IN ('membership', 'room', 'erasure')
				AND NOT coalesce(given.detail::jsonb ? 'host', false)
				AND "public"."chat_role_of"(given.room_id, given.user_id) IS NULL THEN
				codes[given.ord] := 'room_not_found';
			ELSIF given.kind <> 'message'
				AND (
					CASE
						WHEN given.kind IN ('edit', 'deletion', 'reaction') THEN 'changes'
						WHEN given.kind IN ('membership', 'room') THEN 'rooms'
						ELSE 'kinds'
					END
				) <> ALL (steps) THEN
				codes[given.ord] := 'upgrade_pending';
			ELSIF given.kind IN ('membership', 'room') THEN
				IF given.kind = 'membership' THEN
					SELECT * INTO change FROM "public"."chat_change_members"(given.room_id, given.user_id, given.detail::jsonb);
				ELSE
					SELECT * INTO change FROM "public"."chat_change_room"(given.room_id, given.user_id, given.detail::jsonb);
				END IF;
				codes[given.ord] := change.code;
				same_seqs[given.ord] := change.same_seq;
				results[given.ord] := change.result::text;
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
				INSERT INTO "public"."others" (room_id, seq, message_seq, n, detail, edit_of)
				SELECT
					given.room_id,
					new_seq,
					CASE WHEN before.seq = new_seq - 1 THEN before.message_seq ELSE new_seq - 1 END,
					coalesce(before.n, 0) + 1,
					results[given.ord]::jsonb,
					CASE WHEN given.kind = 'edit' THEN given.target_seq END
				FROM (VALUES (true)) AS one
				LEFT JOIN LATERAL (
					SELECT known.seq, known.message_seq, known.n FROM "public"."others" AS known
					WHERE known.room_id = given.room_id AND known.seq < new_seq
					ORDER BY known.seq DESC LIMIT 1
				) AS before ON true;
			ELSIF given.detail::jsonb ? 'mentions' THEN
				mentioned := "public"."chat_mentions_in"(given.room_id, given.detail::jsonb);
				results[given.ord] := jsonb_build_object('mentions', mentioned)::text;
				INSERT INTO "public"."message_state" (room_id, seq, changed_seq, mentions)
				VALUES (given.room_id, new_seq, new_seq, mentioned);
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
CREATE OR REPLACE FUNCTION "public"."chat_change_message"(
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
		mentioned := "public"."chat_mentions_in"(in_room, given);
		result := jsonb_strip_nulls(jsonb_build_object('mentions', mentioned, 'replaces', state.edit_seq));
		INSERT INTO "public"."message_state" AS known (room_id, seq, changed_seq, edit_seq, edits, edited_at, mentions)
		VALUES (in_room, target, entry_seq, entry_seq, 1, moment, mentioned)
		ON CONFLICT (room_id, seq) DO UPDATE
		SET changed_seq = excluded.changed_seq, edit_seq = excluded.edit_seq, edits = known.edits + 1,
			edited_at = excluded.edited_at, mentions = excluded.mentions;

	ELSIF entry_kind = 'deletion' THEN
		IF message.user_id <> author AND NOT EXISTS (
			SELECT FROM "public"."users" AS moderator
			JOIN "public"."rooms" AS room ON room.id = in_room AND room.visibility = 'public'
			WHERE moderator.id = author AND moderator.role = 'admin' AND moderator.status = 'active'
		) AND (
			coalesce("public"."chat_role_of"(in_room, author), 'member') = 'member'
			OR "public"."chat_rank"("public"."chat_role_of"(in_room, author))
				<= "public"."chat_rank"("public"."chat_role_of"(in_room, message.user_id))
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
DROP FUNCTION "public"."chat_change_room"(integer, integer, jsonb, timestamptz);
--> statement-breakpoint
CREATE FUNCTION "public"."chat_change_room"(
	"in_room" integer,
	"author" integer,
	"given" jsonb,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	room record;
	own text := "public"."chat_role_of"(in_room, author);
	is_host boolean := given ? 'host';
BEGIN
	SELECT known.visibility, known.title, known.topic INTO room FROM "public"."rooms" AS known WHERE known.id = in_room;
	IF room.visibility <> 'public' AND own IS NULL AND NOT is_host THEN
		code := 'room_not_found';
	ELSIF NOT is_host AND (
		room.visibility = 'direct'
		OR (
			own IS DISTINCT FROM 'owner'
			AND NOT (room.visibility = 'public' AND EXISTS (
				SELECT FROM "public"."users" AS known WHERE known.id = author AND known.role = 'admin' AND known.status = 'active'
			))
		)
	) THEN
		code := 'not_allowed';
	END IF;
	IF code IS NOT NULL THEN
		RETURN;
	END IF;

	result := '{}';
	IF given ? 'title' AND given ->> 'title' IS DISTINCT FROM room.title THEN
		result := result || jsonb_build_object('title', given -> 'title');
	END IF;
	IF given ? 'topic' AND given ->> 'topic' IS DISTINCT FROM room.topic THEN
		result := result || jsonb_build_object('topic', given -> 'topic');
	END IF;
	IF result = '{}' THEN
		same_seq := (SELECT max(entry.seq) FROM "public"."messages" AS entry WHERE entry.room_id = in_room);
		RETURN;
	END IF;
	UPDATE "public"."rooms" AS known
	SET title = CASE WHEN result ? 'title' THEN result ->> 'title' ELSE known.title END,
		topic = CASE WHEN result ? 'topic' THEN result ->> 'topic' ELSE known.topic END
	WHERE known.id = in_room;
END
$function$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_change_members"(integer, integer, jsonb, timestamptz);
--> statement-breakpoint
CREATE FUNCTION "public"."chat_change_members"(
	"in_room" integer,
	"author" integer,
	"given" jsonb,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	seen text := (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room);
	subject integer := (SELECT known.id FROM "public"."users" AS known WHERE known.id = (given ->> 'subject')::bigint);
	is_put boolean := given ->> 'op' = 'put';
	wanted text := given ->> 'role';
	is_host boolean := given ? 'host';
	is_admin boolean := EXISTS (
		SELECT FROM "public"."users" AS known WHERE known.id = author AND known.role = 'admin' AND known.status = 'active'
	);
	own text := "public"."chat_role_of"(in_room, author);
	theirs text := "public"."chat_role_of"(in_room, subject);
	-- The host application and the administrators of public rooms are above all owners.
	rank integer := CASE WHEN is_host OR (is_admin AND seen = 'public') THEN 4 ELSE "public"."chat_rank"(own) END;
	is_self boolean := coalesce(subject = author, false);
	event text;
BEGIN
	IF seen <> 'public' AND own IS NULL AND NOT is_host AND NOT (is_admin AND seen = 'private' AND is_self AND is_put) THEN
		code := 'room_not_found';
	ELSIF seen = 'direct' AND NOT is_host THEN
		code := 'not_allowed';
	ELSIF theirs IS NULL AND NOT is_put THEN
		code := 'user_not_found';
	ELSIF theirs IS NULL THEN
		event := CASE WHEN is_self THEN 'joined' ELSE 'added' END;
		wanted := coalesce(wanted, 'member');
		-- Whoever may not add anybody does not learn which users exist.
		IF (rank < 3 AND wanted <> 'member') OR (NOT is_self AND rank < (CASE WHEN seen = 'public' THEN 2 ELSE 1 END)) THEN
			code := 'not_allowed';
		ELSIF NOT EXISTS (SELECT FROM "public"."users" AS known WHERE known.id = subject) THEN
			code := 'user_not_found';
		-- The end of an account removes all its memberships. It waits for this lock, and then sees the new one.
		ELSIF NOT EXISTS (SELECT FROM "public"."users" AS known WHERE known.id = subject FOR SHARE SKIP LOCKED) THEN
			code := 'busy';
		ELSIF NOT EXISTS (
			SELECT FROM "public"."users" AS known
			WHERE known.id = subject AND (known.status = 'active' OR (is_host AND known.status = 'suspended'))
		) THEN
			code := 'user_not_found';
		-- The number of rooms of a user is limited, so that the lists of these rooms are too.
		ELSIF NOT is_host AND (
			SELECT count(*) FROM (
				SELECT FROM "public"."members" AS member WHERE member.user_id = subject LIMIT 1000
			) AS few
		) >= 1000 THEN
			code := 'not_allowed';
		END IF;
	ELSIF is_put THEN
		event := 'role_changed';
		IF wanted IS NULL OR wanted = theirs THEN
			code := 'already_member';
		ELSIF rank < 3 OR (rank = 3 AND theirs = 'owner' AND NOT is_self) THEN
			code := 'not_allowed';
		END IF;
	ELSE
		event := CASE WHEN is_self THEN 'left' ELSE 'removed' END;
		IF NOT is_self AND (rank < 2 OR rank <= "public"."chat_rank"(theirs)) THEN
			code := 'not_allowed';
		END IF;
	END IF;
	-- The members whose accounts have ended don't count.
	IF code IS NULL AND theirs = 'owner' AND (wanted IS DISTINCT FROM 'owner' OR NOT is_put) AND NOT EXISTS (
		SELECT FROM "public"."members" AS other
		JOIN "public"."users" AS known ON known.id = other.user_id AND known.status IN ('active', 'suspended')
		WHERE other.room_id = in_room AND other.user_id <> subject AND other.role = 'owner'
	) AND (
		-- A member who is alone may leave.
		is_put
		OR EXISTS (
			SELECT FROM "public"."members" AS other
			JOIN "public"."users" AS known ON known.id = other.user_id AND known.status IN ('active', 'suspended')
			WHERE other.room_id = in_room AND other.user_id <> subject
		)
	) THEN
		code := 'last_owner';
	END IF;
	IF code IS NOT NULL THEN
		RETURN;
	END IF;

	IF NOT is_put THEN
		wanted := NULL;
		DELETE FROM "public"."members" AS member WHERE member.room_id = in_room AND member.user_id = subject;
	ELSE
		-- The read mark of a new member begins at the newest entry.
		INSERT INTO "public"."members" (room_id, user_id, role, read_seq)
		SELECT in_room, subject, wanted, room.last_seq FROM "public"."rooms" AS room WHERE room.id = in_room
		ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role;
	END IF;
	result := jsonb_strip_nulls(jsonb_build_object('subject', subject, 'event', event, 'role', wanted));
	-- In a public room with many members, the log does not list those who come and go.
	IF seen = 'public' AND event IN ('joined', 'added', 'left') AND (
		SELECT count(*) FROM (SELECT FROM "public"."members" AS member WHERE member.room_id = in_room LIMIT 101) AS few
	) > 100 THEN
		same_seq := (SELECT max(entry.seq) FROM "public"."messages" AS entry WHERE entry.room_id = in_room);
	END IF;
END
$function$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_mentions_in"("in_room" integer, "given" jsonb) RETURNS integer[]
LANGUAGE sql STABLE AS $function$
	SELECT array_agg(mentioned.id ORDER BY mentioned.id)
	FROM unnest("public"."chat_mentions_of"(given)) AS mentioned (id)
	WHERE (SELECT NOT room.guarded FROM "public"."rooms" AS room WHERE room.id = in_room)
		OR "public"."chat_role_of"(in_room, mentioned.id) IS NOT NULL
$function$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_restrict"(integer, integer, jsonb, bigint, text, text, timestamptz);
--> statement-breakpoint
DROP FUNCTION "public"."chat_has_others"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_is_last_owner"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_sweep_restrictions"();
--> statement-breakpoint
DROP FUNCTION "public"."chat_guard"(integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_refusal"(integer, integer, text, bigint, jsonb, timestamptz);
--> statement-breakpoint
DROP FUNCTION "public"."chat_refused"(text, timestamptz);
--> statement-breakpoint
DROP FUNCTION "public"."chat_restriction"(integer, integer, text, timestamptz);
--> statement-breakpoint
DROP FUNCTION "public"."chat_rank_in"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_is_admin"(integer);
--> statement-breakpoint
UPDATE "public"."rooms" SET "guarded" = "visibility" <> 'public' WHERE "guarded" <> ("visibility" <> 'public');
--> statement-breakpoint
DROP TRIGGER "chat_room_updated" ON "public"."rooms";
--> statement-breakpoint
CREATE TRIGGER "chat_room_updated" AFTER UPDATE OF "title", "topic" ON "public"."rooms"
	FOR EACH ROW WHEN ((OLD.title, OLD.topic) IS DISTINCT FROM (NEW.title, NEW.topic)) EXECUTE FUNCTION "public"."chat_room_changed"();
--> statement-breakpoint
DROP TABLE "public"."ban_erasures";
--> statement-breakpoint
DROP TABLE "public"."last_posts";
--> statement-breakpoint
DROP TABLE "public"."restrictions";
--> statement-breakpoint
ALTER TABLE "public"."rooms" DROP COLUMN "invite", DROP COLUMN "deleted_at", DROP COLUMN "archived", DROP COLUMN "slow_mode_seconds";

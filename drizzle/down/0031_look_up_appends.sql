CREATE OR REPLACE FUNCTION "public"."chat_refusal"(
	"in_room" integer,
	"author" integer,
	"entry_kind" text,
	"target" bigint,
	"given" jsonb,
	"moment" timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $function$
DECLARE
	room record;
	ban timestamptz;
	mute timestamptz;
	slow_until timestamptz;
BEGIN
	-- `chat_change_members` decides about an invitation.
	IF entry_kind = 'membership' AND given ? 'invitation' THEN
		RETURN NULL;
	END IF;
	SELECT known.visibility, known.archived, known.deleted_at, known.slow_mode_seconds INTO room
	FROM "public"."rooms" AS known WHERE known.id = in_room;
	IF NOT FOUND THEN
		RETURN NULL;
	ELSIF room.deleted_at IS NOT NULL THEN
		RETURN "public"."chat_refused"('room_not_found');
	-- The service appends an erasure for a user whose account has ended.
	ELSIF entry_kind = 'erasure' THEN
		RETURN NULL;
	ELSIF given ? 'host' THEN
		IF room.archived AND entry_kind NOT IN ('membership', 'room', 'deletion') THEN
			RETURN "public"."chat_refused"('room_archived');
		END IF;
		RETURN NULL;
	END IF;

	IF room.visibility <> 'public' AND NOT EXISTS (
		SELECT FROM "public"."members" AS member WHERE member.room_id = in_room AND member.user_id = author
	) AND NOT coalesce(
		-- An administrator may join a private room.
		entry_kind = 'membership' AND room.visibility = 'private' AND given ->> 'op' = 'put'
			AND (given ->> 'subject')::bigint = author AND "public"."chat_is_admin"(author),
		false
	) THEN
		RETURN "public"."chat_refused"('room_not_found');
	-- Nobody reads what the last member of a direct room writes.
	ELSIF room.visibility = 'direct' AND entry_kind NOT IN ('membership', 'room', 'deletion') AND (
		SELECT count(*) FROM (SELECT FROM "public"."members" AS member WHERE member.room_id = in_room LIMIT 2) AS few
	) < 2 THEN
		RETURN "public"."chat_refused"('not_allowed');
	END IF;

	SELECT
		max(coalesce(known.until, 'infinity')) FILTER (WHERE known.kind = 'ban'),
		max(coalesce(known.until, 'infinity')) FILTER (WHERE known.kind = 'mute')
	INTO ban, mute
	FROM "public"."restrictions" AS known
	WHERE known.room_id = in_room AND known.user_id = author AND (known.until IS NULL OR known.until > moment);
	IF ban IS NOT NULL THEN
		RETURN "public"."chat_refused"('banned', ban);
	ELSIF room.archived AND NOT coalesce(
		CASE entry_kind
			WHEN 'deletion' THEN "public"."chat_rank_in"(in_room, author) >= 2
			WHEN 'room' THEN given @> '{"archived":false}' OR given ? 'deleted'
		END,
		false
	) THEN
		RETURN "public"."chat_refused"('room_archived');
	ELSIF mute IS NOT NULL AND NOT coalesce(
		CASE entry_kind
			WHEN 'deletion' THEN EXISTS (
				SELECT FROM "public"."messages" AS own
				WHERE own.room_id = in_room AND own.seq = target AND own.user_id = author
			)
			-- Whoever is muted may still join and leave.
			WHEN 'membership' THEN (given ->> 'subject')::bigint = author AND given ->> 'op' IN ('put', 'remove')
				AND NOT given ? 'role'
		END,
		false
	) THEN
		RETURN "public"."chat_refused"('muted', mute);
	ELSIF room.slow_mode_seconds > 0 AND entry_kind = 'message' THEN
		slow_until := (
			SELECT last.posted_at + room.slow_mode_seconds * interval '1 second'
			FROM "public"."last_posts" AS last WHERE last.room_id = in_room AND last.user_id = author
		);
		IF slow_until > moment AND "public"."chat_rank_in"(in_room, author) < 2 THEN
			RETURN jsonb_build_object(
				'code', 'slow_mode', 'retry_after_ms', ceil(extract(epoch FROM slow_until - moment) * 1000)
			);
		END IF;
	END IF;

	-- In a direct room of two users of whom one has blocked the other, both may only delete.
	IF room.visibility = 'direct' AND entry_kind NOT IN ('membership', 'room', 'deletion') AND "public"."chat_is_blocked"(in_room) THEN
		RETURN "public"."chat_refused"('not_allowed');
	END IF;
	RETURN NULL;
END
$function$;
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
	slow integer[];
	refusal jsonb;
	checked_rooms integer[];
	checked_users integer[];
	refusals jsonb[];
	later_refusals jsonb[];
	new_seq bigint;
	mentioned integer[];
BEGIN
	-- Under a transaction-wide snapshot, the later steps would not see what another batch committed during step 1.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append_entries needs the isolation level read committed';
	END IF;

	SELECT array_agg(room.id) FILTER (WHERE room.guarded), array_agg(room.id) FILTER (WHERE room.slow_mode_seconds > 0)
	INTO guarded, slow
	FROM (
		SELECT known.id, known.guarded, known.slow_mode_seconds FROM "public"."rooms" AS known
		WHERE known.id = ANY (room_ids) ORDER BY known.id FOR NO KEY UPDATE
	) AS room;
	moment := date_trunc('milliseconds', clock_timestamp());

	IF is_plain AND guarded IS NOT NULL THEN
		-- `refusals` are for the first new message of an author in this batch. In slow mode, it refuses the later ones.
		SELECT
			array_agg(checked.room_id), array_agg(checked.user_id), array_agg(checked.refusal),
			array_agg(coalesce(checked.refusal, CASE
				WHEN checked.slow_mode_seconds > 0 AND "public"."chat_rank_in"(checked.room_id, checked.user_id) < 2
				THEN jsonb_build_object('code', 'slow_mode', 'retry_after_ms', checked.slow_mode_seconds * 1000)
			END))
		INTO checked_rooms, checked_users, refusals, later_refusals
		FROM (
			SELECT
				author.room_id, author.user_id, author.slow_mode_seconds,
				"public"."chat_refusal"(author.room_id, author.user_id, 'message', NULL, NULL, moment) AS refusal
			FROM "public"."chat_authors_to_check"(room_ids, user_ids) AS author
			OFFSET 0
		) AS checked;

		IF num_nonnulls(VARIADIC later_refusals) > 0 THEN
			SELECT array_agg(decided.refusal ->> 'code' ORDER BY decided.ord), array_agg(decided.refusal::text ORDER BY decided.ord)
			INTO codes, results
			FROM (
				SELECT
					entry.ord,
					CASE
						-- A repeated message is not counted.
						WHEN count(*) FILTER (WHERE NOT EXISTS (
							SELECT FROM "public"."messages" AS stored
							WHERE stored.room_id = entry.room_id AND stored.user_id = entry.user_id AND stored.write_id = entry.write_id
							OFFSET 0
						)) OVER (PARTITION BY entry.room_id, entry.user_id ORDER BY entry.ord) > 1 THEN checked.later_refusal
						ELSE checked.refusal
					END AS refusal
				FROM unnest(room_ids, user_ids, write_ids) WITH ORDINALITY AS entry (room_id, user_id, write_id, ord)
				LEFT JOIN unnest(checked_rooms, checked_users, refusals, later_refusals)
					AS checked (room_id, user_id, refusal, later_refusal)
					ON checked.room_id = entry.room_id AND checked.user_id = entry.user_id
			) AS decided;
		END IF;
		IF slow IS NOT NULL THEN
			INSERT INTO "public"."last_posts" (room_id, user_id, posted_at)
			SELECT DISTINCT entry.room_id, entry.user_id, moment
			FROM unnest(room_ids, user_ids, write_ids, codes) AS entry (room_id, user_id, write_id, code)
			WHERE entry.room_id = ANY (slow) AND entry.code IS NULL AND NOT EXISTS (
				SELECT FROM "public"."messages" AS stored
				WHERE stored.room_id = entry.room_id AND stored.user_id = entry.user_id AND stored.write_id = entry.write_id
				OFFSET 0
			)
			ON CONFLICT (room_id, user_id) DO UPDATE SET posted_at = excluded.posted_at;
		END IF;
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
			refusal := NULL;
			IF given.room_id = ANY (guarded) THEN
				refusal := "public"."chat_refusal"(
					given.room_id, given.user_id, given.kind, given.target_seq, given.detail::jsonb, moment
				);
			END IF;
			IF refusal IS NOT NULL THEN
				codes[given.ord] := refusal ->> 'code';
				results[given.ord] := refusal::text;
			ELSIF given.kind <> 'message'
				AND (
					CASE
						WHEN given.kind IN ('edit', 'deletion', 'reaction') THEN 'changes'
						WHEN given.kind IN ('membership', 'room', 'pin') THEN 'rooms'
						ELSE 'kinds'
					END
				) <> ALL (steps) THEN
				codes[given.ord] := 'upgrade_pending';
				results[given.ord] := NULL;
			ELSIF given.kind IN ('membership', 'room') THEN
				IF given.kind = 'room' THEN
					SELECT * INTO change FROM "public"."chat_change_room"(given.room_id, given.user_id, given.detail::jsonb, moment);
				ELSIF given.detail::jsonb ->> 'op' IN ('mute', 'unmute', 'ban', 'unban') THEN
					SELECT * INTO change FROM "public"."chat_restrict"(
						given.room_id, given.user_id, given.detail::jsonb, new_seq, metas[given.ord], key_ids[given.ord], moment
					);
				ELSE
					SELECT * INTO change FROM "public"."chat_change_members"(
						given.room_id, given.user_id, given.detail::jsonb, moment
					);
				END IF;
				codes[given.ord] := change.code;
				same_seqs[given.ord] := change.same_seq;
				results[given.ord] := change.result::text;
				-- The later entries of this batch are checked against the change.
				SELECT array_agg(room.id) FILTER (WHERE room.guarded), array_agg(room.id) FILTER (WHERE room.slow_mode_seconds > 0)
				INTO guarded, slow
				FROM "public"."rooms" AS room WHERE room.id = ANY (room_ids);
			ELSIF given.kind = 'pin' THEN
				SELECT * INTO change FROM "public"."chat_change_pin"(
					given.room_id, given.target_seq, given.user_id, given.detail::jsonb, new_seq
				);
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
				INSERT INTO "public"."others" (room_id, seq, message_seq, n, detail, edit_of, is_notice)
				SELECT
					given.room_id,
					new_seq,
					CASE WHEN before.seq = new_seq - 1 THEN before.message_seq ELSE new_seq - 1 END,
					coalesce(before.n, 0) + 1,
					results[given.ord]::jsonb,
					CASE WHEN given.kind = 'edit' THEN given.target_seq END,
					given.kind IN ('membership', 'room', 'pin') OR strpos(given.kind, '.') > 0
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
			IF given.kind = 'message' AND given.room_id = ANY (slow) THEN
				INSERT INTO "public"."last_posts" (room_id, user_id, posted_at) VALUES (given.room_id, given.user_id, moment)
				ON CONFLICT (room_id, user_id) DO UPDATE SET posted_at = excluded.posted_at;
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
			WHEN given.known_seq IS NULL AND given.code IS NOT NULL THEN given.result
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
CREATE OR REPLACE FUNCTION "public"."chat_append_entries"(
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
	is_guarded boolean;
	needs_check boolean := false;
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
			AND NOT (room.guarded AND (room.slow_mode_seconds > 0 OR room.archived OR room.deleted_at IS NOT NULL))
		RETURNING room.last_seq - cardinality(room_ids), room.last_at, room.guarded INTO head, moment, is_guarded;
		-- The update has locked the room, so this statement sees all members and restrictions that were committed before.
		IF is_guarded THEN
			needs_check := EXISTS (SELECT FROM "public"."chat_authors_to_check"(room_ids, user_ids));
		END IF;

		-- The LATERAL look-up with its LIMIT is an index probe per entry: a hash join would read the whole log.
		IF head IS NOT NULL AND NOT needs_check AND NOT EXISTS (
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
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_change_pin"(
	"in_room" integer,
	"target" bigint,
	"author" integer,
	"given" jsonb,
	"entry_seq" bigint,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	seen text := (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room);
	is_added boolean := given ->> 'action' = 'added';
	is_erased boolean;
	pinned_by bigint;
BEGIN
	-- In a direct room, every member may pin messages. `chat_refusal` has checked that the author is a member.
	IF NOT given ? 'host' AND seen <> 'direct' AND "public"."chat_rank_in"(in_room, author) < 2 THEN
		code := 'not_allowed';
		RETURN;
	END IF;
	SELECT stored.content IS NULL INTO is_erased
	FROM "public"."messages" AS stored
	WHERE stored.room_id = in_room AND stored.seq = target AND stored.kind = 'message';
	IF NOT FOUND THEN
		code := 'message_not_found';
		RETURN;
	ELSIF is_erased AND is_added THEN
		code := 'already_deleted';
		RETURN;
	END IF;
	SELECT known.pin_seq INTO pinned_by
	FROM "public"."message_state" AS known WHERE known.room_id = in_room AND known.seq = target;
	IF (pinned_by IS NOT NULL) = is_added THEN
		same_seq := coalesce(pinned_by, target);
		RETURN;
	END IF;
	IF is_added THEN
		IF (
			SELECT count(*) FROM "public"."message_state" AS known WHERE known.room_id = in_room AND known.pin_seq IS NOT NULL
		) >= 100 THEN
			code := 'too_many_pins';
			RETURN;
		-- The end of an account erases messages without the lock of the room. It waits for this lock, and then finds the pin.
		ELSIF NOT EXISTS (
			SELECT FROM "public"."messages" AS stored
			WHERE stored.room_id = in_room AND stored.seq = target AND stored.content IS NOT NULL
			FOR SHARE SKIP LOCKED
		) THEN
			code := 'busy';
			RETURN;
		END IF;
	END IF;
	result := jsonb_build_object('action', given ->> 'action');
	INSERT INTO "public"."message_state" AS known (room_id, seq, changed_seq, pin_seq)
	VALUES (in_room, target, entry_seq, CASE WHEN is_added THEN entry_seq END)
	ON CONFLICT (room_id, seq) DO UPDATE SET changed_seq = excluded.changed_seq, pin_seq = excluded.pin_seq;
END
$function$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_change_one_member"(
	"in_room" integer,
	"author" integer,
	"given" jsonb,
	"moment" timestamptz,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	seen text := (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room);
	invite text := (SELECT room.invite FROM "public"."rooms" AS room WHERE room.id = in_room);
	subject integer := (SELECT known.id FROM "public"."users" AS known WHERE known.id = (given ->> 'subject')::bigint);
	is_put boolean := given ->> 'op' = 'put';
	wanted text := given ->> 'role';
	is_host boolean := given ? 'host';
	theirs text := "public"."chat_role_of"(in_room, subject);
	rank integer := CASE WHEN is_host THEN 5 ELSE "public"."chat_rank_in"(in_room, author) END;
	is_self boolean := coalesce(subject = author, false);
	event text;
BEGIN
	IF seen = 'direct' AND NOT is_host THEN
		code := 'not_allowed';
	ELSIF theirs IS NULL AND NOT is_put THEN
		code := 'user_not_found';
	ELSIF theirs IS NULL THEN
		event := CASE WHEN is_self THEN 'joined' ELSE 'added' END;
		wanted := coalesce(wanted, 'member');
		-- Whoever may not add anybody does not learn which users exist.
		IF (rank < 3 AND wanted <> 'member') OR (
			NOT is_self AND rank < (CASE WHEN seen = 'public' OR invite = 'moderators' THEN 2 ELSE 1 END)
		) THEN
			code := 'not_allowed';
		ELSIF "public"."chat_restriction"(in_room, subject, 'ban', moment) IS NOT NULL THEN
			code := 'banned';
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
		-- The subject is also the author of an entry of the host application. The service removes users whose accounts have ended in
		-- the same way, and these have left.
		event := CASE
			WHEN is_self AND (NOT is_host OR (SELECT known.status FROM "public"."users" AS known WHERE known.id = subject) = 'deleting')
			THEN 'left'
			ELSE 'removed'
		END;
		IF NOT is_self AND (rank < 2 OR rank <= "public"."chat_rank"(theirs)) THEN
			code := 'not_allowed';
		END IF;
	END IF;
	IF code IS NULL AND (wanted IS DISTINCT FROM 'owner' OR NOT is_put) AND "public"."chat_is_last_owner"(in_room, subject)
		-- A member who is alone may leave.
		AND (is_put OR "public"."chat_has_others"(in_room, subject)) THEN
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
CREATE OR REPLACE FUNCTION "public"."chat_change_member"(
	"in_room" integer,
	"author" integer,
	"given" jsonb,
	"moment" timestamptz,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	wanted integer[];
	known_users integer[];
	free_users integer[];
BEGIN
	IF NOT given ? 'subjects' THEN
		SELECT * INTO code, same_seq, result FROM "public"."chat_change_one_member"(in_room, author, given, moment);
		RETURN;
	ELSIF NOT given ? 'host' THEN
		code := 'not_allowed';
		RETURN;
	END IF;

	wanted := ARRAY(
		SELECT DISTINCT subject.id::integer FROM jsonb_array_elements_text(given -> 'subjects') AS subject (id)
		WHERE "public"."chat_role_of"(in_room, subject.id::integer) IS NULL
		ORDER BY 1
	);
	known_users := ARRAY(
		SELECT known.id FROM "public"."users" AS known WHERE known.id = ANY (wanted) AND known.status IN ('active', 'suspended')
	);
	IF wanted = '{}' THEN
		code := 'already_member';
	ELSIF EXISTS (
		SELECT FROM unnest(wanted) AS subject (id)
		WHERE "public"."chat_restriction"(in_room, subject.id, 'ban', moment) IS NOT NULL
	) THEN
		code := 'banned';
	ELSIF cardinality(known_users) < cardinality(wanted) THEN
		code := 'user_not_found';
	ELSE
		-- The end of an account removes all its memberships. It waits for this lock, and then sees the new one.
		free_users := ARRAY(SELECT known.id FROM "public"."users" AS known WHERE known.id = ANY (wanted) FOR SHARE SKIP LOCKED);
		IF cardinality(free_users) < cardinality(wanted) THEN
			code := 'busy';
		ELSIF (
			SELECT count(*) FROM "public"."users" AS known WHERE known.id = ANY (wanted) AND known.status IN ('active', 'suspended')
		) < cardinality(wanted) THEN
			code := 'user_not_found';
		END IF;
	END IF;
	IF code IS NOT NULL THEN
		RETURN;
	END IF;

	-- The read mark of a new member begins at the newest entry.
	INSERT INTO "public"."members" (room_id, user_id, role, read_seq)
	SELECT in_room, subject.id, 'member', room.last_seq
	FROM "public"."rooms" AS room CROSS JOIN unnest(wanted) AS subject (id)
	WHERE room.id = in_room;
	result := jsonb_build_object(
		'subject', CASE WHEN author = ANY (wanted) THEN author ELSE wanted[1] END,
		'subjects', to_jsonb(wanted), 'event', 'added', 'role', 'member'
	);
	-- In a public room with many members, the log does not list those who are added.
	IF (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room) = 'public' AND (
		SELECT count(*) FROM (SELECT FROM "public"."members" AS member WHERE member.room_id = in_room LIMIT 101) AS few
	) > 100 THEN
		same_seq := (SELECT max(entry.seq) FROM "public"."messages" AS entry WHERE entry.room_id = in_room);
	END IF;
END
$function$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_report"(
	"in_room" integer,
	"target" bigint,
	"reporter" integer,
	"text" text,
	"why" text,
	"with_key" text,
	OUT "code" text,
	OUT "id" integer,
	OUT "is_new" boolean
) LANGUAGE plpgsql
SET lock_timeout = '1s'
AS $function$
#variable_conflict use_column
DECLARE
	room record;
	message record;
BEGIN
	SELECT known.visibility, known.deleted_at INTO room FROM "public"."rooms" AS known WHERE known.id = in_room FOR NO KEY UPDATE;
	IF NOT FOUND OR room.deleted_at IS NOT NULL
		OR (room.visibility <> 'public' AND "public"."chat_role_of"(in_room, reporter) IS NULL)
		OR "public"."chat_restriction"(in_room, reporter, 'ban', clock_timestamp()) IS NOT NULL THEN
		code := 'room_not_found';
		RETURN;
	END IF;
	is_new := false;
	SELECT known.id INTO id FROM "public"."reports" AS known
	WHERE known.room_id = in_room AND known.seq BETWEEN target AND target AND known.user_id = reporter
	ORDER BY known.seq LIMIT 1;
	IF FOUND THEN
		RETURN;
	END IF;
	SELECT stored.user_id, stored.content IS NULL AS is_erased INTO message FROM "public"."messages" AS stored
	WHERE stored.room_id = in_room AND stored.seq BETWEEN target AND target AND stored.kind = 'message'
	ORDER BY stored.seq LIMIT 1;
	IF NOT FOUND THEN
		code := 'message_not_found';
	ELSIF message.is_erased THEN
		code := 'already_deleted';
	-- The end of an account anonymizes its reports. It waits for this lock, and then sees the new one.
	ELSIF NOT EXISTS (
		SELECT FROM "public"."users" AS known WHERE known.id = reporter AND known.status = 'active' FOR SHARE SKIP LOCKED
	) THEN
		code := 'busy';
	ELSE
		INSERT INTO "public"."reports" AS new (room_id, seq, user_id, author_id, content, reason, key_id)
		VALUES (in_room, target, reporter, message.user_id, text, why, with_key)
		RETURNING new.id INTO id;
		is_new := true;
	END IF;
END
$function$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_listed_after"(room integer, place bigint, until bigint, wanted bigint, with_notices boolean)
RETURNS TABLE (first double precision, last double precision)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $function$
DECLARE
	other record;
	finish bigint;
BEGIN
	place := greatest(place, 1);
	WHILE wanted > 0 AND place <= until LOOP
		SELECT "others"."seq", "others"."message_seq" INTO other
		FROM "public"."others"
		WHERE "others"."room_id" = room AND "others"."seq" >= place AND "others"."seq" < place + wanted
			AND NOT (with_notices AND "others"."is_notice")
		ORDER BY "others"."seq" LIMIT 1;
		finish := least(coalesce(other.seq - 1, until), until, place + wanted - 1);
		IF place <= finish THEN
			first := place;
			last := finish;
			RETURN NEXT;
		END IF;
		EXIT WHEN other.seq IS NULL;
		wanted := wanted - (finish - place + 1);
		-- The next message. The end of the run may also be the end of the log.
		place := 1 + (
			SELECT max("others"."seq") FROM "public"."others"
			WHERE "others"."room_id" = room AND "others"."message_seq" = other.message_seq
		);
		IF with_notices THEN
			place := least(place, (
				SELECT "others"."seq" FROM "public"."others"
				WHERE "others"."room_id" = room AND "others"."is_notice" AND "others"."seq" > other.seq
				ORDER BY "others"."seq" LIMIT 1
			));
		END IF;
	END LOOP;
END
$function$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_stored_seqs"(integer[], integer[], text[]);
--> statement-breakpoint
DROP FUNCTION "public"."chat_written"(integer, integer, text, integer, text);

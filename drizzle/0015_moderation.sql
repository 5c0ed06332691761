-- Moderation: mutes, bans, slow mode, archived and deleted rooms.
--
-- `invite` is the lowest role that may add members to a private room: `members` or `moderators`. `deleted_at` is set while the
-- rows of a deleted room are removed.
ALTER TABLE "public"."rooms" ADD COLUMN "slow_mode_seconds" integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE "public"."rooms" ADD COLUMN "archived" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "public"."rooms" ADD COLUMN "deleted_at" timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE "public"."rooms" ADD COLUMN "invite" text DEFAULT 'members' NOT NULL;
--> statement-breakpoint
-- The rooms whose rows must still be removed.
CREATE INDEX "rooms_deleted_at_idx" ON "public"."rooms" USING btree ("deleted_at") WHERE "deleted_at" IS NOT NULL;
--> statement-breakpoint
-- A mute or a ban. It belongs to a user and a room, also if the user is not a member. `until` is null if it does not end by itself.
-- `by` is null if the host application restricted the user, or if the account of the moderator was deleted. `reason` is encrypted.
CREATE TABLE "public"."restrictions" (
	"room_id" integer NOT NULL,
	"user_id" integer NOT NULL,
	"kind" text NOT NULL,
	"until" timestamp (3) with time zone,
	"by" integer,
	"reason" text,
	"key_id" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "restrictions_pkey" PRIMARY KEY("room_id","user_id","kind")
);
--> statement-breakpoint
CREATE INDEX "restrictions_user_id_idx" ON "public"."restrictions" USING btree ("user_id","room_id");
--> statement-breakpoint
CREATE INDEX "restrictions_by_idx" ON "public"."restrictions" USING btree ("by");
--> statement-breakpoint
CREATE INDEX "restrictions_until_idx" ON "public"."restrictions" USING btree ("until");
--> statement-breakpoint
-- When each user last sent a message in a room with slow mode. The table `messages` has no index for this. Rows that are older
-- than the longest interval are removed.
CREATE TABLE "public"."last_posts" (
	"room_id" integer NOT NULL,
	"user_id" integer NOT NULL,
	"posted_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "last_posts_pkey" PRIMARY KEY("room_id","user_id")
);
--> statement-breakpoint
-- The messages that must be deleted after a ban: those of the user since `since`, up to the entry `next_seq`.
CREATE TABLE "public"."ban_erasures" (
	"room_id" integer NOT NULL,
	"user_id" integer NOT NULL,
	"by" integer,
	"since" timestamp (3) with time zone NOT NULL,
	"next_seq" bigint NOT NULL,
	"leased_until" timestamp (3) with time zone,
	CONSTRAINT "ban_erasures_pkey" PRIMARY KEY("room_id","user_id")
);
--> statement-breakpoint
-- Notifies the processes of every change of a room that they keep in memory. An append does not update these columns.
DROP TRIGGER "chat_room_updated" ON "public"."rooms";
--> statement-breakpoint
CREATE TRIGGER "chat_room_updated"
	AFTER UPDATE OF "title", "topic", "guarded", "slow_mode_seconds", "archived", "invite", "deleted_at" ON "public"."rooms"
	FOR EACH ROW WHEN (
		(OLD.title, OLD.topic, OLD.guarded, OLD.slow_mode_seconds, OLD.archived, OLD.invite, OLD.deleted_at)
		IS DISTINCT FROM (NEW.title, NEW.topic, NEW.guarded, NEW.slow_mode_seconds, NEW.archived, NEW.invite, NEW.deleted_at)
	) EXECUTE FUNCTION "public"."chat_room_changed"();
--> statement-breakpoint
-- Returns whether a user is an active administrator.
CREATE FUNCTION "public"."chat_is_admin"("of_user" integer) RETURNS boolean
LANGUAGE sql STABLE AS $function$
	SELECT EXISTS (
		SELECT FROM "public"."users" AS known WHERE known.id = of_user AND known.role = 'admin' AND known.status = 'active'
	)
$function$;
--> statement-breakpoint
-- Returns the rank of a user in a room. Administrators are above the owners of public rooms.
CREATE FUNCTION "public"."chat_rank_in"("in_room" integer, "of_user" integer) RETURNS integer
LANGUAGE sql STABLE AS $function$
	SELECT CASE
		WHEN "public"."chat_is_admin"(of_user)
			AND (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room) = 'public' THEN 4
		ELSE "public"."chat_rank"("public"."chat_role_of"(in_room, of_user))
	END
$function$;
--> statement-breakpoint
-- Returns the end of a mute or a ban that applies at a moment. Returns `infinity` if it does not end by itself, and NULL if there is
-- none.
CREATE FUNCTION "public"."chat_restriction"("in_room" integer, "of_user" integer, "of_kind" text, "moment" timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE AS $function$
	SELECT (
		SELECT coalesce(known.until, 'infinity') FROM "public"."restrictions" AS known
		WHERE known.room_id = in_room AND known.user_id = of_user AND known.kind = of_kind
			AND (known.until IS NULL OR known.until > moment)
	)
$function$;
--> statement-breakpoint
-- Returns a refusal as JSON: its code, and the time at which the restriction ends, if it ends.
CREATE FUNCTION "public"."chat_refused"("code" text, "until" timestamptz DEFAULT 'infinity') RETURNS jsonb
LANGUAGE sql STABLE AS $function$
	SELECT CASE
		WHEN until = 'infinity' THEN jsonb_build_object('code', code)
		ELSE jsonb_build_object('code', code, 'until', round(extract(epoch FROM until) * 1000))
	END
$function$;
--> statement-breakpoint
-- Decides whether an author may append an entry to a room now. Must be called under the lock of the room. Returns NULL if the entry
-- is allowed, and otherwise the `code` of the refusal with `until` or `retry_after_ms`. In rooms that are not `guarded`, every
-- entry is allowed, and the function is not called.
CREATE FUNCTION "public"."chat_refusal"(
	"in_room" integer,
	"author" integer,
	"entry_kind" text,
	"target" bigint,
	"given" jsonb,
	"moment" timestamptz
) RETURNS jsonb
LANGUAGE sql STABLE AS $function$
	SELECT (
		SELECT CASE
			WHEN room.deleted_at IS NOT NULL THEN "public"."chat_refused"('room_not_found')
			-- The service appends an erasure for a user whose account has ended.
			WHEN entry_kind = 'erasure' THEN NULL
			WHEN given ? 'host' THEN CASE
				WHEN room.archived AND entry_kind NOT IN ('membership', 'room', 'deletion') THEN "public"."chat_refused"('room_archived')
			END
			WHEN room.visibility <> 'public' AND NOT EXISTS (
				SELECT FROM "public"."members" AS member WHERE member.room_id = in_room AND member.user_id = author
			) AND NOT coalesce(
				-- An administrator may join a private room.
				entry_kind = 'membership' AND room.visibility = 'private' AND given ->> 'op' = 'put'
					AND (given ->> 'subject')::bigint = author AND "public"."chat_is_admin"(author),
				false
			) THEN "public"."chat_refused"('room_not_found')
			WHEN "public"."chat_restriction"(in_room, author, 'ban', moment) IS NOT NULL
			THEN "public"."chat_refused"('banned', "public"."chat_restriction"(in_room, author, 'ban', moment))
			WHEN room.archived AND NOT coalesce(
				CASE entry_kind
					WHEN 'deletion' THEN "public"."chat_rank_in"(in_room, author) >= 2
					WHEN 'room' THEN given @> '{"archived":false}' OR given ? 'deleted'
				END,
				false
			) THEN "public"."chat_refused"('room_archived')
			WHEN "public"."chat_restriction"(in_room, author, 'mute', moment) IS NOT NULL AND NOT coalesce(
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
			) THEN "public"."chat_refused"('muted', "public"."chat_restriction"(in_room, author, 'mute', moment))
			WHEN room.slow_mode_seconds > 0 AND entry_kind = 'message' AND EXISTS (
				SELECT FROM "public"."last_posts" AS last
				WHERE last.room_id = in_room AND last.user_id = author
					AND last.posted_at + room.slow_mode_seconds * interval '1 second' > moment
			) AND "public"."chat_rank_in"(in_room, author) < 2 THEN (
				SELECT jsonb_build_object('code', 'slow_mode', 'retry_after_ms', ceil(
					extract(epoch FROM last.posted_at + room.slow_mode_seconds * interval '1 second' - moment) * 1000
				))
				FROM "public"."last_posts" AS last WHERE last.room_id = in_room AND last.user_id = author
			)
		END
		FROM "public"."rooms" AS room WHERE room.id = in_room
	)
$function$;
--> statement-breakpoint
-- Computes whether appends to a room must be checked. Must be called under the lock of the room, after each change of what
-- `chat_refusal` checks.
CREATE FUNCTION "public"."chat_guard"("in_room" integer) RETURNS void
LANGUAGE sql AS $function$
	UPDATE "public"."rooms" AS room
	SET guarded = room.visibility <> 'public' OR room.archived OR room.deleted_at IS NOT NULL OR room.slow_mode_seconds > 0
		OR EXISTS (SELECT FROM "public"."restrictions" AS known WHERE known.room_id = in_room)
	WHERE room.id = in_room
$function$;
--> statement-breakpoint
-- Removes the restrictions that have ended, in at most 100 rooms, and old rows of slow mode. Skips rooms that are locked.
CREATE FUNCTION "public"."chat_sweep_restrictions"() RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
	found integer;
BEGIN
	FOR found IN
		SELECT room.id FROM "public"."rooms" AS room
		WHERE room.id IN (
			SELECT known.room_id FROM "public"."restrictions" AS known WHERE known.until < clock_timestamp() LIMIT 100
		)
		ORDER BY room.id FOR NO KEY UPDATE SKIP LOCKED
	LOOP
		DELETE FROM "public"."restrictions" AS known WHERE known.room_id = found AND known.until < clock_timestamp();
		PERFORM "public"."chat_guard"(found);
	END LOOP;
	DELETE FROM "public"."last_posts" AS old WHERE old.posted_at < clock_timestamp() - interval '7 hours';
END
$function$;
--> statement-breakpoint
-- Returns the ids of the mentioned users who exist and may read the room, or NULL if there are none.
CREATE OR REPLACE FUNCTION "public"."chat_mentions_in"("in_room" integer, "given" jsonb) RETURNS integer[]
LANGUAGE sql STABLE AS $function$
	SELECT array_agg(mentioned.id ORDER BY mentioned.id)
	FROM unnest("public"."chat_mentions_of"(given)) AS mentioned (id)
	WHERE (SELECT room.visibility = 'public' FROM "public"."rooms" AS room WHERE room.id = in_room)
		OR "public"."chat_role_of"(in_room, mentioned.id) IS NOT NULL
$function$;
--> statement-breakpoint
-- Returns whether a user is the only owner of a room. The owners whose accounts have ended don't count.
CREATE FUNCTION "public"."chat_is_last_owner"("in_room" integer, "of_user" integer) RETURNS boolean
LANGUAGE sql STABLE AS $function$
	SELECT "public"."chat_role_of"(in_room, of_user) IS NOT DISTINCT FROM 'owner' AND NOT EXISTS (
		SELECT FROM "public"."members" AS other
		JOIN "public"."users" AS known ON known.id = other.user_id AND known.status IN ('active', 'suspended')
		WHERE other.room_id = in_room AND other.user_id <> of_user AND other.role = 'owner'
	)
$function$;
--> statement-breakpoint
-- Returns whether a room has other members than a user.
CREATE FUNCTION "public"."chat_has_others"("in_room" integer, "of_user" integer) RETURNS boolean
LANGUAGE sql STABLE AS $function$
	SELECT EXISTS (
		SELECT FROM "public"."members" AS other
		JOIN "public"."users" AS known ON known.id = other.user_id AND known.status IN ('active', 'suspended')
		WHERE other.room_id = in_room AND other.user_id <> of_user
	)
$function$;
--> statement-breakpoint
-- Applies an entry of the kind `membership` that begins or ends a mute or a ban, under the lock of the room. `given` has the
-- `subject`, the `op`, and optionally `until` (in milliseconds since the epoch), `erase` (in hours) and `host`. `reason` and `key_id`
-- are stored with the restriction. A user is restricted only by somebody of a higher rank. Returns the same as
-- `chat_change_members`.
CREATE FUNCTION "public"."chat_restrict"(
	"in_room" integer,
	"author" integer,
	"given" jsonb,
	"entry_seq" bigint,
	"reason" text,
	"key_id" text,
	"moment" timestamptz,
	OUT "code" text,
	OUT "same_seq" bigint,
	OUT "result" jsonb
) LANGUAGE plpgsql AS $function$
#variable_conflict use_variable
DECLARE
	subject integer := (SELECT known.id FROM "public"."users" AS known WHERE known.id = (given ->> 'subject')::bigint);
	op text := given ->> 'op';
	wanted text := CASE WHEN op IN ('mute', 'unmute') THEN 'mute' ELSE 'ban' END;
	is_host boolean := given ? 'host';
	rank integer := CASE WHEN is_host THEN 5 ELSE "public"."chat_rank_in"(in_room, author) END;
	ends timestamptz := to_timestamp((given ->> 'until')::double precision / 1000);
BEGIN
	-- Whoever may not restrict anybody does not learn which users exist.
	IF rank < 2 OR (NOT is_host AND (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room) = 'direct') THEN
		code := 'not_allowed';
	ELSIF subject IS NULL THEN
		code := 'user_not_found';
	ELSIF rank <= "public"."chat_rank_in"(in_room, subject) THEN
		code := 'not_allowed';
	ELSIF op IN ('unmute', 'unban') THEN
		DELETE FROM "public"."restrictions" AS known
		WHERE known.room_id = in_room AND known.user_id = subject AND known.kind = wanted;
		IF NOT FOUND THEN
			code := 'user_not_found';
		END IF;
	-- The end of an account removes the restrictions of the user. It waits for this lock, and then sees the new one.
	ELSIF NOT EXISTS (SELECT FROM "public"."users" AS known WHERE known.id = subject FOR SHARE SKIP LOCKED) THEN
		code := 'busy';
	ELSIF NOT EXISTS (
		SELECT FROM "public"."users" AS known WHERE known.id = subject AND known.status IN ('active', 'suspended')
	) THEN
		code := 'user_not_found';
	ELSIF op = 'ban' AND "public"."chat_is_last_owner"(in_room, subject) AND "public"."chat_has_others"(in_room, subject) THEN
		code := 'last_owner';
	ELSE
		INSERT INTO "public"."restrictions" AS known (room_id, user_id, kind, until, by, reason, key_id, created_at)
		VALUES (in_room, subject, wanted, ends, CASE WHEN NOT is_host THEN author END, reason, key_id, moment)
		ON CONFLICT ON CONSTRAINT "restrictions_pkey" DO UPDATE
		SET until = excluded.until, by = excluded.by, reason = excluded.reason, key_id = excluded.key_id,
			created_at = excluded.created_at;
	END IF;
	IF code IS NOT NULL THEN
		RETURN;
	END IF;

	IF op = 'ban' THEN
		DELETE FROM "public"."members" AS member WHERE member.room_id = in_room AND member.user_id = subject;
		IF given ? 'erase' THEN
			INSERT INTO "public"."ban_erasures" AS known (room_id, user_id, by, since, next_seq)
			VALUES (
				in_room, subject, CASE WHEN NOT is_host THEN author END,
				moment - (given ->> 'erase')::integer * interval '1 hour', entry_seq - 1
			)
			ON CONFLICT ON CONSTRAINT "ban_erasures_pkey" DO UPDATE
			SET by = excluded.by, since = least(known.since, excluded.since), next_seq = excluded.next_seq;
		END IF;
	END IF;
	PERFORM "public"."chat_guard"(in_room);
	result := jsonb_strip_nulls(jsonb_build_object(
		'subject', subject,
		'event', CASE op WHEN 'mute' THEN 'muted' WHEN 'unmute' THEN 'unmuted' WHEN 'ban' THEN 'banned' ELSE 'unbanned' END,
		'until', given -> 'until'
	));
END
$function$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_change_members"(integer, integer, jsonb);
--> statement-breakpoint
-- The function of 0014_members.sql. `chat_refusal` now decides whether the author may see and change the room. A banned user cannot
-- be added, and in rooms with `invite` only moderators add members.
CREATE FUNCTION "public"."chat_change_members"(
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
		event := CASE WHEN is_self THEN 'left' ELSE 'removed' END;
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
DROP FUNCTION "public"."chat_change_room"(integer, integer, jsonb);
--> statement-breakpoint
-- Applies an entry of the kind `room`, under the lock of the room. `given` has the properties to change, or `deleted`, and optionally
-- `host`. Returns the same as the function above.
CREATE FUNCTION "public"."chat_change_room"(
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
	room record;
	is_host boolean := given ? 'host';
	rank integer := CASE WHEN is_host THEN 5 ELSE "public"."chat_rank_in"(in_room, author) END;
	-- Moderators may change only the slow mode.
	needed integer := CASE WHEN given - 'slow_mode_seconds' - 'host' = '{}' THEN 2 ELSE 3 END;
	present jsonb;
BEGIN
	SELECT known.* INTO room FROM "public"."rooms" AS known WHERE known.id = in_room;
	IF (room.visibility = 'direct' AND NOT is_host) OR rank < needed
		-- Clients of every release expect this room.
		OR (room.name = 'general' AND (given ? 'deleted' OR given @> '{"archived":true}')) THEN
		code := 'not_allowed';
		RETURN;
	END IF;

	IF given ? 'deleted' THEN
		-- src/chat/rooms/room-jobs.ts deletes the rows of the room. Its name is taken until then.
		UPDATE "public"."rooms" AS known SET deleted_at = moment, guarded = true, direct_key = NULL WHERE known.id = in_room;
		result := '{"deleted":true}';
		RETURN;
	END IF;

	present := jsonb_build_object(
		'title', room.title,
		'topic', room.topic,
		'slow_mode_seconds', room.slow_mode_seconds,
		'archived', room.archived,
		'invite', room.invite
	);
	result := (
		SELECT coalesce(jsonb_object_agg(wanted.key, wanted.value), '{}') FROM jsonb_each(given) AS wanted
		WHERE present ? wanted.key AND present -> wanted.key IS DISTINCT FROM wanted.value
	);
	IF result = '{}' THEN
		same_seq := (SELECT max(entry.seq) FROM "public"."messages" AS entry WHERE entry.room_id = in_room);
		RETURN;
	END IF;
	present := present || result;
	UPDATE "public"."rooms" AS known
	SET title = present ->> 'title', topic = present ->> 'topic',
		slow_mode_seconds = (present ->> 'slow_mode_seconds')::integer, archived = (present ->> 'archived')::boolean,
		invite = present ->> 'invite'
	WHERE known.id = in_room;
	PERFORM "public"."chat_guard"(in_room);
END
$function$;
--> statement-breakpoint
-- The function of 0014_members.sql. The host application, and the deletion after a ban, may delete the messages of everybody.
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
		-- An administrator may delete the messages of other administrators too.
		IF message.user_id <> author AND NOT coalesce(given ? 'host', false)
			AND "public"."chat_rank_in"(in_room, author) < least(
				4, greatest(2, "public"."chat_rank_in"(in_room, message.user_id) + 1)
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
-- The function of 0014_members.sql, which now calls `chat_refusal` for the entries of guarded rooms.
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
	refusals jsonb[];
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

	-- In slow mode, a message of this batch may refuse a later one, so they are checked one by one.
	IF is_plain AND guarded IS NOT NULL AND slow IS NULL THEN
		refusals := ARRAY(
			SELECT CASE
				WHEN entry.room_id = ANY (guarded)
				THEN "public"."chat_refusal"(entry.room_id, entry.user_id, 'message', NULL, NULL, moment)
			END
			FROM unnest(room_ids, user_ids) WITH ORDINALITY AS entry (room_id, user_id, ord)
			ORDER BY entry.ord
		);
		IF num_nonnulls(VARIADIC refusals) > 0 THEN
			codes := ARRAY(SELECT one.refusal ->> 'code' FROM unnest(refusals) WITH ORDINALITY AS one (refusal, ord) ORDER BY one.ord);
			results := refusals::text[];
		END IF;
	ELSIF NOT is_plain OR slow IS NOT NULL THEN
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
						WHEN given.kind IN ('membership', 'room') THEN 'rooms'
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

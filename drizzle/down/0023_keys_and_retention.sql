-- Restores the functions of 0017_pins.sql and the trigger of 0015_moderation.sql.
CREATE OR REPLACE FUNCTION "public"."chat_change_room"(
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
		code := 'room_unchanged';
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
DROP TRIGGER "chat_room_updated" ON "public"."rooms";
--> statement-breakpoint
CREATE TRIGGER "chat_room_updated"
	AFTER UPDATE OF "title", "topic", "guarded", "slow_mode_seconds", "archived", "invite", "deleted_at" ON "public"."rooms"
	FOR EACH ROW WHEN (
		(OLD.title, OLD.topic, OLD.guarded, OLD.slow_mode_seconds, OLD.archived, OLD.invite, OLD.deleted_at)
		IS DISTINCT FROM (NEW.title, NEW.topic, NEW.guarded, NEW.slow_mode_seconds, NEW.archived, NEW.invite, NEW.deleted_at)
	) EXECUTE FUNCTION "public"."chat_room_changed"();
--> statement-breakpoint
ALTER TABLE "public"."rooms" DROP COLUMN "retention_days";
--> statement-breakpoint
CREATE OR REPLACE FUNCTION "public"."chat_entries_changed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	IF NOT EXISTS (SELECT FROM before) THEN
		RETURN NULL;
	END IF;
	IF (SELECT count(*) FROM (SELECT FROM before LIMIT 101) AS few) <= 100 THEN
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
		SELECT changed.room_id, changed.seq, changed.seq FROM (
			SELECT room_id, seq FROM before
			UNION
			SELECT room_id, target_seq FROM before WHERE kind = 'edit' AND target_seq IS NOT NULL
			UNION
			SELECT before.room_id, state.edit_seq
			FROM before
			JOIN "public"."message_state" AS state ON state.room_id = before.room_id AND state.seq = before.seq
			WHERE state.edit_seq IS NOT NULL
		) AS changed;
	ELSE
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
			SELECT room_id, min(seq), max(seq) FROM before GROUP BY room_id;
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
			SELECT room_id, min(target_seq), max(target_seq) FROM before
			WHERE kind = 'edit' AND target_seq IS NOT NULL GROUP BY room_id;
		INSERT INTO "public"."log_changes" (room_id, from_seq, to_seq)
			SELECT before.room_id, min(state.edit_seq), max(state.edit_seq)
			FROM before
			JOIN "public"."message_state" AS state ON state.room_id = before.room_id AND state.seq = before.seq
			WHERE state.edit_seq IS NOT NULL
			GROUP BY before.room_id;
	END IF;
	IF TG_OP = 'UPDATE' THEN
		UPDATE "public"."message_state" AS state SET pin_seq = NULL
		FROM before
		WHERE state.room_id = before.room_id AND state.seq = before.seq AND state.pin_seq IS NOT NULL AND EXISTS (
			SELECT FROM "public"."messages" AS erased
			WHERE erased.room_id = state.room_id AND erased.seq = state.seq AND erased.content IS NULL
		);
	END IF;
	IF TG_OP = 'DELETE' THEN
		DELETE FROM "public"."reactions" AS gone USING before WHERE gone.room_id = before.room_id AND gone.seq = before.seq;
		DELETE FROM "public"."message_state" AS gone USING before WHERE gone.room_id = before.room_id AND gone.seq = before.seq;
	END IF;
	PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA);
	RETURN NULL;
END
$function$;
--> statement-breakpoint
DROP TABLE "public"."keys";

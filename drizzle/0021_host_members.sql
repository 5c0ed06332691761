-- The host application adds several users to a room with one entry.
--
-- The new function below decides about several users, and calls this one for everything else.
ALTER FUNCTION "public"."chat_change_member"(integer, integer, jsonb, timestamptz) RENAME TO "chat_change_one_member";
--> statement-breakpoint
-- Applies an entry of the kind `membership`, under the lock of the room. If `given` has `subjects`, all of these users are added who are
-- not members, or nobody. Only the host application adds several users at once.
CREATE FUNCTION "public"."chat_change_member"(
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

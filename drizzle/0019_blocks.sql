-- Blocks: a user refuses to have contact with another user.
CREATE TABLE "public"."blocks" (
	"user_id" integer NOT NULL,
	"blocked_id" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "blocks_pkey" PRIMARY KEY("user_id","blocked_id")
);
--> statement-breakpoint
CREATE INDEX "blocks_blocked_id_idx" ON "public"."blocks" USING btree ("blocked_id");
--> statement-breakpoint
-- Blocks a user. A user can block at most 1,000 users. Returns why the block is refused in `code`.
CREATE FUNCTION "public"."chat_block"("blocker" integer, "other" integer, OUT "code" text) LANGUAGE plpgsql
SET lock_timeout = '1s'
AS $function$
BEGIN
	-- Both users are locked, in the order of their ids, so that neither account ends before the block is committed. The end of an account
	-- removes its blocks.
	PERFORM FROM "public"."users" AS known WHERE known.id IN (blocker, other) ORDER BY known.id FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM "public"."users" AS known WHERE known.id = blocker AND known.status = 'active') THEN
		code := 'not_allowed';
	ELSIF NOT EXISTS (
		SELECT FROM "public"."users" AS known WHERE known.id = other AND known.status IN ('active', 'suspended')
	) THEN
		code := 'user_not_found';
	ELSIF NOT EXISTS (SELECT FROM "public"."blocks" AS known WHERE known.user_id = blocker AND known.blocked_id = other) THEN
		IF (SELECT count(*) FROM "public"."blocks" AS known WHERE known.user_id = blocker) >= 1000 THEN
			code := 'too_many_blocks';
			RETURN;
		END IF;
		-- The lock of the direct room keeps a message that was checked before the block from being committed after it.
		PERFORM FROM "public"."rooms" AS room
		WHERE room.direct_key = encode(sha256(convert_to(least(blocker, other) || ',' || greatest(blocker, other), 'UTF8')), 'hex')
		FOR NO KEY UPDATE;
		INSERT INTO "public"."blocks" (user_id, blocked_id) VALUES (blocker, other);
	END IF;
END
$function$;
--> statement-breakpoint
-- Returns whether a room is a direct room of two users of whom one has blocked the other. The subqueries return a value, because
-- PostgreSQL could replace an EXISTS by a scan of all blocks.
CREATE FUNCTION "public"."chat_is_blocked"("in_room" integer) RETURNS boolean
LANGUAGE sql STABLE AS $function$
	SELECT CASE (SELECT room.visibility FROM "public"."rooms" AS room WHERE room.id = in_room)
		WHEN 'direct' THEN (
			SELECT pair.members = 2 AND coalesce(
				(SELECT true FROM "public"."blocks" AS block WHERE block.user_id = pair.one AND block.blocked_id = pair.other),
				(SELECT true FROM "public"."blocks" AS block WHERE block.user_id = pair.other AND block.blocked_id = pair.one),
				false
			)
			FROM (
				SELECT count(*) AS members, min(member.user_id) AS one, max(member.user_id) AS other
				FROM "public"."members" AS member WHERE member.room_id = in_room
			) AS pair
		)
		ELSE false
	END
$function$;
--> statement-breakpoint
-- The function of 0018_room_invitations.sql. In a direct room of two users of whom one has blocked the other, both may only delete.
CREATE OR REPLACE FUNCTION "public"."chat_refusal"(
	"in_room" integer,
	"author" integer,
	"entry_kind" text,
	"target" bigint,
	"given" jsonb,
	"moment" timestamptz
) RETURNS jsonb
LANGUAGE sql STABLE AS $function$
	SELECT CASE
		WHEN entry_kind = 'membership' AND given ? 'invitation' THEN NULL
		ELSE coalesce(
			"public"."chat_room_refusal"(in_room, author, entry_kind, target, given, moment),
			CASE
				WHEN entry_kind NOT IN ('membership', 'room', 'deletion', 'erasure') AND NOT coalesce(given ? 'host', false)
					AND "public"."chat_is_blocked"(in_room) THEN "public"."chat_refused"('not_allowed')
			END
		)
	END
$function$;
--> statement-breakpoint
-- The function of 0018_room_invitations.sql. A blocked user cannot add the user who blocked them.
CREATE OR REPLACE FUNCTION "public"."chat_change_members"(
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
	invitation record;
BEGIN
	IF NOT given ? 'invitation' THEN
		-- For a user who has blocked the author and is not a member, the result is the one for a user who does not exist.
		IF NOT given ? 'host' AND EXISTS (
			SELECT FROM "public"."blocks" AS block
			WHERE block.user_id = (given ->> 'subject')::bigint AND block.blocked_id = author
		) AND "public"."chat_role_of"(in_room, (given ->> 'subject')::integer) IS NULL THEN
			given := given || '{"subject":0}';
		END IF;
		SELECT * INTO code, same_seq, result FROM "public"."chat_change_member"(in_room, author, given, moment);
		RETURN;
	END IF;
	-- Does not wait for a revocation of the invitation, because the other entries of the batch would wait too.
	SELECT known.id INTO invitation FROM "public"."room_invitations" AS known
	WHERE known.hash = given ->> 'invitation' AND known.room_id = in_room
	FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		code := CASE
			WHEN EXISTS (SELECT FROM "public"."room_invitations" AS known WHERE known.hash = given ->> 'invitation') THEN 'busy'
			ELSE 'invitation_invalid'
		END;
	ELSIF NOT "public"."chat_may_join_by"(invitation.id, author) THEN
		code := 'invitation_invalid';
	ELSIF "public"."chat_role_of"(in_room, author) IS NOT NULL THEN
		code := 'already_member';
	-- The number of rooms of a user is limited, so that the lists of these rooms are too.
	ELSIF (
		SELECT count(*) FROM (SELECT FROM "public"."members" AS member WHERE member.user_id = author LIMIT 1000) AS few
	) >= 1000 THEN
		code := 'not_allowed';
	ELSE
		-- The invitation allows what the room does not allow to a user who is not a member, so the author joins as if the host added
		-- them.
		SELECT * INTO code, same_seq, result FROM "public"."chat_change_member"(
			in_room, author, jsonb_build_object('subject', author, 'op', 'put', 'host', true), moment
		);
		IF code IS NULL THEN
			UPDATE "public"."room_invitations" AS known SET uses_left = known.uses_left - 1 WHERE known.id = invitation.id;
		ELSIF code NOT IN ('already_member', 'busy') THEN
			code := 'invitation_invalid';
		END IF;
	END IF;
END
$function$;

-- The blocks are lost. Restores the functions of 0018_room_invitations.sql.
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
		ELSE "public"."chat_room_refusal"(in_room, author, entry_kind, target, given, moment)
	END
$function$;
--> statement-breakpoint
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
--> statement-breakpoint
DROP FUNCTION "public"."chat_is_blocked"(integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_block"(integer, integer);
--> statement-breakpoint
DROP TABLE "public"."blocks";

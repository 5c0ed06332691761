-- The mentions that members have not read.
--
-- `message_state.mentions` has the mentions of a message, but no index by user. A row exists only for a member who has not read the
-- message, and is deleted when the member reads it, so that the table stays small.
CREATE TABLE "public"."mentions" (
	"user_id" integer NOT NULL,
	"room_id" integer NOT NULL,
	"seq" bigint NOT NULL,
	CONSTRAINT "mentions_pkey" PRIMARY KEY("user_id","room_id","seq")
);
--> statement-breakpoint
-- A trigger, and not the append function, because edits, deletions, erasures and removed rows all change the mentions of a message.
-- The append of a message without mentions fires no trigger.
CREATE FUNCTION "public"."chat_mentions_changed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		DELETE FROM "public"."mentions" AS known
		WHERE known.user_id = ANY (OLD.mentions) AND known.room_id = OLD.room_id AND known.seq = OLD.seq;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		INSERT INTO "public"."mentions" (user_id, room_id, seq)
		SELECT member.user_id, NEW.room_id, NEW.seq
		FROM unnest(NEW.mentions) AS mentioned (id)
		CROSS JOIN LATERAL (
			SELECT known.user_id FROM "public"."members" AS known
			WHERE known.room_id = NEW.room_id AND known.user_id = mentioned.id AND known.read_seq < NEW.seq
			OFFSET 0
		) AS member
		ON CONFLICT DO NOTHING;
	END IF;
	RETURN NULL;
END
$function$;
--> statement-breakpoint
CREATE TRIGGER "chat_mentions_added" AFTER INSERT ON "public"."message_state"
	FOR EACH ROW WHEN (NEW.mentions IS NOT NULL) EXECUTE FUNCTION "public"."chat_mentions_changed"();
--> statement-breakpoint
CREATE TRIGGER "chat_mentions_updated" AFTER UPDATE OF "mentions" ON "public"."message_state"
	FOR EACH ROW WHEN (OLD.mentions IS DISTINCT FROM NEW.mentions) EXECUTE FUNCTION "public"."chat_mentions_changed"();
--> statement-breakpoint
CREATE TRIGGER "chat_mentions_removed" AFTER DELETE ON "public"."message_state"
	FOR EACH ROW WHEN (OLD.mentions IS NOT NULL) EXECUTE FUNCTION "public"."chat_mentions_changed"();
--> statement-breakpoint
-- If this migration was applied and reverted before, there may be unread mentions.
INSERT INTO "public"."mentions" (user_id, room_id, seq)
SELECT member.user_id, state.room_id, state.seq
FROM "public"."message_state" AS state
CROSS JOIN LATERAL unnest(state.mentions) AS mentioned (id)
JOIN "public"."members" AS member ON member.room_id = state.room_id AND member.user_id = mentioned.id AND member.read_seq < state.seq
ON CONFLICT DO NOTHING;

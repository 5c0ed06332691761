CREATE INDEX "reactions_page_old" ON "public"."reactions" USING btree ("room_id", ("seq" + 0), "key", "by_seq");
--> statement-breakpoint
CREATE INDEX "others_message_seq_old" ON "public"."others" USING btree ("room_id","message_seq","seq");
--> statement-breakpoint
CREATE UNIQUE INDEX "reports_message_user_old" ON "public"."reports" USING btree ("room_id", "seq", "user_id");
--> statement-breakpoint
DROP INDEX "public"."reactions_page_idx";
--> statement-breakpoint
ALTER INDEX "public"."reactions_page_old" RENAME TO "reactions_page_idx";
--> statement-breakpoint
DROP INDEX "public"."others_message_seq_idx";
--> statement-breakpoint
ALTER INDEX "public"."others_message_seq_old" RENAME TO "others_message_seq_idx";
--> statement-breakpoint
ALTER TABLE "public"."reports" DROP CONSTRAINT "reports_message_user_key",
	ADD CONSTRAINT "reports_message_user_key" UNIQUE USING INDEX "reports_message_user_old";
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
	WHERE known.room_id = in_room AND known.seq = target AND known.user_id = reporter;
	IF FOUND THEN
		RETURN;
	END IF;
	SELECT stored.user_id, stored.content IS NULL AS is_erased INTO message FROM "public"."messages" AS stored
	WHERE stored.room_id = in_room AND stored.seq = target AND stored.kind = 'message';
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
CREATE OR REPLACE FUNCTION "public"."chat_entries_changed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	IF NOT EXISTS (SELECT FROM before) THEN
		RETURN NULL;
	END IF;
	-- The texts stay the same, so that no process must read them again. See src/db/reencrypt.ts.
	IF TG_OP = 'UPDATE' AND current_setting('fastify_chat.is_reencryption', true) = 'true' THEN
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

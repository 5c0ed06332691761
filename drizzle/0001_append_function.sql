-- The one way into the log: a batch of entries in one round trip, atomic, numbered without a gap.
--
-- The arrays are parallel, one element an entry; a batch holds a write id once. The answer has a row for each entry in
-- the batch's order: where it stands, when it was written (milliseconds since the epoch), and whether its write id was
-- there before; then what is stored under it comes along, and nothing was added.
--
-- 1. The rooms are locked in id order, so that two batches can't deadlock; whoever waits here waits out the other's commit.
-- 2. A later statement, whose snapshot has that commit, looks for known write ids. The LATERAL look-up with its LIMIT
--    keeps this an index probe an entry: a hash join would read the whole log.
-- 3. Only what is really new is numbered, so no number is ever given out and not used.
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
) LANGUAGE plpgsql AS $function$
#variable_conflict use_column
DECLARE
	locked integer;
	moment timestamptz;
BEGIN
	-- Under a transaction-wide snapshot, step 2 would not see what another batch committed during step 1.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'chat_append needs the isolation level read committed';
	END IF;

	SELECT count(*) INTO locked FROM (
		SELECT FROM "public"."rooms" WHERE "rooms"."id" = ANY (room_ids) ORDER BY "rooms"."id" FOR NO KEY UPDATE
	) AS rooms_in_order;
	IF locked <> (SELECT count(DISTINCT room) FROM unnest(room_ids) AS room) THEN
		RAISE EXCEPTION 'chat_append was given a room that does not exist';
	END IF;

	moment := date_trunc('milliseconds', clock_timestamp());

	RETURN QUERY
	WITH given AS (
		SELECT
			entry.ord, entry.room_id, entry.user_id, entry.write_id, entry.kind, entry.content, entry.meta, entry.key_id,
			known.id AS known_id, known.seq AS known_seq, known.created_at AS known_at,
			known.content AS known_content, known.meta AS known_meta
		FROM unnest(room_ids, user_ids, write_ids, kinds, contents, metas, key_ids) WITH ORDINALITY
			AS entry (room_id, user_id, write_id, kind, content, meta, key_id, ord)
		LEFT JOIN LATERAL (
			SELECT stored.id, stored.seq, stored.created_at, stored.content, stored.meta
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
			WHERE given.known_seq IS NULL
			ORDER BY given.ord
		) AS fresh
	), inserted AS (
		INSERT INTO "public"."messages" (room_id, seq, id, kind, user_id, content, meta, key_id, write_id, created_at)
		SELECT
			given.room_id, placed.new_seq, placed.new_id, given.kind, given.user_id,
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
		coalesce(placed.new_id, given.known_id)::double precision,
		coalesce(placed.new_seq, given.known_seq)::double precision,
		(extract(epoch FROM coalesce(placed.new_at, given.known_at)) * 1000)::double precision,
		placed.ord IS NULL,
		given.known_content,
		given.known_meta
	FROM given
	LEFT JOIN placed ON placed.ord = given.ord
	ORDER BY given.ord;
END
$function$;

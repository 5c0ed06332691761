-- Accounts: sessions, addresses, one-time tokens, second factors, other issuers, the end of an account, and an audit log.
-- ON DELETE CASCADE is only for rows of "users" that an operator deletes. The service itself keeps the row of a deleted account.
ALTER TABLE "public"."users" ADD COLUMN "status" text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE "public"."users" ADD COLUMN "generation" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "public"."users" ADD COLUMN "role" text DEFAULT 'user' NOT NULL;
--> statement-breakpoint
CREATE INDEX "users_admins_idx" ON "public"."users" USING btree ("id") WHERE "role" = 'admin';
--> statement-breakpoint
-- A session without a refresh token authenticates nothing new after the token that was issued with it. The row stays until
-- `expires_at`, so that revoking the session also closes the sockets of older clients, which outlive their tokens.
CREATE TABLE "public"."sessions" (
	"id" text PRIMARY KEY,
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"generation" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"proven_at" timestamp (3) with time zone,
	"device" text,
	"address" text,
	"is_cookie" boolean DEFAULT false NOT NULL,
	"is_remembered" boolean DEFAULT false NOT NULL,
	"refresh_number" integer,
	"refresh_hash" text,
	"previous_hash" text,
	"refresh_salt" text,
	"refresh_mac_key" text,
	"rotated_at" timestamp (3) with time zone,
	"successor_used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "sessions_user_id_idx" ON "public"."sessions" USING btree ("user_id", "last_used_at");
--> statement-breakpoint
CREATE INDEX "sessions_expires_at_idx" ON "public"."sessions" USING btree ("expires_at");
--> statement-breakpoint
-- Tokens in links: only their hashes. `address_hash` and `generation` are those of the user when the token was created; a token
-- is void if they have changed.
CREATE TABLE "public"."one_time_tokens" (
	"hash" text PRIMARY KEY,
	"purpose" text NOT NULL,
	"user_id" integer REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"address_hash" text,
	"generation" integer,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "one_time_tokens_user_id_idx" ON "public"."one_time_tokens" USING btree ("user_id", "purpose");
--> statement-breakpoint
CREATE INDEX "one_time_tokens_expires_at_idx" ON "public"."one_time_tokens" USING btree ("expires_at");
--> statement-breakpoint
-- The state between two requests of one flow, such as a login that waits for a second factor.
CREATE TABLE "public"."challenges" (
	"hash" text PRIMARY KEY,
	"purpose" text NOT NULL,
	"user_id" integer REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"generation" integer,
	"data" text,
	"failures" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "challenges_user_id_idx" ON "public"."challenges" USING btree ("user_id");
--> statement-breakpoint
CREATE INDEX "challenges_expires_at_idx" ON "public"."challenges" USING btree ("expires_at");
--> statement-breakpoint
-- Keys of HMACs by which encrypted values are found. A rotation re-encrypts them, so the HMACs stay the same.
CREATE TABLE "public"."lookup_keys" (
	"name" text PRIMARY KEY,
	"secret" text NOT NULL,
	"key_id" text NOT NULL
);
--> statement-breakpoint
-- E-mail addresses. `state` is `verified` or `pending`; only verified addresses are unique.
CREATE TABLE "public"."emails" (
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"state" text NOT NULL,
	"address" text NOT NULL,
	"key_id" text NOT NULL,
	"address_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "emails_pkey" PRIMARY KEY ("user_id", "state")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "emails_verified_key" ON "public"."emails" USING btree ("address_hash") WHERE "state" = 'verified';
--> statement-breakpoint
-- Mails to send. `payload` is the template's parameters, encrypted; the link is rendered when the mail is sent. A row with
-- `kind` = 'forgot' is a request whose address is looked up by the worker. `generation` is that of the user when the mail was
-- stored: a link is not sent after it has changed. A worker that sends a mail moves `next_at` into the
-- future, so that no other worker sends it, and that another one sends it if the worker's process ends.
CREATE TABLE "public"."outbox" (
	"id" text PRIMARY KEY DEFAULT gen_random_uuid()::text,
	"kind" text NOT NULL,
	"user_id" integer REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"generation" integer,
	"payload" text NOT NULL,
	"key_id" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "outbox_next_at_idx" ON "public"."outbox" USING btree ("next_at");
--> statement-breakpoint
-- Attempts to log in, per account name and per account name and network. Names and networks are stored as HMACs. UNLOGGED, because
-- the counts need not survive a crash.
CREATE UNLOGGED TABLE "public"."login_throttles" (
	"key" text PRIMARY KEY,
	"attempts" integer NOT NULL,
	"allowed_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "login_throttles_expires_at_idx" ON "public"."login_throttles" USING btree ("expires_at");
--> statement-breakpoint
-- Counts an attempt for every key, or for none if one of the keys must wait. Returns the milliseconds until the next attempt may
-- be made, or 0 if this attempt may be made and was counted. `free` attempts of a key need no wait; then the wait begins with
-- `first_ms` and doubles with each attempt up to `max_ms`. A count ends `window_ms` after the first attempt, or after the last one
-- if `slides`. A count that would end later than its rules allow is from before the clock was set back, and has ended, too.
CREATE FUNCTION "public"."chat_count_attempt"(
	keys text[],
	free integer[],
	first_ms double precision[],
	max_ms double precision[],
	window_ms double precision[],
	slides boolean[]
) RETURNS double precision
LANGUAGE plpgsql AS $function$
DECLARE
	moment timestamptz;
	wait_ms double precision;
BEGIN
	-- Locks the rows of all keys, in the order of the keys, so that no two attempts wait for each other.
	INSERT INTO "public"."login_throttles" AS counted (key, attempts, allowed_at, expires_at)
		SELECT one.key, 0, to_timestamp(0), to_timestamp(0) FROM unnest(keys) AS one (key) ORDER BY one.key
		ON CONFLICT (key) DO UPDATE SET attempts = counted.attempts WHERE false;
	-- A stored time has milliseconds, and must not be rounded up to a time that is still to come.
	moment := date_trunc('milliseconds', clock_timestamp());
	SELECT max(least(rule.max_ms, extract(epoch FROM counted.allowed_at - moment) * 1000)) INTO wait_ms
		FROM unnest(keys, max_ms, window_ms) AS rule (key, max_ms, window_ms)
		JOIN "public"."login_throttles" AS counted ON counted.key = rule.key
		WHERE counted.expires_at > moment AND counted.expires_at < moment + 2 * rule.window_ms * interval '1 millisecond';
	IF wait_ms > 0 THEN RETURN wait_ms; END IF;
	UPDATE "public"."login_throttles" AS counted SET
			attempts = made.attempts,
			allowed_at = moment + CASE
				WHEN made.attempts < made.free THEN interval '0'
				ELSE least(made.max_ms, made.first_ms * power(2::double precision, least(30, made.attempts - made.free)))
					* interval '1 millisecond'
			END,
			expires_at = CASE
				WHEN made.attempts > 1 AND NOT made.slides THEN counted.expires_at
				ELSE moment + made.window_ms * interval '1 millisecond'
			END
		FROM (
			SELECT rule.*, 1 + CASE
					WHEN earlier.expires_at > moment
						AND earlier.expires_at < moment + 2 * rule.window_ms * interval '1 millisecond' THEN earlier.attempts
					ELSE 0
				END AS attempts
			FROM unnest(keys, free, first_ms, max_ms, window_ms, slides)
				AS rule (key, free, first_ms, max_ms, window_ms, slides)
			JOIN "public"."login_throttles" AS earlier ON earlier.key = rule.key
		) AS made
		WHERE counted.key = made.key;
	RETURN 0;
END
$function$;
--> statement-breakpoint
-- The networks from which a user logged in.
CREATE TABLE "public"."known_networks" (
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"network" text NOT NULL,
	"last_login_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "known_networks_pkey" PRIMARY KEY ("user_id", "network")
);
--> statement-breakpoint
CREATE INDEX "known_networks_last_login_at_idx" ON "public"."known_networks" USING btree ("last_login_at");
--> statement-breakpoint
-- `last_step` is the last accepted time step (RFC 6238), so that no code is accepted twice.
CREATE TABLE "public"."totp" (
	"user_id" integer PRIMARY KEY REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"secret" text NOT NULL,
	"key_id" text NOT NULL,
	"last_step" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"confirmed_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "public"."recovery_codes" (
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"used_at" timestamp (3) with time zone,
	CONSTRAINT "recovery_codes_pkey" PRIMARY KEY ("user_id", "prefix")
);
--> statement-breakpoint
CREATE TABLE "public"."passkeys" (
	"id" text PRIMARY KEY,
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"public_key" text NOT NULL,
	"counter" bigint NOT NULL,
	"rp_id" text NOT NULL,
	"transports" text[] NOT NULL,
	"name" text NOT NULL,
	"is_backed_up" boolean NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"last_used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "passkeys_user_id_idx" ON "public"."passkeys" USING btree ("user_id");
--> statement-breakpoint
-- The random id by which passkeys know a user (WebAuthn's user handle).
CREATE TABLE "public"."passkey_handles" (
	"user_id" integer PRIMARY KEY REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"handle" text NOT NULL,
	CONSTRAINT "passkey_handles_handle_key" UNIQUE ("handle")
);
--> statement-breakpoint
-- Users of another issuer: `sub` is unique per `iss`. Tokens that the issuer issued before `tokens_from` are void: it is when the user
-- got a new generation, which these tokens do not contain.
CREATE TABLE "public"."identities" (
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"user_id" integer NOT NULL REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"tokens_from" timestamp (3) with time zone,
	CONSTRAINT "identities_pkey" PRIMARY KEY ("issuer", "subject"),
	CONSTRAINT "identities_user_id_key" UNIQUE ("user_id")
);
--> statement-breakpoint
-- Accounts that are being deleted. `step` is the next step: `anonymize` the user, `erase` the entries room by room, `sweep` those
-- that were still being appended when the account ended. `room_id` is the last room in which the step is done.
CREATE TABLE "public"."deletions" (
	"user_id" integer PRIMARY KEY REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"is_erased" boolean NOT NULL,
	"step" text DEFAULT 'anonymize' NOT NULL,
	"room_id" integer DEFAULT 0 NOT NULL,
	"requested_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"leased_until" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE INDEX "deletions_requested_at_idx" ON "public"."deletions" USING btree ("requested_at") WHERE "finished_at" IS NULL;
--> statement-breakpoint
-- The last export of each user's data. `claim` identifies the running one, which is over when `leased_until` has passed.
CREATE TABLE "public"."exports" (
	"user_id" integer PRIMARY KEY REFERENCES "public"."users" ("id") ON DELETE CASCADE,
	"claim" text NOT NULL,
	"leased_until" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone
);
--> statement-breakpoint
-- Names of deleted accounts, as HMACs, which are not given out until `until`.
CREATE TABLE "public"."held_names" (
	"hash" text PRIMARY KEY,
	"until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
-- `hour` is not null in rows that count failed logins: one row per account, network and hour, until its address is blanked.
-- `kept_until` is when the row may be deleted. It is stored with the row, so that a later change of the setting shortens nothing.
CREATE TABLE "public"."audit" (
	"id" bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"kept_until" timestamp (3) with time zone DEFAULT clock_timestamp() + interval '365 days' NOT NULL,
	"event" text NOT NULL,
	"user_id" integer,
	"actor_id" integer,
	"session_id" text,
	"address" text,
	"agent" text,
	"detail" jsonb,
	"hour" timestamp (3) with time zone,
	"count" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE INDEX "audit_kept_until_idx" ON "public"."audit" USING btree ("kept_until");
--> statement-breakpoint
CREATE INDEX "audit_addresses_idx" ON "public"."audit" USING btree ("at") WHERE "address" IS NOT NULL OR "agent" IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "audit_user_id_idx" ON "public"."audit" USING btree ("user_id", "id");
--> statement-breakpoint
CREATE INDEX "audit_actor_id_idx" ON "public"."audit" USING btree ("actor_id", "id") WHERE "actor_id" IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "audit_event_idx" ON "public"."audit" USING btree ("event", "id");
--> statement-breakpoint
CREATE UNIQUE INDEX "audit_failures_key" ON "public"."audit"
	USING btree ("event", coalesce("user_id", 0), "address", "hour") WHERE "hour" IS NOT NULL AND "address" IS NOT NULL;
--> statement-breakpoint
-- Rejects changes of recorded events, also by the owner of the table: only the address and the agent can be set to null, a count
-- can increase, and a row can be deleted after `kept_until`.
CREATE FUNCTION "public"."chat_audit_changed"() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $function$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.kept_until <= clock_timestamp() THEN RETURN OLD; END IF;
	ELSIF TG_OP = 'UPDATE' THEN
		IF to_jsonb(NEW) - ARRAY['address', 'agent', 'count'] = to_jsonb(OLD) - ARRAY['address', 'agent', 'count']
			AND coalesce(NEW.address = OLD.address, NEW.address IS NULL)
			AND coalesce(NEW.agent = OLD.agent, NEW.agent IS NULL)
			AND (NEW.count = OLD.count OR (OLD.hour IS NOT NULL AND NEW.count > OLD.count))
		THEN RETURN NEW; END IF;
	END IF;
	RAISE restrict_violation USING MESSAGE = 'events of the audit log cannot be changed, and not deleted before "kept_until"';
END
$function$;
--> statement-breakpoint
CREATE TRIGGER "chat_audit_changed" BEFORE UPDATE OR DELETE ON "public"."audit"
	FOR EACH ROW EXECUTE FUNCTION "public"."chat_audit_changed"();
--> statement-breakpoint
CREATE TRIGGER "chat_audit_truncated" BEFORE TRUNCATE ON "public"."audit"
	FOR EACH STATEMENT EXECUTE FUNCTION "public"."chat_audit_changed"();
--> statement-breakpoint
-- As in 0005_changes.sql, and in addition: a user whose status or generation changed. A new generation ends every session and
-- every token of a lower one.
CREATE OR REPLACE FUNCTION "public"."chat_users_updated"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_nestloop = off AS $function$
DECLARE
	revoked bigint;
	renamed bigint;
BEGIN
	INSERT INTO "public"."revocations" (uid, reason)
		SELECT before.id, 'deleted' FROM before WHERE NOT EXISTS (SELECT FROM after WHERE after.id = before.id)
		UNION ALL
		SELECT after.id, CASE WHEN after.status = 'active' THEN 'generation' ELSE after.status END
		FROM after JOIN before ON before.id = after.id
		WHERE after.generation <> before.generation OR after.status <> before.status;
	GET DIAGNOSTICS revoked = ROW_COUNT;
	IF revoked > 0 THEN
		UPDATE "public"."identities" AS identity SET tokens_from = clock_timestamp()
			FROM after JOIN before ON before.id = after.id
			WHERE identity.user_id = after.id AND after.generation <> before.generation;
	END IF;
	INSERT INTO "public"."log_changes" (user_id)
		SELECT after.id FROM after LEFT JOIN before ON before.id = after.id
		WHERE after.username IS DISTINCT FROM before.username;
	GET DIAGNOSTICS renamed = ROW_COUNT;
	IF revoked + renamed > 0 THEN PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA); END IF;
	RETURN NULL;
END
$function$;
--> statement-breakpoint
-- A session is revoked by deleting its row. Expired rows are deleted too, but nobody needs to know.
CREATE FUNCTION "public"."chat_sessions_deleted"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
BEGIN
	INSERT INTO "public"."revocations" (uid, sid, reason)
		SELECT before.user_id, before.id, 'session' FROM before WHERE before.expires_at > clock_timestamp();
	IF FOUND THEN PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA); END IF;
	RETURN NULL;
END
$function$;
--> statement-breakpoint
CREATE TRIGGER "chat_sessions_deleted" AFTER DELETE ON "public"."sessions"
	REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION "public"."chat_sessions_deleted"();
--> statement-breakpoint
CREATE TRIGGER "chat_truncated" AFTER TRUNCATE ON "public"."sessions"
	FOR EACH STATEMENT EXECUTE FUNCTION "public"."chat_truncated"();

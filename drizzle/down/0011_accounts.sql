-- Sessions, addresses, second factors and the audit log are lost. Suspended users can log in again.
CREATE OR REPLACE FUNCTION "public"."chat_users_updated"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_nestloop = off AS $function$
BEGIN
	INSERT INTO "public"."revocations" (uid, reason)
		SELECT before.id, 'deleted' FROM before WHERE NOT EXISTS (SELECT FROM after WHERE after.id = before.id);
	INSERT INTO "public"."log_changes" (user_id)
		SELECT after.id FROM after LEFT JOIN before ON before.id = after.id
		WHERE after.username IS DISTINCT FROM before.username;
	IF FOUND THEN PERFORM "public"."chat_notify_change"(TG_TABLE_SCHEMA); END IF;
	RETURN NULL;
END
$function$;
--> statement-breakpoint
DROP TABLE "public"."audit";
--> statement-breakpoint
DROP FUNCTION "public"."chat_audit_changed"();
--> statement-breakpoint
DROP TABLE "public"."held_names";
--> statement-breakpoint
DROP TABLE "public"."exports";
--> statement-breakpoint
DROP TABLE "public"."deletions";
--> statement-breakpoint
DROP TABLE "public"."identities";
--> statement-breakpoint
DROP TABLE "public"."passkey_handles";
--> statement-breakpoint
DROP TABLE "public"."passkeys";
--> statement-breakpoint
DROP TABLE "public"."recovery_codes";
--> statement-breakpoint
DROP TABLE "public"."totp";
--> statement-breakpoint
DROP TABLE "public"."known_networks";
--> statement-breakpoint
DROP FUNCTION "public"."chat_count_attempt"(
	text[], integer[], double precision[], double precision[], double precision[], boolean[]
);
--> statement-breakpoint
DROP TABLE "public"."login_throttles";
--> statement-breakpoint
DROP TABLE "public"."outbox";
--> statement-breakpoint
DROP TABLE "public"."emails";
--> statement-breakpoint
DROP TABLE "public"."lookup_keys";
--> statement-breakpoint
DROP TABLE "public"."challenges";
--> statement-breakpoint
DROP TABLE "public"."one_time_tokens";
--> statement-breakpoint
DROP TABLE "public"."sessions";
--> statement-breakpoint
DROP FUNCTION "public"."chat_sessions_deleted"();
--> statement-breakpoint
ALTER TABLE "public"."users" DROP COLUMN "role", DROP COLUMN "generation", DROP COLUMN "status";

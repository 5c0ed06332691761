-- Older releases can append again.
DO $$
BEGIN
	IF to_regprocedure('"public"."chat_append_before_finish"(integer[],integer[],text[],text[],text[],text[],text[])') IS NOT NULL THEN
		DROP FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[]);
		ALTER FUNCTION "public"."chat_append_before_finish"(integer[], integer[], text[], text[], text[], text[], text[])
			RENAME TO "chat_append";
	END IF;
	DELETE FROM "public"."upgrades" WHERE "step" = 'kinds';
END
$$;
--> statement-breakpoint
DROP FUNCTION "public"."chat_finish_upgrade"();
--> statement-breakpoint
DROP TABLE "public"."processes";

-- The reports are lost.
DROP FUNCTION "public"."chat_may_review"(integer, integer);
--> statement-breakpoint
DROP FUNCTION "public"."chat_report"(integer, bigint, integer, text, text, text);
--> statement-breakpoint
DROP TABLE "public"."reports";

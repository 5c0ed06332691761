DROP TRIGGER "chat_mentions_added" ON "public"."message_state";
--> statement-breakpoint
DROP TRIGGER "chat_mentions_updated" ON "public"."message_state";
--> statement-breakpoint
DROP TRIGGER "chat_mentions_removed" ON "public"."message_state";
--> statement-breakpoint
DROP FUNCTION "public"."chat_mentions_changed"();
--> statement-breakpoint
DROP TABLE "public"."mentions";

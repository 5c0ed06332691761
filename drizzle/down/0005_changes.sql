DROP TRIGGER "chat_truncated" ON "public"."rooms";
--> statement-breakpoint
DROP TRIGGER "chat_truncated" ON "public"."messages";
--> statement-breakpoint
DROP TRIGGER "chat_truncated" ON "public"."users";
--> statement-breakpoint
DROP FUNCTION "public"."chat_truncated"();
--> statement-breakpoint
DROP TRIGGER "chat_room_deleted" ON "public"."rooms";
--> statement-breakpoint
DROP TRIGGER "chat_room_updated" ON "public"."rooms";
--> statement-breakpoint
DROP FUNCTION "public"."chat_room_changed"();
--> statement-breakpoint
DROP TRIGGER "chat_entries_deleted" ON "public"."messages";
--> statement-breakpoint
DROP TRIGGER "chat_entries_updated" ON "public"."messages";
--> statement-breakpoint
DROP FUNCTION "public"."chat_entries_changed"();
--> statement-breakpoint
DROP TRIGGER "chat_users_updated" ON "public"."users";
--> statement-breakpoint
DROP FUNCTION "public"."chat_users_updated"();
--> statement-breakpoint
DROP TRIGGER "chat_users_deleted" ON "public"."users";
--> statement-breakpoint
DROP FUNCTION "public"."chat_users_deleted"();
--> statement-breakpoint
DROP FUNCTION "public"."chat_notify_change"(text);
--> statement-breakpoint
DROP TABLE "public"."log_changes";
--> statement-breakpoint
DROP TABLE "public"."revocations";

CREATE INDEX "reactions_key_idx" ON "public"."reactions" USING btree ("room_id","seq","key","by_seq");
--> statement-breakpoint
DROP INDEX "public"."reactions_page_idx";

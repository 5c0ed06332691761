-- The index for pages of reactions with one key. The former index also matched the look-up of the reactions of one user to a
-- message. If PostgreSQL chose it for that look-up, it read all reactions to the message: for each page of messages, and two or
-- three times for each further reaction. The expression makes the index match only queries that contain it, which is the query of
-- src/db/repositories/reactions.ts. All others use the primary key.
CREATE INDEX "reactions_page_idx" ON "public"."reactions" USING btree ("room_id", ("seq" + 0), "key", "by_seq");
--> statement-breakpoint
DROP INDEX "public"."reactions_key_idx";

-- Names are unique among those who registered here. A host's users are told apart by its ids: two may have one name.
DROP INDEX "public"."users_username_key";--> statement-breakpoint
CREATE UNIQUE INDEX "users_username_key" ON "public"."users" USING btree (lower("username" collate "C")) WHERE "users"."external_id" is null;

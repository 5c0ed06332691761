-- Names must be unique again, so the id is appended to the names of a host's users. The next login restores their names.
UPDATE "public"."users" SET "username" = "username" || '#' || "id" WHERE "external_id" IS NOT NULL;
DROP INDEX "public"."users_username_key";
CREATE UNIQUE INDEX "users_username_key" ON "public"."users" USING btree (lower("username" collate "C"));

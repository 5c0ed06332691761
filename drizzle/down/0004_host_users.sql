-- All names were unique before: a host's users get their id beside theirs, until they are seen again.
UPDATE "public"."users" SET "username" = "username" || '#' || "id" WHERE "external_id" IS NOT NULL;
DROP INDEX "public"."users_username_key";
CREATE UNIQUE INDEX "users_username_key" ON "public"."users" USING btree (lower("username" collate "C"));

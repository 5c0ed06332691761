-- Rooms are listed by the bytes of their names. The index of the names' own collation can't be used for that: each part of the
-- list read and sorted the whole table.
CREATE INDEX "rooms_name_order" ON "public"."rooms" USING btree ("name" collate "C");

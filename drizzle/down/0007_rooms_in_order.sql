DROP INDEX "public"."rooms_name_order";

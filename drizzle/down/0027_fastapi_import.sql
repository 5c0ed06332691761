-- The imported users and messages stay. A later import would import them again, under other names.
DROP TABLE "public"."fastapi_import";
--> statement-breakpoint
DROP TABLE "public"."fastapi_users";
